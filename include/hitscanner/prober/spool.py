"""Where things are in the spool of a vantage point."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .errors import BadJobError

PARTIAL = ".partial"
"""Ending of a file that is still being written."""


@dataclass(frozen=True)
class JobDir:
    """
    One job: `<spool>/jobs/<list>/<cycle>/<shard>`.

    >>> job = JobDir(Path("/spool/jobs/demo/20261122T030000Z/0000"))
    >>> str(job.dnp), str(job.slice_file(7).name)
    ('/spool/dnp.txt', '0007.warts')
    """

    path: Path

    @property
    def spool(self) -> Path:
        """The spool, shared by all jobs of this vantage point."""
        return self.path.parents[3]

    @property
    def identity(self) -> Path:
        """Who this machine is; written at enrolment."""
        return self.spool / "identity.json"

    @property
    def dnp(self) -> Path:
        """The do-not-probe list of the moment."""
        return self.spool / "dnp.txt"

    @property
    def stop_flag(self) -> Path:
        """While this file exists nothing is sent."""
        return self.spool / "stop"

    @property
    def leases(self) -> Path:
        """Rate leases of all probers of this vantage point."""
        return self.spool / "leases"

    @property
    def job(self) -> Path:
        """What is asked."""
        return self.path / "job.json"

    @property
    def targets(self) -> Path:
        """One address a line, in probing order."""
        return self.path / "targets.txt"

    @property
    def lock(self) -> Path:
        """Locked by the prober that runs this job; holds its process id."""
        return self.path / "lock"

    @property
    def progress(self) -> Path:
        """How far it is."""
        return self.path / "progress.json"

    @property
    def shard(self) -> Path:
        """The result; written when a run ends."""
        return self.path / "shard.json"

    @property
    def log(self) -> Path:
        """Events of the prober and what scamper says."""
        return self.path / "prober.log"

    @property
    def slices(self) -> Path:
        """Result files."""
        return self.path / "slices"

    def slice_file(self, number: int, ending: str = ".warts") -> Path:
        """Return the file of slice *number* with *ending*."""
        return self.slices / f"{number:04d}{ending}"


def open_job_dir(path: Path) -> JobDir:
    """
    Return the job at *path*.

    Raises:
        BadJobError: if *path* is not a directory at its place in a spool.
    """
    path = path.resolve()
    if not path.is_dir():
        raise BadJobError(f"{path} is not a directory; stage the job first")
    if len(path.parents) < 4 or path.parents[2].name != "jobs":
        raise BadJobError(f"{path} is not <spool>/jobs/<list>/<cycle>/<shard>; give such a path")
    return JobDir(path)
