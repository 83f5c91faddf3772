"""
Delete the Jobs of one namespace that are older than any measurement lasts.

    reaper.py NAMESPACE HOURS

It runs in a pod, on the standard library alone, with that pod's service account
(https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/).  A deleted Job takes its
pods along (propagation "Background"), also when their host is gone for good.
"""

import json
import os
import ssl
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


def main(namespace, hours):
    """List, choose, delete; the count is the last line printed."""
    jobs = call("GET", f"/apis/batch/v1/namespaces/{namespace}/jobs?limit=500")["items"]
    old = forgotten(jobs, datetime.now(UTC), timedelta(hours=float(hours)))
    for name in old:
        print(f"deleting job {name}, made more than {hours} hours ago", flush=True)
        delete(namespace, name)
    print(f"{len(jobs)} jobs seen, {len(old)} deleted")


def forgotten(jobs, now, age):
    """Name the jobs made before *now* - *age*, oldest first."""
    made = sorted((job["metadata"]["creationTimestamp"], job["metadata"]["name"]) for job in jobs)
    return [name for at, name in made if datetime.fromisoformat(at) < now - age]


def delete(namespace, name):
    """Delete one Job; one that is gone already is no error."""
    body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
    try:
        call("DELETE", f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}", body)
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise


def call(method, path, body=None):
    """Ask the API server as this pod's service account."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]
    host = f"[{host}]" if ":" in host else host
    request = urllib.request.Request(  # always https
        f"https://{host}:{port}{path}",
        method=method,
        data=json.dumps(body).encode() if body else None,
        headers={
            "Authorization": "Bearer " + (ACCOUNT / "token").read_text().strip(),
            "Content-Type": "application/json",
        },
    )
    trusted = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    with urllib.request.urlopen(request, context=trusted, timeout=30) as answer:  # noqa: S310  # https
        return json.load(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
