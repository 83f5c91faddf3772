"""Who measures: those that were asked for, without those found unfit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hitscanner.domain.hosts import VantagePoint
from hitscanner.domain.inventory import Inventory
from hitscanner.errors import MeasurementFailedError


class UnfitError(MeasurementFailedError):
    """Too many of the vantage points asked for are unfit; nothing was sent."""


@dataclass(frozen=True)
class Crew:
    """The vantage points of a cycle."""

    vps: tuple[VantagePoint, ...]
    unfit: Mapping[str, str] = field(default_factory=dict)
    """Those that were asked for and are left out: name → reason."""

    @property
    def names(self) -> list[str]:
        """Name those that measure, sorted."""
        return sorted(vp.name for vp in self.vps)


def crew_of(
    inventory: Inventory, wanted: Sequence[str], unfit: Mapping[str, str], min_vp_ratio: float
) -> Crew:
    """
    Choose who measures.

    Args:
        inventory: all there are.
        wanted: names, tags, or "all".
        unfit: vantage point → why the last canary run took it out.
        min_vp_ratio: the least part of those asked for that has to be fit, 0 to 1.

    Raises:
        UnknownVantagePointError, NoVantagePointError: as `Inventory.select`.
        UnfitError: when fewer are fit, or none.
    """
    asked = inventory.select(wanted)
    fit = tuple(vp for vp in asked if vp.name not in unfit)
    left_out = {vp.name: unfit[vp.name] for vp in asked if vp.name in unfit}
    if not fit or len(fit) < min_vp_ratio * len(asked):
        name, reason = next(iter(left_out.items()))
        raise UnfitError(
            f"{len(fit)} of {len(asked)} vantage points are fit ({name}: {reason}); "
            "see them all: hitscanner inventory fitness; mend them and trigger the DAG canary"
        )
    return Crew(fit, left_out)
