"""
The do-not-probe list: who asked not to hear from us.

It fails closed.  A list that is missing, holds a line that cannot be read, or holds nothing without
saying so stops every measurement; a list that is empty on purpose says `none`.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Literal

from hitscanner.domain.addresses import (
    Address,
    Prefix,
    as_prefix,
    parse_target,
    without_nested,
)
from hitscanner.domain.names import quote
from hitscanner.domain.reserved import reserved_reason
from hitscanner.errors import DoNotProbeError, NoTargetLeftError

NONE = "none"
"""The line by which a list says that it is empty on purpose."""


@dataclass(frozen=True)
class DoNotProbe:
    """The prefixes of a do-not-probe list, ready to be asked."""

    text: str
    """The list as it was read; what a vantage point gets is exactly this."""
    prefixes: tuple[Prefix, ...]
    """Disjoint and sorted, IPv4 first; a prefix inside another one is left out."""
    _first: dict[int, list[int]] = field(repr=False, compare=False)
    _by_version: dict[int, list[Prefix]] = field(repr=False, compare=False)

    @cached_property
    def sha256(self) -> str:
        """Hexadecimal digest of the text in UTF-8."""
        return sha256(self.text.encode()).hexdigest()

    def covers(self, address: Address) -> Prefix | None:
        """
        Return the listed prefix that holds *address*, the widest one, or None.

        >>> from ipaddress import ip_address
        >>> parse_do_not_probe("192.0.2.0/24", "dnp").covers(ip_address("192.0.2.9"))
        IPv4Network('192.0.2.0/24')
        """
        place = bisect_right(self._first[address.version], int(address)) - 1
        if place < 0:
            return None
        prefix = self._by_version[address.version][place]
        return prefix if address in prefix else None


def parse_do_not_probe(content: str | bytes | None, source: str) -> DoNotProbe:
    r"""
    Read a do-not-probe list, or refuse.

    Args:
        content: one prefix or address a line, `#` comments; None if there is no such file.
            Best the file's bytes: text read with newline translation has another digest.
        source: the file's name, for messages.

    Raises:
        DoNotProbeError: if the list is missing, not UTF-8, empty without `none`, or has a line
            that is neither prefix nor address.

    >>> parse_do_not_probe("192.0.2.9\n192.0.2.0/24 # asked on 2026-03-01\n", "dnp").prefixes
    (IPv4Network('192.0.2.0/24'),)
    >>> parse_do_not_probe("none\n", "dnp.txt").prefixes
    ()
    >>> parse_do_not_probe("everything\n", "dnp.txt")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    hitscanner.errors.DoNotProbeError: dnp.txt, line 1: "everything" is neither an address nor ...
    """
    text = _text(content, source)
    prefixes = without_nested(_prefixes(text, source))
    by_version = {v: [prefix for prefix in prefixes if prefix.version == v] for v in (4, 6)}
    first = {v: [int(prefix.network_address) for prefix in by_version[v]] for v in (4, 6)}
    return DoNotProbe(text, tuple(prefixes), first, by_version)


def _text(content: str | bytes | None, source: str) -> str:
    if content is None:
        raise DoNotProbeError(
            f"{source}: there is no do-not-probe list, nothing is sent; "
            f'create it, with a line "{NONE}" if nobody has opted out'
        )
    if isinstance(content, str):
        return content
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise DoNotProbeError(
            f"{source}: byte {error.start} is not UTF-8 text, nothing is sent; replace the list"
        ) from None


def _prefixes(text: str, source: str) -> list[Prefix]:
    prefixes: list[Prefix] = []
    says_none = False
    # The prober breaks lines by the same rule: what is read here must be read alike there.
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        words = line.partition("#")[0].strip()
        if words == NONE:
            says_none = True
        elif words:
            prefixes.append(_prefix(words, f"{source}, line {number}"))
    if says_none and prefixes:
        raise DoNotProbeError(
            f'{source}: the do-not-probe list says "{NONE}" and has {len(prefixes)} entries, '
            "nothing is sent; delete one or the other"
        )
    if not prefixes and not says_none:
        raise DoNotProbeError(
            f"{source}: the do-not-probe list is empty, nothing is sent; "
            f'list a prefix, or write a line "{NONE}" if nobody has opted out'
        )
    return prefixes


def _prefix(words: str, where: str) -> Prefix:
    try:
        return as_prefix(parse_target(words))
    except ValueError as error:
        raise DoNotProbeError(
            f"{where}: {quote(words)} {error} (nothing is sent before this is mended)"
        ) from None


def with_opt_outs(text: str, prefixes: Iterable[str], why: str) -> str:
    r"""
    Add *prefixes* to the text of a list, each with its reason; a line `none` goes.

    Raises:
        DoNotProbeError: for one that is neither prefix nor address.

    >>> with_opt_outs("none\n", ["192.0.2.9"], "asked by mail")
    '192.0.2.9  # asked by mail\n'
    """
    kept = [line for line in text.splitlines() if line.partition("#")[0].strip() != NONE]
    reason = " ".join(why.split())
    new = [
        f"{words.strip()}  # {reason}" for words in prefixes if _prefix(words.strip(), "opt-out")
    ]
    return "".join(f"{line}\n" for line in [*kept, *new])


@dataclass(frozen=True)
class Excluded:
    """A target that is not probed, and why."""

    address: Address
    why: Literal["do-not-probe", "reserved"]
    reason: str
    """The prefix that covers it, with what it is."""


@dataclass(frozen=True)
class Selection:
    """What is left of a list's targets; kept + excluded = all of them, in their order."""

    kept: tuple[Address, ...]
    excluded: tuple[Excluded, ...]


