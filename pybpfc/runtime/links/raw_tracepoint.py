"""Raw tracepoints: `raw_tracepoint/name`, with the arguments as the kernel's code passes them."""

from __future__ import annotations

import ctypes
import errno
from typing import ClassVar

from pybpfc.runtime.attributes import RawTracepoint
from pybpfc.runtime.links.base import Link, MissingTarget, attach_error
from pybpfc.runtime.programs import Program
from pybpfc.runtime.syscall import Command, Fd, address, bpf


class RawTracepointLink(Link):
    """A program on a raw tracepoint."""

    kind: ClassVar[str] = "raw tracepoint"


def attach(program: Program, name: str | None = None, *, cookie: int = 0) -> Link:
    """Attach to the raw tracepoint `name`, by default the one the section names; `cookie` needs kernel 6.10."""
    target = name or program.section_target
    if not target:
        raise MissingTarget(f"`{program.name}` names no raw tracepoint", remedy='attach(name="sched_switch")')
    text = ctypes.create_string_buffer(target.encode())
    request = RawTracepoint(name=address(text), prog_fd=program.fd, cookie=cookie)
    try:
        fd = Fd(bpf(Command.RAW_TRACEPOINT_OPEN, request))
    except OSError as error:
        raise attach_error(program, error, f"raw tracepoint {target}", _CAUSES, ("CAP_BPF", "CAP_PERFMON")) from None
    return RawTracepointLink(program, fd, f"raw tracepoint {target}")


_CAUSES = {
    errno.ENOENT: (
        "this kernel has no raw tracepoint of that name",
        "raw tracepoints have no category (`sched_switch`); `pybpfc list tracepoint` shows the names",
    ),
    errno.EINVAL: (
        "the program reads more arguments than the tracepoint passes, or the kernel does not take these options",
        "compare with the tracepoint's arguments",
    ),
}
