"""
Name the AS and the place of addresses by the longest prefix, from files that users supply.

prefix→AS is RouteViews' and CAIDA's form: prefix, length, AS, separated by white space; several
origins `30_10_20`, the most frequent first; an AS set with commas.  Places are CSV with the header
`prefix,continent,country,region,city,latitude,longitude`; fields may be empty.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Generic, TypeVar

from hitscanner.errors import UsageError

Label = TypeVar("Label")

GEO_COLUMNS = ("prefix", "continent", "country", "region", "city", "latitude", "longitude")

_DATE = re.compile(r"(?<!\d)(20\d{6})(?!\d)")


@dataclass(frozen=True)
class Place:
    """Where an address is said to be; empty where the file says nothing."""

    continent: str = ""
    country: str = ""
    region: str = ""
    city: str = ""
    latitude: str = ""
    longitude: str = ""


@dataclass
class Prefixes(Generic[Label]):
    """Prefix → label, looked up by the longest match."""

    by_length: dict[tuple[int, int], dict[int, Label]] = field(default_factory=dict)
    """(version, length) → network number without host bits → label."""

    def add(self, prefix: str, label: Label) -> None:
        """Take a prefix in; ValueError if it is none."""
        network = ip_network(prefix)
        shift = network.max_prefixlen - network.prefixlen
        table = self.by_length.setdefault((network.version, network.prefixlen), {})
        table[int(network.network_address) >> shift] = label

    def find(self, address: str) -> Label | None:
        """
        Give the label of the longest prefix that holds *address*.

        >>> prefixes = Prefixes()
        >>> prefixes.add("192.0.0.0/16", 1); prefixes.add("192.0.2.0/24", 2)
        >>> prefixes.find("192.0.2.7"), prefixes.find("192.0.3.7"), prefixes.find("::1")
        (2, 1, None)
        """
        parsed = ip_address(address)
        for version, length in sorted(self.by_length, reverse=True):
            if version == parsed.version:
                key = int(parsed) >> (parsed.max_prefixlen - length)
                found = self.by_length[version, length].get(key)
                if found is not None:
                    return found
        return None


def parse_prefix2as(text: str, source: str) -> Prefixes[int]:
    """
    Read a prefix→AS file; of several origins the first.

    Raises:
        UsageError: naming the line that is none.

    >>> parse_prefix2as("192.0.2.0 24 30_10,11", "x").find("192.0.2.7")
    30
    """
    found: Prefixes[int] = Prefixes()
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            prefix, length, origins = words
            found.add(f"{prefix}/{length}", int(re.split("[_,]", origins)[0]))
        except ValueError as error:
            raise UsageError(
                f"{source} line {number}: {line!r} is no prefix, length and AS ({error});"
                " correct it"
            ) from None
    return found


def parse_places(text: str, source: str) -> Prefixes[Place]:
    r"""
    Read a file of places.

    Raises:
        UsageError: for another header, or a line that does not begin with a prefix.

    >>> line = "192.0.2.0/24,NA,US,HI,Hilo,19.7,-155.1"
    >>> places = parse_places(",".join(GEO_COLUMNS) + f"\n{line}", "x")
    >>> places.find("192.0.2.7").city
    'Hilo'
    """
    rows = csv.DictReader(text.splitlines())
    if tuple(rows.fieldnames or ()) != GEO_COLUMNS:
        raise UsageError(f"{source}: the first line is not {','.join(GEO_COLUMNS)}; add it")
    found: Prefixes[Place] = Prefixes()
    for row in rows:
        try:
            found.add(row["prefix"], Place(**{name: row[name] or "" for name in GEO_COLUMNS[1:]}))
        except ValueError as error:
            raise UsageError(f"{source} line {rows.line_num}: {error}; correct it") from None
    return found


def date_of(name: str) -> str | None:
    """
    Read the date that a file's name carries.

    >>> date_of("routeviews-rv2-20261101-1200.pfx2as"), date_of("geo.csv")
    ('20261101', None)
    """
    match = _DATE.search(name)
    return match[1] if match else None


def newest(names: Iterable[str], cycle: str) -> str | None:
    """
    Choose the file of the day of *cycle* or the last before; the first after it if there is none.

    >>> newest(["a-20261101.txt", "a-20261201.txt"], "20261122T030000Z")
    'a-20261101.txt'
    """
    dated = sorted((date, name) for name in names if (date := date_of(name)))
    before = [name for date, name in dated if date <= cycle[:8]]
    return before[-1] if before else next((name for _, name in dated), None)


def elect(labels: Iterable[Label | None]) -> Label | None:
    """
    Give what most addresses of a node say; of a tie what the first says.

    >>> elect([None, 5, 7, 7]), elect([None])
    (7, None)
    """
    counted = Counter(label for label in labels if label is not None)
    return max(counted, key=lambda label: counted[label], default=None)
