"""
The server's half of the node password rule (pkg/nodepassword/nodepassword.go).

The first host that comes with a name leaves a hash of its password in the
Secret `NAME.node-password.k3s` of kube-system; whoever comes later with the
name must bring the same password.
"""

import base64
import hashlib
import hmac
import os

from .api import Api, ApiError

SECRETS = "/api/v1/namespaces/kube-system/secrets"


def secret_name(node: str) -> str:
    """Return the name of the Secret."""
    return f"{node}.node-password.k3s".lower()


def verify(api: Api, node: str, password: str) -> bool:
    """Tell if *password* is that of *node*; the first one is believed and kept."""
    try:
        secret = api.call("GET", f"{SECRETS}/{secret_name(node)}")
    except ApiError as error:
        if error.status != 404:
            raise
        api.call("POST", SECRETS, _secret(node, password))
        return True
    return _matches(base64.b64decode(secret["data"]["hash"]).decode(), password)


def forget(api: Api, node: str) -> None:
    """Drop the password of *node*: k3s does when the Node is deleted (docs/architecture.md)."""
    try:
        api.call("DELETE", f"{SECRETS}/{secret_name(node)}")
    except ApiError as error:
        if error.status != 404:
            raise


def _secret(node: str, password: str) -> object:
    digest = create_hash(password).encode()
    return {
        "metadata": {"name": secret_name(node), "namespace": "kube-system"},
        "immutable": True,
        "data": {"hash": base64.b64encode(digest).decode()},
    }


def create_hash(password: str) -> str:
    """Hash *password* as k3s writes it: `$1:SALT:15:8:1:KEY` (pkg/authenticator/hash/scrypt.go)."""
    salt = os.urandom(8)
    return f"$1:{salt.hex()}:15:8:1:{_scrypt(password, salt)}"


def _matches(digest: str, password: str) -> bool:
    _, salt, _, _, _, wanted = digest.split(":")
    return hmac.compare_digest(_scrypt(password, bytes.fromhex(salt)), wanted)


def _scrypt(password: str, salt: bytes) -> str:
    made = hashlib.scrypt(
        password.encode(), salt=salt, n=1 << 15, r=8, p=1, dklen=64, maxmem=1 << 26
    )
    return base64.b64encode(made).decode().rstrip("=")
