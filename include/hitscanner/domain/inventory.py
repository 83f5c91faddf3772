"""
The inventory: the server, the vantage points and the platform choices, read from TOML.

An error names the file, the owner of the key, the key, its value and what to give instead.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict

from hitscanner.domain.budget import Limits
from hitscanner.domain.hosts import EVERYTHING, Bastion, Server, VantagePoint
from hitscanner.domain.names import did_you_mean, quote
from hitscanner.domain.platform import Platform
from hitscanner.domain.validation import InvalidInputError, as_toml, validate
from hitscanner.errors import InventoryError, NoVantagePointError, UnknownVantagePointError

__all__ = [
    "EVERYTHING",
    "Bastion",
    "Inventory",
    "Limits",
    "Platform",
    "Server",
    "VantagePoint",
    "parse_inventory",
]


class Inventory(BaseModel):
    """Everything the project owns, checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server: Server | None = None
    platform: Platform = Platform()
    limits: Limits = Limits()
    vantage_points: tuple[VantagePoint, ...] = ()
    bastions: tuple[Bastion, ...] = ()
    source: str = "inventory"
    """Where it was read from, for messages."""

    def host(self, name: str) -> Server | VantagePoint | Bastion:
        """
        Return the server, vantage point or bastion of that name.

        Raises:
            UnknownVantagePointError: if there is none.

        >>> parse_inventory('server = {name = "centre"}', "lab.toml").host("centre").port
        22
        """
        server = [self.server] if self.server else []
        hosts: list[Server | VantagePoint | Bastion]
        hosts = [*server, *self.vantage_points, *self.bastions]
        for host in hosts:
            if host.name == name:
                return host
        raise UnknownVantagePointError(
            f"{self.source}: no host has the name {quote(name)}; "
            f"{did_you_mean(name, [host.name for host in hosts])}"
        )

    def select(self, wanted: Sequence[str]) -> tuple[VantagePoint, ...]:
        """
        Return the vantage points that *wanted* names.

        Args:
            wanted: names, tags, or "all"; order and repetition do not matter.

        Returns:
            At least one, sorted by name, none twice.

        Raises:
            UnknownVantagePointError: for the first of *wanted* that is no name and no tag.
            NoVantagePointError: if *wanted* or the inventory is empty.

        >>> lab = parse_inventory('''
        ... vantage_point = [{name = "us-0001", transport = "local", tags = ["west"]},
        ...                  {name = "de-0001", transport = "local"}]''', "lab.toml")
        >>> [vp.name for vp in lab.select(["west", "us-0001"])]
        ['us-0001']
        >>> [vp.name for vp in lab.select(["all"])]
        ['de-0001', 'us-0001']
        >>> lab.select(["us-0002"])
        Traceback (most recent call last):
        hitscanner.errors.UnknownVantagePointError: lab.toml: no vantage point has the name or tag \
"us-0002"; did you mean us-0001?
        """
        if not self.vantage_points:
            raise NoVantagePointError(
                f"{self.source}: no vantage point in it; add a [[vantage_point]]"
            )
        if not wanted:
            raise NoVantagePointError('no vantage point is asked for; name some, or "all"')
        known = {EVERYTHING} | {word for vp in self.vantage_points for word in (vp.name, *vp.tags)}
        for word in wanted:
            if word not in known:
                raise UnknownVantagePointError(
                    f"{self.source}: no vantage point has the name or tag {quote(word)}; "
                    f"{did_you_mean(word, known - {EVERYTHING})}"
                )
        chosen = set(wanted)
        points = (vp for vp in self.vantage_points if chosen & {EVERYTHING, vp.name, *vp.tags})
        return tuple(sorted(points, key=lambda vp: vp.name))

    def to_toml(self) -> str:
        """
        Write the inventory so that `parse_inventory` reads the same; defaults are left out.

        >>> print(Inventory(server=Server(name="centre")).to_toml())
        [server]
        name = "centre"
        <BLANKLINE>
        """
        tables: list[tuple[str, BaseModel]] = []
        if self.server:
            tables.append(("[server]", self.server))
        if self.platform != Platform():
            tables.append(("[platform]", self.platform))
        if self.limits != Limits():
            tables.append(("[limits]", self.limits))
        tables += [("[[bastion]]", bastion) for bastion in self.bastions]
        tables += [("[[vantage_point]]", vp) for vp in self.vantage_points]
        return "\n".join(_table(head, model) for head, model in tables)


