"""
What can end a run of the prober, each with the exit code and the state that `shard.json` records.

::

    ProberError
    ├── BadJobError        1  the job or the command line is wrong
    ├── StoppedError       2  asked to stop: signal, stop flag, deadline
    ├── FailedError        3  scamper or the disk failed; the finished part is kept
    └── RefusedError       4  this machine must not probe this job (now)
"""

from __future__ import annotations


class ProberError(Exception):
    """One line that names a cause and its remedy."""

    exit_code = 3
    """Status of the process that ends with this error."""

    state = "failed"
    """`state` in `shard.json` and `progress.json`."""


class BadJobError(ProberError):
    """The job directory or the command line is not usable."""

    exit_code = 1
    state = "refused"


class StoppedError(ProberError):
    """Somebody, or the deadline, asked the prober to stop."""

    exit_code = 2
    state = "stopped"


class FailedError(ProberError):
    """Scamper failed, or its result could not be kept."""


class RefusedError(ProberError):
    """A check that comes before packets did not pass."""

    exit_code = 4
    state = "refused"
