"""The stack: what a function, a chain of calls and a tail call may take, as `check_max_stack_depth` counts it."""

from __future__ import annotations

from pybpfc.abi.program_types import match_section
from pybpfc.abi.versions import KernelVersion

MAX_STACK = 512
"""Bytes of one function, and of a chain of calls altogether."""
MAX_CALL_DEPTH = 8
"""Functions in a chain of calls, the program itself included."""
TAIL_CALL_STACK = 256
"""A function that makes tail calls may be called only while the frames before it take less than this."""

FINE_GRANULE, COARSE_GRANULE = 16, 32
"""What each frame is rounded up to: the first by kernels that compile programs, from `FINE_SINCE` on."""
FINE_SINCE = KernelVersion(6, 9)

PRIVATE_STACK_SINCE = KernelVersion(6, 13)
"""The first kernel (x86-64) that gives functions of some programs memory of their own: only each frame is limited."""
_PRIVATE = frozenset(
    "BPF_PROG_TYPE_" + name for name in ("KPROBE", "TRACEPOINT", "PERF_EVENT", "RAW_TRACEPOINT", "TRACING")
)


def has_private_stack(section: str) -> bool:
    """Whether programs of an ELF section, if they make no tail calls, may get private stacks."""
    kind = match_section(section)
    return kind is not None and kind.program_type in _PRIVATE and kind.expected_attach_type != "BPF_TRACE_ITER"


def rounded(size: int, granule: int) -> int:
    """What a frame of `size` bytes counts; the coarse granule counts at least once."""
    least = 1 if granule == COARSE_GRANULE else 0
    return -(-max(size, least) // granule) * granule
