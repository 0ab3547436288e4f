"""Lightweight tunnels: programs that a route runs its packets through (kernel 4.10; `lwt_seg6local` 4.18)."""

from __future__ import annotations

import errno
import ipaddress
import struct
from typing import ClassVar

from pybpfc.diagnostics.errors import AttachError
from pybpfc.runtime import netlink
from pybpfc.runtime.links.base import Link, MissingTarget
from pybpfc.runtime.links.netlink_attachment import NetlinkAttachment, requests
from pybpfc.runtime.links.xdp import resolve_interface
from pybpfc.runtime.netlink import attribute
from pybpfc.runtime.programs import Program

RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY, RTA_ENCAP_TYPE, RTA_ENCAP = 1, 4, 5, 6, 21, 22
ENCAP_BPF, ENCAP_SEG6_LOCAL = 6, 7
_SLOTS = {"LWT_IN": 1, "LWT_OUT": 2, "LWT_XMIT": 3}
LWT_BPF_PROG_FD, LWT_BPF_PROG_NAME, LWT_BPF_XMIT_HEADROOM = 1, 2, 4
SEG6_LOCAL_ACTION, SEG6_LOCAL_BPF, SEG6_LOCAL_ACTION_END_BPF = 1, 8, 15
RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_LINK, RTN_UNICAST = 254, 4, 253, 1
_RTMSG = struct.Struct("=BBBBBBBBI")


class RouteAttachment(NetlinkAttachment):
    """A route of ours whose packets a program sees; it goes with the attachment."""

    kind: ClassVar[str] = "route"


def attach(
    program: Program,
    route: str | None = None,
    *,
    interface: str | int | None = None,
    via: str | None = None,
    priority: int = 0,
    headroom: int = 0,
) -> Link:
    """Add a route, `"10.9.0.0/16"`, that leaves by an interface, or over a gateway, and runs the program.

    `priority` is the route's metric; `headroom` the bytes, at most 256, that an `lwt_xmit` program may add.
    """
    if route is None or interface is None:
        raise MissingTarget(
            f"`{program.name}` needs a route to attach to", remedy='attach(route="10.9.0.0/16", interface="eth0")'
        )
    try:
        network = ipaddress.ip_network(route)
        gateway = ipaddress.ip_address(via) if via is not None else None
    except ValueError as error:
        raise AttachError(f"`{program.name}` could not be attached: {error}", remedy='e.g. "10.9.0.0/16"') from None
    index, place = resolve_interface(program, interface)
    target = f"route {network} by {place}"
    named = _named(network, index, gateway, priority)
    with requests(program, target, _causes) as connection:
        wanted = netlink.NLM_F_CREATE | netlink.NLM_F_EXCL
        connection.request(netlink.RTM_NEWROUTE, wanted, named + _encapsulation(program, headroom))
    return RouteAttachment(program, connection, target, netlink.RTM_DELROUTE, named)


def _named(
    network: ipaddress.IPv4Network | ipaddress.IPv6Network,
    index: int,
    gateway: ipaddress.IPv4Address | ipaddress.IPv6Address | None,
    priority: int,
) -> bytes:
    family = 2 if network.version == 4 else 10
    scope = RT_SCOPE_LINK if gateway is None and network.version == 4 else 0
    head = (family, network.prefixlen, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, scope, RTN_UNICAST, 0)
    body = _RTMSG.pack(*head) + attribute(RTA_DST, network.network_address.packed) + attribute(RTA_OIF, index)
    body += attribute(RTA_GATEWAY, gateway.packed) if gateway is not None else b""
    return body + (attribute(RTA_PRIORITY, priority) if priority else b"")


def _encapsulation(program: Program, headroom: int) -> bytes:
    named = (attribute(LWT_BPF_PROG_FD, program.fd), attribute(LWT_BPF_PROG_NAME, program.name))
    short = program.type_name.removeprefix("BPF_PROG_TYPE_")
    if short == "LWT_SEG6LOCAL":
        kind = ENCAP_SEG6_LOCAL
        inner = [attribute(SEG6_LOCAL_ACTION, SEG6_LOCAL_ACTION_END_BPF), attribute(SEG6_LOCAL_BPF, named)]
    else:
        kind, inner = ENCAP_BPF, [attribute(_SLOTS[short], named)]
        inner += [attribute(LWT_BPF_XMIT_HEADROOM, headroom)] if headroom else []
    return attribute(RTA_ENCAP_TYPE, struct.pack("=H", kind)) + attribute(RTA_ENCAP, inner)


def _causes(error: OSError) -> dict[int, tuple[str, str]]:
    said = error.strerror or ""
    return {
        errno.EEXIST: ("there is such a route already", "choose another, or another `priority`"),
        errno.ENETDOWN: ("the interface is down", "`ip link set … up`"),
        errno.ENETUNREACH: ("the gateway can't be reached", "give a gateway on the interface's network"),
        errno.EOPNOTSUPP: (f"the kernel does not run programs in routes ({said})", "it takes CONFIG_LWTUNNEL_BPF"),
        errno.EINVAL: (said, "an SRv6 endpoint is a route of IPv6"),
    }
