"""Tracepoints by perf events: `tracepoint/category/name`."""

from __future__ import annotations

import errno
from typing import ClassVar

from pybpfc.diagnostics.errors import AttachError
from pybpfc.runtime.attributes import PerfEventAttr
from pybpfc.runtime.links.base import MissingTarget, attach_error
from pybpfc.runtime.links.perf import PERF_TYPE_TRACEPOINT, PerfLink, attach_to_event
from pybpfc.runtime.programs import Program
from pybpfc.runtime.syscall import perf_event_open
from pybpfc.runtime.tracefs import tracepoint_id


class TracepointLink(PerfLink):
    """A program on a tracepoint."""

    kind: ClassVar[str] = "tracepoint"


def attach(program: Program, event: str | None = None, *, cookie: int = 0) -> PerfLink:
    """Attach to `category/name`, by default the one the section names; `cookie` needs kernel 5.15."""
    target = event or program.section_target
    if not target:
        raise MissingTarget(f"`{program.name}` names no tracepoint", remedy='attach(event="category/name")')
    category, separator, name = target.partition("/")
    if not separator:
        raise AttachError(f"`{target}` is no tracepoint", remedy='name it "category/event", as in "sched/sched_switch"')
    number = tracepoint_id(category, name)
    request = PerfEventAttr(type=PERF_TYPE_TRACEPOINT, config=number, sample_period=1, wakeup_events=1)
    try:
        perf_event = perf_event_open(request, -1, 0)
        return attach_to_event(program, perf_event, f"tracepoint {target}", cookie, TracepointLink)
    except OSError as error:
        raise attach_error(program, error, f"tracepoint {target}", _CAUSES, ("CAP_BPF", "CAP_PERFMON")) from None


_CAUSES = {
    errno.EINVAL: (
        "the event does not take BPF programs",
        "choose another event",
    ),
    errno.EACCES: (
        "the program reads past the end of the event's record",
        "compare the fields that it reads with the event's format in tracefs",
    ),
    errno.E2BIG: ("64 programs are attached to this event already", "detach others first"),
    errno.EEXIST: ("this program is attached to this event already", "once is enough; load it again for another"),
}
