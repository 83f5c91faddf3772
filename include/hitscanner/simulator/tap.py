"""TAP devices in the namespaces of vantage points; a device lives as long as its file is open."""

import fcntl
import os
import struct
from contextlib import suppress
from pathlib import Path

from pyroute2 import IPRoute

from hitscanner.simulator import addressing, netns
from hitscanner.simulator.objects import VantagePoint
from hitscanner.simulator.reply import vp_mac

DEVICE = "hs0"
_TUN = "/dev/net/tun"
_TUNSETIFF, _TUNSETCARRIER = 0x400454CA, 0x400454E2
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_QUEUE_PACKETS = 10_000
"""Probes that may wait for the simulator; the default of 1000 overflows in a scheduling hiccup."""
_IFA_F_NODAD = 0x02


def open_tap(vp: VantagePoint) -> int:
    """
    Make the device of a vantage point, with addresses and default routes; return its file.

    A TAP, not a TUN: scamper 20211212 sends no TCP probe on a device without Ethernet addresses.
    The device belongs to the namespace of the thread that opens `/dev/net/tun`.
    """
    with netns.inside(vp.netns):
        tap = os.open(_TUN, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        name_and_flags = struct.pack("16sH22x", DEVICE.encode(), _IFF_TAP | _IFF_NO_PI)
        fcntl.ioctl(tap, _TUNSETIFF, name_and_flags)
        # Some hosts turn IPv6 off for new devices.
        with suppress(OSError):
            Path(f"/proc/sys/net/ipv6/conf/{DEVICE}/disable_ipv6").write_text("0")
        with IPRoute() as ip:
            _configure(ip, vp)
    return tap


def _configure(ip: IPRoute, vp: VantagePoint) -> None:
    ip.link("set", index=ip.link_lookup(ifname="lo")[0], state="up")
    device = ip.link_lookup(ifname=DEVICE)[0]
    mac = vp_mac(vp.id).hex(":")
    ip.link("set", index=device, address=mac, txqlen=_QUEUE_PACKETS)
    ip.link("set", index=device, state="up")
    ip.addr("add", index=device, address=str(vp.address_v4), prefixlen=24 if vp.nat else 31)
    # Duplicate address detection would keep the address unusable for a second.
    ip.addr("add", index=device, address=str(vp.address_v6), prefixlen=127, flags=_IFA_F_NODAD)
    families: tuple[tuple[addressing.Version, int], ...] = ((4, 2), (6, 10))
    for version, family in families:
        gateway = addressing.to_address(version, vp.gateway(version))
        ip.route("add", family=family, dst="default", gateway=str(gateway), oif=device)


def set_carrier(tap: int, *, up: bool) -> None:
    """Plug the cable in or out; addresses and routes stay."""
    fcntl.ioctl(tap, _TUNSETCARRIER, struct.pack("i", up))
