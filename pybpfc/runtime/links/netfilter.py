"""Netfilter hooks: packets where iptables and nftables see them (kernel 6.4)."""

from __future__ import annotations

import errno
from typing import ClassVar

from pybpfc.abi.attach_types import ATTACH_TYPES
from pybpfc.diagnostics.errors import AttachError
from pybpfc.runtime.links.base import Link, MissingTarget, attach_error, create_link
from pybpfc.runtime.programs import Program

HOOKS = {"prerouting": 0, "input": 1, "forward": 2, "output": 3, "postrouting": 4}
FAMILIES = {"ipv4": 2, "ipv6": 10}

BPF_F_NETFILTER_IP_DEFRAG = 1


class NetfilterLink(Link):
    """A program on a netfilter hook of this network namespace."""

    kind: ClassVar[str] = "netfilter"


def attach(
    program: Program,
    hook: str | int | None = None,
    *,
    pf: str | int = "ipv4",
    priority: int = -128,
    defrag: bool = False,
) -> Link:
    """Attach to a hook (`prerouting`, `input`, `forward`, `output`, `postrouting`) of `ipv4` or `ipv6`."""
    if hook is None:
        raise MissingTarget(f"`{program.name}` needs a hook to attach to", remedy='attach(hook="input", pf="ipv4")')
    number = HOOKS.get(hook, -1) if isinstance(hook, str) else hook
    family = FAMILIES.get(pf, -1) if isinstance(pf, str) else pf
    if number < 0 or family < 0:
        raise AttachError(
            f"`{program.name}` could not be attached: there is no netfilter hook `{hook}` of `{pf}`",
            remedy=f"hooks are {', '.join(HOOKS)}; families are {', '.join(FAMILIES)}",
        )
    target = f"netfilter {hook} of {pf}"
    options = (family, number, priority, BPF_F_NETFILTER_IP_DEFRAG if defrag else 0)
    try:
        fd = create_link(program, 0, ATTACH_TYPES["BPF_NETFILTER"], netfilter=options)
    except OSError as error:
        raise attach_error(program, error, target, _CAUSES, ("CAP_NET_ADMIN",)) from None
    return NetfilterLink(program, fd, target)


_CAUSES = {
    errno.EINVAL: ("the hook or priority is not allowed, or the kernel is older than 6.4", "use another priority"),
    errno.ERANGE: ("the lowest and the highest priority are reserved", "use another priority"),
    errno.EAFNOSUPPORT: ("the family has no netfilter hooks in this kernel", "use `ipv4` or `ipv6`"),
    errno.EBUSY: ("a program with this priority is on the hook already", "choose another priority"),
    errno.EEXIST: ("a program with this priority is on the hook already", "choose another priority"),
    errno.ENOENT: ("the kernel lacks the defragmentation module", "leave `defrag` out"),
}
