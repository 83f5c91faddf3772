"""What the network saw: packets by vantage point, second and prefix; proof of good conduct."""

from collections import Counter, deque
from dataclasses import dataclass, field

from hitscanner.simulator import addressing
from hitscanner.simulator.addressing import Owner
from hitscanner.simulator.objects import VantagePoint
from hitscanner.simulator.packets import Probe
from hitscanner.simulator.world import World

_SECONDS_KEPT = 3600
_OPT_OUT_KEPT = 1000


@dataclass(slots=True)
class VpCounts:
    """One vantage point's packets."""

    probes: int = 0
    replies: int = 0
    per_second: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_SECONDS_KEPT))
    """(second of the simulator's clock, probes in it); seconds without a probe are absent."""
    peak_pps: int = 0


class Counts:
    """Counters of one running world; bounded, whatever the number of probes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.by_vp = {vp.name: VpCounts() for vp in world.vantage_points}
        self.by_prefix: Counter[int] = Counter()
        """Prefix number → packets to any address in it, known or not."""
        self.elsewhere = 0
        """Packets to routers, vantage points and addresses outside the simulated Internet."""
        self.opt_out = 0
        self.opt_out_packets: deque[dict[str, object]] = deque(maxlen=_OPT_OUT_KEPT)

    def probe(self, vp: VantagePoint, owner: Owner | None, probe: Probe, now_us: int) -> None:
        """Count one packet of a vantage point."""
        mine = self.by_vp[vp.name]
        mine.probes += 1
        second = now_us // 1_000_000
        if mine.per_second and mine.per_second[-1][0] == second:
            mine.per_second[-1] = (second, mine.per_second[-1][1] + 1)
        else:
            mine.per_second.append((second, 1))
        mine.peak_pps = max(mine.peak_pps, mine.per_second[-1][1])
        if owner is None or owner.kind != "prefix":
            self.elsewhere += 1
            return
        self.by_prefix[owner.number] += 1
        prefix = self._world.prefixes.get(owner.number)
        if prefix is not None and prefix.opt_out:
            self._opted_out(vp, probe, now_us)

    def reply(self, vp: str) -> None:
        """Count one packet written to a vantage point."""
        self.by_vp[vp].replies += 1

    def summary(self) -> dict[str, object]:
        """Return the totals as JSON values."""
        return {
            "vantage_points": {
                name: {"probes": mine.probes, "replies": mine.replies, "peak_pps": mine.peak_pps}
                for name, mine in self.by_vp.items()
            },
            "elsewhere": self.elsewhere,
            "opt_out": self.opt_out,
        }

    def details(self) -> dict[str, object]:
        """Return everything as JSON values: probes of each second and prefix."""
        return {
            "vantage_points": {
                name: {
                    "probes": mine.probes,
                    "replies": mine.replies,
                    "peak_pps": mine.peak_pps,
                    "per_second": [list(pair) for pair in mine.per_second],
                }
                for name, mine in self.by_vp.items()
            },
            "prefixes": {
                str(addressing.prefix_network(4, number)): count
                for number, count in sorted(self.by_prefix.items())
            },
            "elsewhere": self.elsewhere,
            "opt_out": {"packets": self.opt_out, "last": list(self.opt_out_packets)},
        }

    def _opted_out(self, vp: VantagePoint, probe: Probe, now_us: int) -> None:
        self.opt_out += 1
        self.opt_out_packets.append(
            {
                "vp": vp.name,
                "dst": str(addressing.to_address(probe.version, probe.dst)),
                "protocol": probe.protocol,
                "ttl": probe.ttl,
                "at_us": now_us,
            }
        )
