"""Programs on the sockets of a SOCKMAP or SOCKHASH: sk_skb and sk_msg."""

from __future__ import annotations

import errno
import os
from typing import Any, ClassVar

from pybpfc.abi.attach_types import ATTACH_TYPES
from pybpfc.runtime.attributes import ProgAttach
from pybpfc.runtime.links.base import Attachment, Link, MissingTarget, attach_error, create_link
from pybpfc.runtime.programs import Program
from pybpfc.runtime.syscall import Command, Fd, bpf


class SockmapLink(Link):
    """A program on all sockets of a map (kernel 6.10)."""

    kind: ClassVar[str] = "sockmap"


class SockmapAttachment(Attachment):
    """A program on a map's sockets, before kernel 6.10: without a link of the kernel's."""

    kind: ClassVar[str] = "sockmap"
    why_no_link = "sockmaps have BPF links from kernel 6.10"
    gone = (errno.ENOENT, errno.EINVAL)
    """Replaced by another program, or taken off."""

    def __init__(self, program: Program, map_fd: Fd, attach_type: int, target: str) -> None:
        held = Fd(os.dup(program.fd))
        super().__init__(program, map_fd, target, lambda fd: _detach(fd, held, attach_type))


def _detach(map_fd: int, program: Fd, attach_type: int) -> None:
    request = ProgAttach(target_fd=map_fd, attach_bpf_fd=program.number, attach_type=attach_type)
    bpf(Command.PROG_DETACH, request)
    program.close()


def attach(program: Program, map: Any = None) -> Link:
    """Attach to the sockets of `map`."""
    if map is None:
        raise MissingTarget(f"`{program.name}` needs a sockmap to attach to", remedy="attach(map=obj.maps[...])")
    handle = getattr(map, "handle", map)
    target = f"map {handle.name}"
    attach_type = ATTACH_TYPES.get(program.expected_attach_type or "BPF_SK_SKB_STREAM_VERDICT", 5)
    try:
        return SockmapLink(program, create_link(program, handle.fd, attach_type), target)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise attach_error(program, error, target, _CAUSES, ("CAP_NET_ADMIN",)) from None
    try:
        bpf(Command.PROG_ATTACH, ProgAttach(target_fd=handle.fd, attach_bpf_fd=program.fd, attach_type=attach_type))
    except OSError as error:
        raise attach_error(program, error, target, _CAUSES, ("CAP_NET_ADMIN",)) from None

    return SockmapAttachment(program, Fd(os.dup(handle.fd)), attach_type, target)


_CAUSES = {
    errno.EBUSY: ("the map has a program of this kind already", "detach it first"),
    errno.EINVAL: ("the map is no SOCKMAP or SOCKHASH, or has a program of another kind", "see the map's type"),
    errno.EOPNOTSUPP: ("the map does not take programs of this kind", "see the map's type"),
}
