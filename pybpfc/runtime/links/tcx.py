"""tcx and netkit: packets at hooks of an interface, with an order among programs (kernel 6.6 and 6.7)."""

from __future__ import annotations

import errno
from typing import ClassVar

from pybpfc.abi.attach_types import ATTACH_TYPES
from pybpfc.runtime.links.base import Link, MissingTarget, attach_error, create_link
from pybpfc.runtime.links.xdp import resolve_interface
from pybpfc.runtime.programs import Program

BPF_F_BEFORE, BPF_F_AFTER, BPF_F_LINK = 1 << 3, 1 << 4, 1 << 13


class TcxLink(Link):
    """A program on an interface's ingress or egress."""

    kind: ClassVar[str] = "tcx"


class NetkitLink(TcxLink):
    """A program on one end of a netkit pair."""

    kind: ClassVar[str] = "netkit"


def attach(
    program: Program,
    interface: str | int | None = None,
    *,
    ifindex: int | None = None,
    before: Program | Link | None = None,
    after: Program | Link | None = None,
    first: bool = False,
    expected_revision: int = 0,
) -> Link:
    """Attach to an interface, behind the programs there; or `before` or `after` one of them, or as the `first`."""
    interface = interface if interface is not None else ifindex
    if interface is None:
        raise MissingTarget(f"`{program.name}` needs an interface to attach to", remedy='attach(interface="eth0")')
    index, target = resolve_interface(program, interface)
    flags, relative = order(before, after, first)
    attach_type = ATTACH_TYPES[program.expected_attach_type or "BPF_TCX_INGRESS"]
    try:
        fd = create_link(program, index, attach_type, flags=flags, ordered=(relative, expected_revision))
    except OSError as error:
        raise attach_error(program, error, target, _CAUSES, ("CAP_NET_ADMIN",)) from None
    return (NetkitLink if program.kind.attach == "netkit" else TcxLink)(program, fd, target)


def order(before: Program | Link | None, after: Program | Link | None, first: bool) -> tuple[int, int]:
    """The flags and the descriptor that place a program among the others."""
    anchor = before or after
    if anchor is None:
        return (BPF_F_BEFORE, 0) if first else (0, 0)
    flags = BPF_F_BEFORE if before is not None else BPF_F_AFTER
    return flags | (BPF_F_LINK if isinstance(anchor, Link) else 0), anchor.fd


_CAUSES = {
    errno.EINVAL: ("the kernel has no tcx (before 6.6), or the interface does not take it", "see `uname -r`"),
    errno.ENODEV: ("there is no such interface in this network namespace", "see `ip link`"),
    errno.EEXIST: ("this program is on the interface already", "detach it first"),
    errno.ENOENT: ("the program to be placed next to is not on this interface", "leave `before`/`after` out"),
    errno.ESTALE: ("the programs on the interface changed meanwhile", "query the revision again and repeat"),
    errno.ERANGE: ("64 programs are on this hook already", "detach others first"),
}
