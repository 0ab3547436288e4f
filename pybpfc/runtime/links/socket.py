"""Programs on one socket: filters and the choice within a reuseport group."""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Any, ClassVar

from pybpfc.runtime.links.base import Attachment, Link, MissingTarget, attach_error
from pybpfc.runtime.programs import Program
from pybpfc.runtime.syscall import Fd

SO_DETACH_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_EBPF, SO_DETACH_REUSEPORT_BPF = 27, 50, 52, 68
_FILTER, _REUSEPORT = (SO_ATTACH_BPF, SO_DETACH_FILTER), (SO_ATTACH_REUSEPORT_EBPF, SO_DETACH_REUSEPORT_BPF)


class SocketAttachment(Attachment):
    """A program on a socket; it ends with the socket, too."""

    kind: ClassVar[str] = "socket"
    why_no_link = "programs on sockets have no BPF links"


class ReuseportAttachment(SocketAttachment):
    """A program that chooses among the sockets of a reuseport group."""

    kind: ClassVar[str] = "reuseport"


def attach(program: Program, socket: Any = None) -> Link:
    """Attach to a socket, given as an object or a descriptor."""
    if socket is None:
        raise MissingTarget(f"`{program.name}` needs a socket to attach to", remedy="attach(socket=sock)")
    number = socket if isinstance(socket, int) else socket.fileno()
    reuseport = program.type_name == "BPF_PROG_TYPE_SK_REUSEPORT"
    option, ending = _REUSEPORT if reuseport else _FILTER
    target = f"socket {number}"
    try:
        _set(number, option, program.fd)
    except OSError as error:
        raise attach_error(program, error, target, _CAUSES, ("CAP_BPF",)) from None
    kind = ReuseportAttachment if reuseport else SocketAttachment
    return kind(program, Fd(os.dup(number)), target, lambda fd: _set(fd, ending, 0))


def _set(number: int, option: int, value: int) -> None:
    with socket.socket(fileno=os.dup(number)) as copy:
        copy.setsockopt(socket.SOL_SOCKET, option, struct.pack("i", value))


_CAUSES = {
    errno.ENOTSOCK: ("that descriptor is no socket", "give a socket"),
    errno.EINVAL: ("the socket does not take the program", "set SO_REUSEPORT and bind first, for a reuseport program"),
    errno.EPERM: ("the socket's filter is locked", "use another socket"),
}
