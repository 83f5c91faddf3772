"""
Target lists: named sets of addresses and prefixes, as text.

::

    # A comment, on a line of its own or after a target.
    !allow_reserved          # this list may name private or documentation space
    192.0.2.1
    198.51.100.0/24
    2001:db8::/32
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hitscanner.domain.addresses import Target, parse_target
from hitscanner.domain.names import check_list_name, did_you_mean, quote
from hitscanner.errors import EmptyListError, TargetListError

INLINE = "inline"
"""Name of the list that targets given with the parameters make."""

_ALLOW_RESERVED = "!allow_reserved"


@dataclass(frozen=True)
class TargetList:
    """A target list after reading."""

    name: str
    entries: tuple[Target, ...]
    """Addresses and prefixes in the order of the text, without duplicates."""
    allow_reserved: bool = False
    """The list may name special-purpose space, as a rehearsal's does."""
    duplicates: int = 0
    """Lines that repeated an earlier entry and were dropped."""

    def to_text(self) -> str:
        r"""
        Write the list so that `parse_target_list` reads the same entries.

        >>> parse_target_list("192.0.2.1 # a\n192.0.2.1", "two").to_text()
        '192.0.2.1\n'
        """
        directive = [_ALLOW_RESERVED] if self.allow_reserved else []
        return "\n".join([*directive, *map(str, self.entries)]) + "\n"


def parse_target_list(text: str, name: str) -> TargetList:
    r"""
    Read a target list.

    Args:
        text: one address or prefix a line, `#` comments, blank lines, directives with `!`.
        name: what the list is called; it becomes part of paths.

    Raises:
        InvalidNameError: if *name* cannot name a list.
        TargetListError: for the first line that is neither target nor directive.
        EmptyListError: if no target is left.

    >>> lab = parse_target_list("192.0.2.1\n198.51.100.0/24 # lab\n192.0.2.1\n", "lab")
    >>> lab.entries, lab.duplicates
    ((IPv4Address('192.0.2.1'), IPv4Network('198.51.100.0/24')), 1)
    """
    return _read(text.removeprefix("\ufeff").split("\n"), check_list_name(name), "line")


def parse_inline_targets(items: Sequence[str], name: str = INLINE) -> TargetList:
    """
    Read targets that were given with the parameters; the same rules, one item a line.

    Raises:
        TargetListError: for the first item that is neither target nor directive.
        EmptyListError: if no target is left.

    >>> parse_inline_targets(["192.0.2.0/31"]).entries
    (IPv4Network('192.0.2.0/31'),)
    """
    return _read(items, check_list_name(name), "item")


def _read(lines: Iterable[str], name: str, unit: str) -> TargetList:
    entries: dict[Target, None] = {}
    found = 0
    allow_reserved = False
    for number, words in _meaningful(lines):
        if words.startswith("!"):
            _check_directive(words, f"list {name}, {unit} {number}")
            allow_reserved = True
            continue
        found += 1
        entries[_target(words, f"list {name}, {unit} {number}")] = None
    if not entries:
        raise EmptyListError(
            f"list {name}: no target in it; write one address or prefix per {unit}"
        )
    return TargetList(name, tuple(entries), allow_reserved, found - len(entries))


def _meaningful(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].strip()
        if words:
            yield number, words


def _target(words: str, where: str) -> Target:
    try:
        return parse_target(words)
    except ValueError as error:
        raise TargetListError(f"{where}: {quote(words)} {error}") from None


def _check_directive(words: str, where: str) -> None:
    if words != _ALLOW_RESERVED:
        hint = did_you_mean(words, [_ALLOW_RESERVED])
        raise TargetListError(f"{where}: {quote(words)} is not a directive; {hint}")
