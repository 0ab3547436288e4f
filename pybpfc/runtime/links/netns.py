"""Programs on a network namespace: socket look-up (kernel 5.9) and flow dissection (5.8)."""

from __future__ import annotations

import errno
import os
from typing import ClassVar

from pybpfc.abi.attach_types import ATTACH_TYPES
from pybpfc.diagnostics.errors import AttachError
from pybpfc.runtime.links.base import Link, attach_error, create_link
from pybpfc.runtime.programs import Program
from pybpfc.runtime.syscall import Fd


class NetnsLink(Link):
    """A program on a network namespace."""

    kind: ClassVar[str] = "network namespace"


def attach(program: Program, netns: str | int | None = None) -> Link:
    """Attach to a network namespace given by path or descriptor; by default this thread's own."""
    place = netns if netns is not None else "/proc/thread-self/ns/net"
    target = f"network namespace {place}"
    try:
        namespace = Fd(os.dup(place) if isinstance(place, int) else os.open(place, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as error:
        raise AttachError(
            f"`{program.name}` could not be attached: {place} can't be opened",
            errno=error.errno or 0,
            remedy="give a path such as /run/netns/NAME or /proc/PID/ns/net",
        ) from None
    attach_type = ATTACH_TYPES[program.expected_attach_type or "BPF_SK_LOOKUP"]
    with namespace:
        try:
            fd = create_link(program, namespace.number, attach_type)
        except OSError as error:
            raise attach_error(program, error, target, _CAUSES, ("CAP_NET_ADMIN",)) from None
    return NetnsLink(program, fd, target)


_CAUSES = {
    errno.EINVAL: ("that is no network namespace, or the kernel has no such hook", "see `ip netns`"),
    errno.EEXIST: ("a flow dissector is attached to this or to the first namespace already", "detach it first"),
    errno.E2BIG: ("64 programs are on this hook already", "detach others first"),
}
