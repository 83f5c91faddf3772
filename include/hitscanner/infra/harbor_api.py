"""
Harbor's REST API v2.0, as far as our project, its robots, retention and garbage need it.

Idempotent: what is there is left as it is.  Source: goharbor/harbor, `api/v2.0/swagger.yaml`.
"""

from dataclasses import dataclass, field
from typing import Any

import requests

from hitscanner.errors import HitscannerError

TIMEOUT_S = 30.0

PULL = ({"resource": "repository", "action": "pull"},)
PUSH = (*PULL, {"resource": "repository", "action": "push"})
"""The least rights: Harbor lets nobody push who may not pull."""

KEPT = 30
"""Newest pushes of each image that retention keeps: a month of daily builds."""


class HarborError(HitscannerError):
    """Harbor refused, or does not answer."""

    exit_code = 3


@dataclass(frozen=True)
class Robot:
    """An account for programs; its secret is told once, when it is made or renewed."""

    name: str
    secret: str = field(repr=False)


@dataclass(frozen=True)
class HarborApi:
    """One Harbor as its administrator."""

    url: str
    password: str = field(repr=False)
    ca: str | bool = True
    """A file, or whether to trust public authorities."""

    def check(self) -> None:
        """
        Find every component healthy.

        Raises:
            HarborError: naming those that are not.
        """
        health = self._call("GET", "/health")
        parts = health.get("components", [])
        ill = [part["name"] for part in parts if part.get("status") != "healthy"]
        if health.get("status") != "healthy" or ill:
            raise HarborError(f"Harbor is not healthy: {', '.join(ill) or 'no component'}; wait")

    def ensure_project(self, name: str) -> tuple[int, bool]:
        """Make a private project; give its id, and whether it is new."""
        found = [p for p in self._call("GET", f"/projects?name={name}") if p["name"] == name]
        if not found:
            body = {"project_name": name, "metadata": {"public": "false"}}
            self._call("POST", "/projects", body)
            return self.ensure_project(name)[0], True
        if found[0]["metadata"].get("public") == "true":
            raise HarborError(f"the project {name} is public; make it private in Harbor's pages")
        return int(found[0]["project_id"]), False

    def ensure_robot(
        self, project: str, project_id: int, name: str, access: tuple[dict[str, str], ...]
    ) -> Robot:
        """Make a robot account of the project, or renew the secret of the one that is there."""
        query = f"/robots?q=Level%3Dproject,ProjectID%3D{project_id}"
        full = f"robot${project}+{name}"
        found = next((robot for robot in self._call("GET", query) if robot["name"] == full), None)
        if found:
            renewed = self._call("PATCH", f"/robots/{found['id']}", {"secret": ""})
            return Robot(full, renewed["secret"])
        body = {
            "name": name,
            "level": "project",
            "duration": -1,
            "permissions": [{"kind": "project", "namespace": project, "access": list(access)}],
        }
        made = self._call("POST", "/robots", body)
        return Robot(made["name"], made["secret"])

    def ensure_retention(self, project: str, project_id: int) -> bool:
        """Keep the newest images of each repository; say whether that is new."""
        settings = self._call("GET", f"/projects/{project}")["metadata"]
        if settings.get("retention_id"):
            return False
        everything = {"kind": "doublestar", "pattern": "**"}
        rule = {
            "action": "retain",
            "template": "latestPushedK",
            "params": {"latestPushedK": KEPT},
            "tag_selectors": [{**everything, "decoration": "matches"}],
            "scope_selectors": {"repository": [{**everything, "decoration": "repoMatches"}]},
        }
        body = {
            "algorithm": "or",
            "scope": {"level": "project", "ref": project_id},
            "rules": [rule],
            "trigger": {"kind": "Schedule", "settings": {"cron": "0 30 3 * * 0"}},
        }
        self._call("POST", "/retentions", body)
        return True

    def ensure_garbage_collection(self) -> bool:
        """Free the room of what retention removed, weekly; say whether that is new."""
        if (self._call("GET", "/system/gc/schedule").get("schedule") or {}).get("cron"):
            return False
        schedule = {"type": "Weekly", "cron": "0 0 5 * * 0"}
        body = {"schedule": schedule, "parameters": {"delete_untagged": True}}
        self._call("POST", "/system/gc/schedule", body)
        return True

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = requests.request(
                method,
                f"{self.url}/api/v2.0{path}",
                json=body,
                auth=("admin", self.password),
                verify=self.ca,
                timeout=TIMEOUT_S,
            )
        except requests.RequestException as error:
            words = " ".join(str(error).split())[:200]
            raise HarborError(f"{self.url} does not answer: {words}; see its containers") from error
        if not answer.ok:
            raise HarborError(
                f"{method} {path}: {answer.status_code} {answer.text[:200].strip()}; "
                "see Harbor's logs under /var/log/harbor"
            )
        return answer.json() if answer.content else None