def select_targets(
    targets: Iterable[Address], dnp: DoNotProbe, *, allow_reserved: bool, list_name: str
) -> Selection:
    """
    Leave out the targets that somebody asked us to leave out, and those in reserved space.

    Args:
        targets: addresses, after sampling.
        dnp: the do-not-probe list; it is asked first, and no list is above it.
        allow_reserved: what the target list says about special-purpose space.
        list_name: for the message.

    Raises:
        NoTargetLeftError: if nothing is kept, with how many fell to which reason.

    >>> from ipaddress import ip_address
    >>> dnp = parse_do_not_probe("9.9.9.0/24", "dnp")
    >>> chosen = select_targets(
    ...     map(ip_address, ["9.9.9.9", "10.0.0.1", "11.0.0.1"]),
    ...     dnp, allow_reserved=False, list_name="lab")
    >>> chosen.kept, [(e.why, e.reason) for e in chosen.excluded]
    ((IPv4Address('11.0.0.1'),), [('do-not-probe', '9.9.9.0/24'), \
('reserved', 'private use (10.0.0.0/8, RFC 1918)')])
    """
    kept: list[Address] = []
    excluded: list[Excluded] = []
    for address in targets:
        verdict = _exclude(address, dnp, allow_reserved=allow_reserved)
        if verdict is None:
            kept.append(address)
        else:
            excluded.append(verdict)
    if not kept:
        raise NoTargetLeftError(_nothing_left(excluded, list_name))
    return Selection(tuple(kept), tuple(excluded))


def _exclude(address: Address, dnp: DoNotProbe, *, allow_reserved: bool) -> Excluded | None:
    if prefix := dnp.covers(address):
        return Excluded(address, "do-not-probe", str(prefix))
    if reason := reserved_reason(address, allow_reserved=allow_reserved):
        return Excluded(address, "reserved", reason)
    return None


def _nothing_left(excluded: list[Excluded], list_name: str) -> str:
    if not excluded:
        return f"list {list_name}: no target to choose from; add an address or prefix"
    counts = Counter((verdict.why, verdict.reason) for verdict in excluded)
    shown = [
        f"{count} {'on the do-not-probe list' if why == 'do-not-probe' else 'reserved'}: {reason}"
        for (why, reason), count in counts.most_common(5)
    ]
    more = f", and {len(counts) - 5} more reasons" if len(counts) > 5 else ""
    remedy = (
        "choose other targets, or write !allow_reserved into the list if they are your own"
        if any(verdict.why == "reserved" for verdict in excluded)
        else "choose other targets"
    )
    return (
        f"list {list_name}: all {len(excluded)} targets are excluded "
        f"({', '.join(shown)}{more}); {remedy}"
    )
