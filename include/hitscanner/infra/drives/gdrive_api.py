"""The requests of Google Drive's API v3 that we need, with back-off and named faults."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay
from tenacity.wait import wait_random_exponential

from hitscanner.infra.drives.base import (
    CredentialsError,
    DriveFullError,
    RefusedError,
    UnreachableError,
    fault,
)
from hitscanner.infra.drives.gcs import auth_meaning

GOOGLE = "https://www.googleapis.com"
FOLDER = "application/vnd.google-apps.folder"
FIELDS = "id,name,size,md5Checksum,parents,mimeType,createdTime,appProperties"
PATIENCE_S = 300.0
"""How long a request is tried again: a network cut of a minute is waited for."""

LONGEST_WAIT_S = 30.0
BUSY = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "sharingRateLimitExceeded"})
FULL = frozenset({"storageQuotaExceeded", "teamDriveFileLimitExceeded", "quotaExceeded"})
"""Reasons of a 403 (Drive API, "Resolve errors")."""

SHARED = {"supportsAllDrives": "true"}


class TryLaterError(Exception):
    """The drive is busy or gave no answer."""

    def __init__(self, words: str, after_s: float = 0.0):
        super().__init__(words)
        self.after_s = after_s


@dataclass(frozen=True)
class Api:
    """Requests of one drive."""

    drive: str
    session: requests.Session
    """Google's `AuthorizedSession`, which is one too."""

    endpoint: str = GOOGLE
    patience_s: float = PATIENCE_S

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """
        Make a request; 429, 5xx and lost connections are tried again.

        Raises:
            DriveFaultError: what the drive said, named.
        """
        return self.patiently(lambda: self.once(method, path, **arguments))

    def patiently(self, attempt: Callable[[], requests.Response]) -> requests.Response:
        """Do *attempt* until it does not raise TryLaterError, for at most `patience_s`."""
        retrying = Retrying(
            retry=retry_if_exception_type(TryLaterError),
            wait=_wait_s,
            stop=stop_after_delay(self.patience_s),
            reraise=True,
        )
        try:
            return retrying(attempt)
        except TryLaterError as error:
            raise fault(UnreachableError, self.drive, str(error)) from error

    def once(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """Make a request once; *path* may be a whole URL."""
        url = path if path.startswith("http") else f"{self.endpoint}{path}"
        try:
            # 308 means "go on" here, not "elsewhere"
            answer = self.session.request(
                method, url, timeout=60, allow_redirects=False, **arguments
            )
        except (requests.ConnectionError, requests.Timeout) as error:
            raise TryLaterError(str(error)) from error
        except requests.RequestException as error:
            raise fault(RefusedError, self.drive, str(error)) from error
        except Exception as error:
            raise self._auth_fault(error) from error
        return self._judge(answer)

    def files(self, query: str) -> Iterator[dict[str, Any]]:
        """Give the files that *query* finds, oldest first, trash left out."""
        asked = {
            "q": f"{query} and trashed = false",
            "fields": f"nextPageToken,files({FIELDS})",
            "orderBy": "createdTime",
            "pageSize": "1000",
            "includeItemsFromAllDrives": "true",
            **SHARED,
        }
        while True:
            page = self.call("GET", "/drive/v3/files", params=asked).json()
            yield from page.get("files", ())
            if not page.get("nextPageToken"):
                return
            asked["pageToken"] = page["nextPageToken"]

    def _judge(self, answer: requests.Response) -> requests.Response:
        status = answer.status_code
        if status < 400 or status in (404, 410):
            return answer
        reason = _reason(answer)
        words = f"{status} {reason or answer.text[:200]}"
        if status in (408, 429) or status >= 500 or reason in BUSY:
            raise TryLaterError(words, _after_s(answer))
        if reason in FULL:
            raise fault(DriveFullError, self.drive, words)
        raise fault(CredentialsError if status in (401, 403) else RefusedError, self.drive, words)

    def _auth_fault(self, error: Exception) -> Exception:
        """Name what google-auth says; anything else is a mistake of ours and stays as it is."""
        if not type(error).__module__.startswith("google.auth"):
            return error
        if type(error).__name__ == "TransportError":
            return TryLaterError(str(error))
        return fault(auth_meaning(str(error)), self.drive, str(error))


def quoted(text: str) -> str:
    r"""
    Quote *text* for a query (Drive API, "Search query terms").

    >>> print(quoted("it's"))
    'it\'s'
    """
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _reason(answer: requests.Response) -> str:
    try:
        error = answer.json()["error"]
        return str(error["errors"][0]["reason"])
    except (json.JSONDecodeError, KeyError, IndexError, TypeError):
        return ""


def _after_s(answer: requests.Response) -> float:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else 0.0


_backoff_s = wait_random_exponential(multiplier=0.5, max=LONGEST_WAIT_S)


def _wait_s(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked_s = error.after_s if isinstance(error, TryLaterError) else 0.0
    return max(_backoff_s(state), asked_s)