def parse_inventory(text: str, source: str) -> Inventory:
    """
    Read an inventory.

    Args:
        text: TOML with `[server]`, `[platform]` and any number of `[[vantage_point]]`.
        source: the file's name, for messages.

    Raises:
        InventoryError: about the first thing wrong with it.

    >>> parse_inventory('server = {name = "centre"}', "inventory.toml").server.transport
    'local'
    >>> parse_inventory('platform = {storage = "tape"}', "inventory.toml")
    Traceback (most recent call last):
    hitscanner.errors.InventoryError: inventory.toml: platform: storage is "tape"; give "nfs" for \
a shared volume, "local" for a folder of the server, or "bucket", e.g. storage = "nfs"
    """
    try:
        raw = tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise InventoryError(f"{source}: not TOML: {error}; mend it there") from None
    _check_top_level(raw, source)
    points = [
        _build(VantagePoint, item, f"{source}: {_owner(item, number)}")
        for number, item in enumerate(raw.get("vantage_point", []), start=1)
    ]
    bastions = [
        _build(Bastion, item, f"{source}: bastion {number}")
        for number, item in enumerate(raw.get("bastion", []), start=1)
    ]
    _check_unique(points, source)
    server = raw.get("server")
    inventory = Inventory(
        server=None if server is None else _build(Server, server, f"{source}: server"),
        platform=_build(Platform, raw.get("platform", {}), f"{source}: platform"),
        limits=_build(Limits, raw.get("limits", {}), f"{source}: limits"),
        vantage_points=tuple(sorted(points, key=lambda vp: vp.name)),
        bastions=tuple(sorted(bastions, key=lambda bastion: bastion.name)),
        source=source,
    )
    _check_jumps(inventory)
    return inventory


_TOP_LEVEL: dict[str, tuple[type, str]] = {
    "server": (dict, "[server]"),
    "platform": (dict, "[platform]"),
    "limits": (dict, "[limits]"),
    "vantage_point": (list, "[[vantage_point]]"),
    "bastion": (list, "[[bastion]]"),
}


def _check_top_level(raw: dict[str, Any], source: str) -> None:
    for key, value in raw.items():
        if key not in _TOP_LEVEL:
            hint = did_you_mean(key, _TOP_LEVEL)
            raise InventoryError(f"{source}: unknown key {quote(key)}; {hint}")
        kind, heading = _TOP_LEVEL[key]
        items = value if isinstance(value, list) else [{}]
        if not isinstance(value, kind) or not all(isinstance(item, dict) for item in items):
            raise InventoryError(f"{source}: {key} is not a table; write {heading}, then its keys")


def _owner(item: Mapping[str, object], number: int) -> str:
    name = item.get("name")
    return f"vantage point {name if isinstance(name, str) and name.isprintable() else number}"


_Model = TypeVar("_Model", bound=BaseModel)


def _build(model: type[_Model], values: Mapping[str, object], owner: str) -> _Model:
    try:
        return validate(model, values, as_toml)
    except InvalidInputError as error:
        raise InventoryError(f"{owner}: {error}") from None


def _check_unique(points: Iterable[VantagePoint], source: str) -> None:
    """Refuse two vantage points that cannot both be real, or a tag that is a name."""
    owners: dict[tuple[str, str], str] = {}
    listed = list(points)
    for number, vp in enumerate(listed, start=1):
        for what, value, remedy in _identities(vp):
            label = f"{vp.name} (number {number})"
            other = owners.setdefault((what, value), label)
            if other != label:
                raise InventoryError(
                    f"{source}: vantage points {other} and {label} both have {what} {value}; "
                    f"{remedy}"
                )
    names = {vp.name for vp in listed}
    for vp in listed:
        for tag in names.intersection(vp.tags):
            raise InventoryError(
                f"{source}: vantage point {vp.name}: tag {quote(tag)} is the name of a "
                "vantage point; choose another tag"
            )


def _check_jumps(inventory: Inventory) -> None:
    """Refuse a way through a host that is not there, or that has to be jumped to itself."""
    server = [inventory.server] if inventory.server else []
    for host in (*server, *inventory.vantage_points, *inventory.bastions):
        if host.jump is None:
            continue
        try:
            gate = inventory.host(host.jump)
        except UnknownVantagePointError as error:
            raise InventoryError(f"{error} (jump of {host.name})") from None
        if gate.jump is not None or gate.transport != "ssh":
            raise InventoryError(
                f"{inventory.source}: {host.name}: jump is {quote(host.jump)}, which is not reached"
                " by SSH directly; name a host or bastion that is"
            )


def _identities(vp: VantagePoint) -> Iterable[tuple[str, str, str]]:
    yield "the name", vp.name, "rename one of them"
    if vp.transport == "ssh":
        yield "the address and port", f"{vp.address} {vp.port}", "correct one, or delete it"
    if vp.netns is not None:
        yield "the netns", vp.netns, "give each its own"


def _table(heading: str, model: BaseModel) -> str:
    values = model.model_dump(mode="json", exclude_defaults=True)
    # JSON's strings, numbers and arrays are TOML's, but for the raw DEL (TOML 1.0, "String").
    lines = [as_toml(key, value).replace("\x7f", "\\u007f") for key, value in values.items()]
    return "\n".join([heading, *lines]) + "\n"
