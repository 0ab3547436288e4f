"""Programs whose target was fixed at load through BTF: tp_btf, fentry, fexit, fmod_ret, lsm."""

from __future__ import annotations

import errno
from typing import ClassVar

from pybpfc.abi.attach_types import ATTACH_TYPES
from pybpfc.diagnostics.errors import AttachError
from pybpfc.runtime.attributes import RawTracepoint
from pybpfc.runtime.links.base import Link, attach_error, create_link
from pybpfc.runtime.programs import Program
from pybpfc.runtime.syscall import Command, Fd, bpf


class TracingLink(Link):
    """A program on a BTF-typed tracepoint, function or LSM hook."""

    kind: ClassVar[str] = "tracing"


def attach(program: Program, *, cookie: int = 0) -> Link:
    """Attach to the target the program was loaded for; `cookie` needs kernel 5.19."""
    target = f"{program.section_name} {program.section_target}"
    try:
        return TracingLink(program, _open(program, cookie), target)
    except OSError as error:
        raise attach_error(program, error, target, _CAUSES, ("CAP_BPF", "CAP_PERFMON")) from None


def _open(program: Program, cookie: int) -> Fd:
    """By a link where the kernel takes one for this attach type (5.19), else as a raw tracepoint without a name."""
    attach_type = ATTACH_TYPES.get(program.expected_attach_type or "")
    if attach_type is None:
        raise AttachError(f"`{program.name}` has no attach type that could be attached")
    try:
        return create_link(program, 0, attach_type, tracing=(0, cookie))
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP) or cookie:
            raise
    return Fd(bpf(Command.RAW_TRACEPOINT_OPEN, RawTracepoint(prog_fd=program.fd)))


_CAUSES = {
    errno.EBUSY: ("the function's entry is in use by something that does not share it", "detach the other user"),
    errno.E2BIG: ("the limit of 38 programs on one function is reached", "detach others first"),
    524: ("this kernel can't attach to functions", "it takes CONFIG_FUNCTION_TRACER and, on arm64, kernel 6.4"),
}
