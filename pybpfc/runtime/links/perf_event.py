"""Programs on perf events: samples of clocks, hardware counters, software events."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Any, ClassVar

from pybpfc.diagnostics.errors import AttachError
from pybpfc.runtime.attributes import PerfEventAttr
from pybpfc.runtime.cpus import online_cpus
from pybpfc.runtime.links.base import Attachable, Link, MissingTarget, attach_error
from pybpfc.runtime.links.perf import PERF_TYPE_HARDWARE, PERF_TYPE_SOFTWARE, PerfLink, attach_to_event
from pybpfc.runtime.programs import Program
from pybpfc.runtime.syscall import Fd, perf_event_open

FREQUENCY = 1 << 10
"""The bit of `perf_event_attr` that makes the period a frequency."""

EVENTS = {
    "cpu_clock": (PERF_TYPE_SOFTWARE, 0),
    "task_clock": (PERF_TYPE_SOFTWARE, 1),
    "page_faults": (PERF_TYPE_SOFTWARE, 2),
    "context_switches": (PERF_TYPE_SOFTWARE, 3),
    "cpu_migrations": (PERF_TYPE_SOFTWARE, 4),
    "page_faults_min": (PERF_TYPE_SOFTWARE, 5),
    "page_faults_maj": (PERF_TYPE_SOFTWARE, 6),
    "alignment_faults": (PERF_TYPE_SOFTWARE, 7),
    "emulation_faults": (PERF_TYPE_SOFTWARE, 8),
    "cpu_cycles": (PERF_TYPE_HARDWARE, 0),
    "instructions": (PERF_TYPE_HARDWARE, 1),
    "cache_references": (PERF_TYPE_HARDWARE, 2),
    "cache_misses": (PERF_TYPE_HARDWARE, 3),
    "branch_instructions": (PERF_TYPE_HARDWARE, 4),
    "branch_misses": (PERF_TYPE_HARDWARE, 5),
    "bus_cycles": (PERF_TYPE_HARDWARE, 6),
    "stalled_cycles_frontend": (PERF_TYPE_HARDWARE, 7),
    "stalled_cycles_backend": (PERF_TYPE_HARDWARE, 8),
    "ref_cpu_cycles": (PERF_TYPE_HARDWARE, 9),
}


class SamplingLink(Link):
    """A program on the same event of several CPUs: one link for each."""

    kind: ClassVar[str] = "perf event"
    slow: ClassVar[bool] = True

    def __init__(self, program: Program, links: Sequence[PerfLink], target: str) -> None:
        super().__init__(program, Fd(-1), target)
        self.parts = tuple(links)

    @property
    def fd(self) -> int:
        """The descriptor of the first CPU's link."""
        return self.parts[0].fd

    @property
    def attached(self) -> bool:
        """Whether this object still holds the attachments."""
        return any(part.attached for part in self.parts)

    def close(self) -> None:
        """Close the links of all CPUs."""
        for part in self.parts:
            part.close()
        super().close()

    def update(self, program: Attachable, *, expected: Attachable | None = None) -> None:
        """Put another program in place on all CPUs."""
        for part in self.parts:
            part.update(program, expected=expected)
        self.program = program

    def pin(self, path: str) -> None:
        """Pin the links: `path` with the number of each appended."""
        for index, part in enumerate(self.parts):
            part.pin(f"{path}.{index}")

    def unpin(self) -> None:
        """Remove the pins."""
        for part in self.parts:
            part.unpin()


def attach(
    program: Program,
    event: str | tuple[int, int] | None = None,
    *,
    freq: int | None = None,
    period: int | None = None,
    pid: int | None = None,
    cpu: int | Sequence[int] | None = None,
    fd: Any = None,
    cookie: int = 0,
) -> Link:
    """Attach to a perf event: `event` by name (`cpu_clock`, `cpu_cycles`, …) or as (type, config), or an opened `fd`.

    `freq` is samples per second, `period` events per sample. All CPUs unless `cpu` says which; all processes unless
    `pid` says which.
    """
    if fd is not None:
        number = fd if isinstance(fd, int) else fd.fileno()
        return _attach(program, [lambda: Fd(os.dup(number))], f"perf event {number}", cookie)
    if event is None and freq is None and period is None:
        raise MissingTarget(
            f"`{program.name}` needs an event to attach to", remedy='attach(event="cpu_clock", freq=99)'
        )
    kind, config = _resolve(program, event or "cpu_clock")
    request = PerfEventAttr(type=kind, config=config)
    if period is not None:
        request.sample_period = period
    else:
        request.sample_period, request.flags = freq or 99, FREQUENCY
    cpus = [cpu] if isinstance(cpu, int) else list(cpu) if cpu is not None else [-1] if pid else online_cpus()
    openers = [lambda number=number: perf_event_open(request, pid or -1, number) for number in cpus]
    return _attach(program, openers, f"perf event {event or 'cpu_clock'}", cookie)


def _attach(program: Program, openers: Sequence[Any], target: str, cookie: int) -> Link:
    links: list[PerfLink] = []
    try:
        for opener in openers:
            links.append(attach_to_event(program, opener(), target, cookie))
    except OSError as error:
        for link in links:
            link.close()
        raise attach_error(program, error, target, _CAUSES, ("CAP_BPF", "CAP_PERFMON")) from None
    return SamplingLink(program, links, target)


def _resolve(program: Program, event: str | tuple[int, int]) -> tuple[int, int]:
    if not isinstance(event, str):
        return event
    known = EVENTS.get(event.replace("-", "_"))
    if known is None:
        raise AttachError(
            f"`{program.name}` could not be attached: there is no perf event `{event}`",
            remedy=f"events are {', '.join(EVENTS)}; others can be given as (type, config)",
        )
    return known


_CAUSES = {
    errno.ENOENT: ("this machine does not count that event", "virtual machines often have software events only"),
    errno.EOPNOTSUPP: ("this machine can't sample that event", "use `cpu_clock`"),
    errno.EINVAL: ("the event does not take these options", "lower `freq` below kernel.perf_event_max_sample_rate"),
    errno.ESRCH: ("there is no such process", "give the id of a running one"),
}
