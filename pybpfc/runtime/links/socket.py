"""Programs on one socket: filters and the choice within a reuseport group."""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import Any, ClassVar

from pybpfc.diagnostics.errors import AttachError
from pybpfc.runtime.links.base import Link, MissingTarget, attach_error
from pybpfc.runtime.programs import Program
from pybpfc.runtime.syscall import Fd

SO_DETACH_FILTER, SO_ATTACH_BPF, SO_ATTACH_REUSEPORT_EBPF, SO_DETACH_REUSEPORT_BPF = 27, 50, 52, 68


class SocketAttachment(Link):
    """A program on a socket; it ends with the socket, too."""

    kind: ClassVar[str] = "socket"
    is_bpf_link = False
    why_no_link = "programs on sockets have no BPF links"
    detach_option = SO_DETACH_FILTER

    def close(self) -> None:
        """Take the program off the socket: nothing else ends an attachment of this sort."""
        if self.attached:
            with socket.socket(fileno=os.dup(self.fd)) as copy:
                try:
                    copy.setsockopt(socket.SOL_SOCKET, self.detach_option, 0)
                except OSError as error:
                    if error.errno != errno.ENOENT:  # somebody else took it off
                        raise AttachError(f"{self} can't be detached", errno=error.errno or 0) from None
                finally:
                    super().close()


class ReuseportAttachment(SocketAttachment):
    """A program that chooses among the sockets of a reuseport group."""

    kind: ClassVar[str] = "reuseport"
    detach_option = SO_DETACH_REUSEPORT_BPF


def attach(program: Program, socket: Any = None) -> Link:
    """Attach to a socket, given as an object or a descriptor."""
    if socket is None:
        raise MissingTarget(f"`{program.name}` needs a socket to attach to", remedy="attach(socket=sock)")
    number = socket if isinstance(socket, int) else socket.fileno()
    reuseport = program.type_name == "BPF_PROG_TYPE_SK_REUSEPORT"
    option = SO_ATTACH_REUSEPORT_EBPF if reuseport else SO_ATTACH_BPF
    target = f"socket {number}"
    try:
        _set(number, option, program.fd)
    except OSError as error:
        raise attach_error(program, error, target, _CAUSES, ("CAP_BPF",)) from None
    return (ReuseportAttachment if reuseport else SocketAttachment)(program, Fd(os.dup(number)), target)


def _set(number: int, option: int, value: int) -> None:
    with socket.socket(fileno=os.dup(number)) as copy:
        copy.setsockopt(socket.SOL_SOCKET, option, struct.pack("i", value))


_CAUSES = {
    errno.ENOTSOCK: ("that descriptor is no socket", "give a socket"),
    errno.EINVAL: ("the socket does not take the program", "set SO_REUSEPORT and bind first, for a reuseport program"),
    errno.EPERM: ("the socket's filter is locked", "use another socket"),
}
