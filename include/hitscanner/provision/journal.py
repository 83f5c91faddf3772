"""A unit's journal from one moment on, read as it grows."""

from dataclasses import dataclass

from hitscanner.infra.remote import Remote

CURSOR = "-- cursor: "
"""What journalctl(1) --show-cursor ends with."""


@dataclass
class Journal:
    """The new lines of each reading, and where the next begins."""

    remote: Remote
    unit: str
    cursor: str = ""
    news: str = ""
    last_line: str = "its journal is empty"

    @classmethod
    async def at_end(cls, remote: Remote, unit: str) -> "Journal":
        """Open it behind its last line."""
        done = await remote.run(f"journalctl --unit {unit} --lines 0 --show-cursor --quiet")
        journal = cls(remote, unit)
        journal._take(done.out)
        return journal

    async def read(self) -> bool:
        """Fetch what is new, and say whether the unit is active."""
        after = f"--after-cursor '{self.cursor}'" if self.cursor else ""
        done = await self.remote.run(
            f"systemctl show --property ActiveState --value {self.unit}\n"
            f"journalctl --unit {self.unit} {after} --lines 500 --output cat --no-pager --quiet"
            " --show-cursor 2>/dev/null"
        )
        state, _, rest = done.out.partition("\n")
        self._take(rest)
        return state == "active"

    def _take(self, text: str) -> None:
        lines = text.splitlines()
        if lines and lines[-1].startswith(CURSOR):
            self.cursor = lines.pop().removeprefix(CURSOR)
        self.news = "\n".join(lines)
        self.last_line = next((line for line in reversed(lines) if line), self.last_line)
