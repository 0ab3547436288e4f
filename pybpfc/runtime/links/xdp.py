"""XDP: packets as they come in from a network interface."""

from __future__ import annotations

import errno
import socket
from typing import ClassVar, Literal

from pybpfc.abi.attach_types import ATTACH_TYPES
from pybpfc.diagnostics.errors import AttachError
from pybpfc.runtime.links.base import Link, MissingTarget, attach_error, create_link
from pybpfc.runtime.programs import Program

Mode = Literal["auto", "generic", "native", "offload"]

_MODES: dict[str, int] = {"auto": 0, "generic": 2, "native": 4, "offload": 8}


class XdpLink(Link):
    """A program on a network interface's receive path."""

    kind: ClassVar[str] = "XDP"


def attach(
    program: Program, interface: str | int | None = None, *, ifindex: int | None = None, mode: Mode = "auto"
) -> Link:
    """Attach to an interface given by name or index (kernel 5.9).

    `native` runs in the driver, `generic` in the network stack whatever the driver, `auto` in the driver where it can.
    """
    interface = interface if interface is not None else ifindex
    if interface is None:
        raise MissingTarget(f"`{program.name}` needs an interface to attach to", remedy='attach(interface="eth0")')
    if mode not in _MODES:
        raise AttachError(f"`{mode}` is no XDP mode", remedy=f"use one of {', '.join(_MODES)}")
    index, target = resolve_interface(program, interface)
    try:
        fd = create_link(program, index, ATTACH_TYPES["BPF_XDP"], flags=_MODES[mode])
    except OSError as error:
        raise attach_error(program, error, target, _causes(mode), ("CAP_NET_ADMIN",)) from None
    return XdpLink(program, fd, target)


def resolve_interface(program: Program, interface: str | int) -> tuple[int, str]:
    """The index of an interface and how to call it; raises AttachError when there is none."""
    if isinstance(interface, int):
        try:
            return interface, f"interface {socket.if_indextoname(interface)}"
        except (OSError, OverflowError):
            return interface, f"interface {interface}"
    try:
        return socket.if_nametoindex(interface), f"interface {interface}"
    except OSError:
        names = [name for _, name in socket.if_nameindex()]
        raise AttachError(
            f"`{program.name}` could not be attached: there is no network interface `{interface}`",
            errno=errno.ENODEV,
            remedy=f"this network namespace has {', '.join(names[:12])}",
        ) from None


def _causes(mode: str) -> dict[int, tuple[str, str]]:
    native = 'use mode="generic", or a driver with XDP support'
    return {
        errno.EBUSY: (
            "another XDP program is on the interface",
            "detach it first (`bpftool net`, `ip link set dev … xdp off`)",
        ),
        errno.EEXIST: ("another XDP program is on the interface in another mode", "use the same mode, or detach it"),
        errno.ENODEV: ("there is no such interface in this network namespace", "see `ip link`"),
        errno.EOPNOTSUPP: ("the driver has no native XDP, or not for this interface's settings", native),
        errno.ERANGE: (
            "the interface's MTU is too large for native XDP",
            'lower the MTU, use xdp.frags, or mode="generic"',
        ),
        errno.EINVAL: (
            f"the interface does not take XDP in {mode} mode"
            if mode != "auto"
            else "the kernel has no XDP links (before 5.9), or the program is of the wrong kind",
            native,
        ),
    }
