"""`k3s secrets-encrypt status` (docs/cli/secrets-encrypt.md)."""

from .layout import Layout


def status(layout: Layout) -> None:
    """Tell whether Secrets are encrypted in the datastore."""
    if not (layout.server / "cred" / "encryption-config.json").exists():
        print("Encryption Status: Disabled, no configuration file found")
        return
    print("Encryption Status: Enabled")
    print("Current Rotation Stage: start")
    print("Server Encryption Hashes: All hashes match\n")
    print("Active  Key Type  Name\n------  --------  ----\n *      AES-CBC   aescbckey")
