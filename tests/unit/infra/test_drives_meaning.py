"""What drives say is told apart, whoever says it."""

import pytest

from hitscanner.infra.drives.gcs import _meaning, auth_meaning
from hitscanner.infra.drives.rclone import meaning

RCLONE = {
    "Failed to copy: RequestTimeTooSkewed: The difference between the request time": "clock",
    "googleapi: Error 403: The user's Drive storage quota has been exceeded.": "full",
    "update stor: 552 Insufficient storage space": "full",
    "couldn't connect SSH: ssh: handshake failed: ssh: unable to authenticate": "credentials",
    "InvalidAccessKeyId: The AWS Access Key Id you provided does not exist": "credentials",
    "read metadata failed: 401 Unauthorized": "credentials",
    "dial tcp: lookup cloud.invalid: no such host": "unreachable",
    "Put: net/http: TLS handshake timeout": "unreachable",
    "SlowDown: Please reduce your request rate. status code: 503": "unreachable",
    "something never heard of": "refused",
}


@pytest.mark.parametrize(("words", "cause"), RCLONE.items())
def test_rclone_s_words_have_a_cause(words, cause):
    assert meaning(words).cause == cause


@pytest.mark.parametrize(
    ("code", "words", "cause"),
    [
        (401, "Invalid Credentials", "credentials"),
        (403, "lacks storage.objects.create", "credentials"),
        (403, "quotaExceeded", "full"),
        (429, "rate quota", "unreachable"),
        (503, "backend", "unreachable"),
        (400, "no", "refused"),
        (None, "no", "refused"),
    ],
)
def test_a_bucket_s_codes_have_a_cause(code, words, cause):
    class Error(Exception):
        pass

    error = Error(words)
    error.code = code

    assert _meaning(error).cause == cause


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("Token used too early, 1 < 2. Check that your computer's clock is set", "clock"),
        ("invalid_grant: account not found", "credentials"),
        ("Failed to establish a new connection", "unreachable"),
    ],
)
def test_google_s_refusals_of_a_key_have_a_cause(words, cause):
    assert auth_meaning(words).cause == cause
