"""The do-not-probe list as the centre has it at this moment, for as long as a measurement runs."""

from pathlib import Path

from hitscanner.domain.do_not_probe import DoNotProbe, parse_do_not_probe
from hitscanner.errors import DoNotProbeError

Stamp = tuple[int, int, int] | None
"""Inode, change time and size; None for a file that is not there."""


class LiveList:
    """
    Reads the list again whenever its file was replaced or rewritten.

    What is handed on is the file's bytes, whatever they are: a list that is gone or cannot be read
    silences a vantage point, as it should.

    Raises:
        DoNotProbeError: when there is no list to begin with.
    """

    def __init__(self, file: Path):
        self.file = file
        self.content: bytes | None = None
        """The file as it is, readable or not."""
        self.current = self._read()
        """The last list that could be read."""
        self._seen: Stamp = None
        self._handed_on: Stamp | bool = False

    def is_news(self) -> bool:
        """Say whether the file differs from what was `handed_on`; true before the first time."""
        stamp = _stamp(self.file)
        if stamp == self._handed_on:
            return False
        try:
            self.current = self._read()
        except DoNotProbeError as error:
            print(f"no packet goes out until this is mended: {error}")
        self._seen = stamp
        return True

    def handed_on(self) -> None:
        """Note that the vantage point has what `is_news` saw."""
        self._handed_on = self._seen

    def _read(self) -> DoNotProbe:
        self.content = self.file.read_bytes() if self.file.is_file() else None
        return parse_do_not_probe(self.content, str(self.file))


def _stamp(file: Path) -> Stamp:
    try:
        stat = file.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_ctime_ns, stat.st_size
