"""Traffic control: classifiers and actions of the `clsact` queueing discipline, for kernels before tcx."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from typing import ClassVar

from pybpfc.diagnostics.errors import AttachError
from pybpfc.runtime import netlink
from pybpfc.runtime.links.base import MissingTarget
from pybpfc.runtime.links.netlink_attachment import NetlinkAttachment, requests
from pybpfc.runtime.links.xdp import resolve_interface
from pybpfc.runtime.netlink import Netlink, attribute
from pybpfc.runtime.programs import Program

CLSACT, CLSACT_HANDLE = 0xFFFFFFF1, 0xFFFF0000
PARENTS = {"ingress": 0xFFFFFFF2, "egress": 0xFFFFFFF3}
_ALL_PROTOCOLS = socket.htons(3)
TCA_KIND, TCA_OPTIONS = 1, 2
TCA_BPF_FD, TCA_BPF_NAME, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT = 6, 7, 8, 1
TCA_MATCHALL_ACT = 2
TCA_ACT_KIND, TCA_ACT_OPTIONS, TCA_ACT_BPF_PARMS, TCA_ACT_BPF_FD, TCA_ACT_BPF_NAME = 1, 2, 2, 5, 6
TC_ACT_PIPE = 3

_TCMSG = struct.Struct("=BxxxiIII")


class TcFilter(NetlinkAttachment):
    """A filter of an interface's `clsact` discipline, which stays there; `priority` and `handle` name the filter."""

    kind: ClassVar[str] = "tc"
    priority: int
    handle: int


def attach(
    program: Program,
    interface: str | int | None = None,
    *,
    ifindex: int | None = None,
    direction: str = "ingress",
    priority: int = 0,
    handle: int = 0,
) -> TcFilter:
    """Attach to an interface's `ingress` or `egress` (kernel 4.5); the kernel chooses a `priority` or `handle` of 0.

    A classifier's result is what becomes of the packet (TC_ACT_OK, …): there are no further actions.
    """
    interface = interface if interface is not None else ifindex
    if interface is None:
        raise MissingTarget(f"`{program.name}` needs an interface to attach to", remedy='attach(interface="eth0")')
    if direction not in PARENTS:
        raise AttachError(f"`{direction}` is no direction", remedy="use `ingress` or `egress`")
    index, place = resolve_interface(program, interface)
    target = f"{direction} of {place}"
    with requests(program, target, _causes) as connection:
        made = _ensure_clsact(connection, index)
        try:
            priority, handle = _add(connection, program, index, direction, priority, handle)
        except BaseException:  # whatever went wrong, an interrupt too, leaves no discipline behind
            if made:
                with contextlib.suppress(OSError):
                    connection.request(netlink.RTM_DELQDISC, 0, _qdisc(index))
            raise
    named = _TCMSG.pack(0, index, handle, PARENTS[direction], priority << 16 | _ALL_PROTOCOLS)
    link = TcFilter(program, connection, target, netlink.RTM_DELTFILTER, named + attribute(TCA_KIND, _kind(program)))
    link.priority, link.handle = priority, handle
    return link


def _qdisc(index: int) -> bytes:
    return _TCMSG.pack(0, index, CLSACT_HANDLE, CLSACT, 0) + attribute(TCA_KIND, "clsact")


def _ensure_clsact(connection: Netlink, index: int) -> bool:
    """Whether the discipline had to be made."""
    try:
        connection.request(netlink.RTM_NEWQDISC, netlink.NLM_F_CREATE | netlink.NLM_F_EXCL, _qdisc(index))
    except OSError as error:
        if error.errno != errno.EEXIST:
            raise
        return False
    return True


def _is_action(program: Program) -> bool:
    return program.type_name == "BPF_PROG_TYPE_SCHED_ACT"


def _kind(program: Program) -> str:
    return "matchall" if _is_action(program) else "bpf"


def _add(
    connection: Netlink, program: Program, index: int, direction: str, priority: int, handle: int
) -> tuple[int, int]:
    """Add the filter; its priority and handle as the kernel has them."""
    if _is_action(program):
        parameters = struct.pack("=IIiii", 0, 0, TC_ACT_PIPE, 0, 0)
        inner = (
            attribute(TCA_ACT_BPF_PARMS, parameters),
            attribute(TCA_ACT_BPF_FD, program.fd),
            attribute(TCA_ACT_BPF_NAME, program.name),
        )
        action = attribute(1, (attribute(TCA_ACT_KIND, "bpf"), attribute(TCA_ACT_OPTIONS, inner)))
        options: tuple[bytes, ...] = (attribute(TCA_MATCHALL_ACT, (action,)),)
    else:
        flags = attribute(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT)
        options = (attribute(TCA_BPF_FD, program.fd), attribute(TCA_BPF_NAME, program.name), flags)
    info = priority << 16 | _ALL_PROTOCOLS
    body = _TCMSG.pack(0, index, handle, PARENTS[direction], info)
    body += attribute(TCA_KIND, _kind(program)) + attribute(TCA_OPTIONS, options)
    wanted = netlink.NLM_F_CREATE | netlink.NLM_F_EXCL | netlink.NLM_F_ECHO
    told = connection.request(netlink.RTM_NEWTFILTER, wanted, body)
    _, _, handle, _, info = _TCMSG.unpack_from(told)
    return info >> 16, handle


def _causes(error: OSError) -> dict[int, tuple[str, str]]:
    said = error.strerror or ""
    return {
        errno.ENOENT: (f"the kernel lacks a part of traffic control ({said})", "load cls_bpf, sch_ingress or act_bpf"),
        errno.EEXIST: ("a filter with this priority and handle is there already", "choose others, or leave them out"),
        errno.EINVAL: (said, "see `tc filter show`"),
        errno.ENODEV: ("there is no such interface in this network namespace", "see `ip link`"),
        errno.EOPNOTSUPP: (f"the kernel does not do that ({said})", "use tcx (kernel 6.6)"),
    }
