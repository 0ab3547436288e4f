"""Programs on perf events: what tracepoints, probes and perf events share."""

from __future__ import annotations

import errno
import fcntl
from typing import ClassVar

from pybpfc.abi.attach_types import ATTACH_TYPES
from pybpfc.runtime.links.base import Link, create_link
from pybpfc.runtime.programs import Program
from pybpfc.runtime.syscall import Fd

PERF_EVENT_IOC_ENABLE = 0x2400
PERF_EVENT_IOC_DISABLE = 0x2401
PERF_EVENT_IOC_SET_BPF = 0x40042408

PERF_TYPE_HARDWARE, PERF_TYPE_SOFTWARE, PERF_TYPE_TRACEPOINT = 0, 1, 2


class PerfLink(Link):
    """A program on a perf event: by a BPF link (kernel 5.15), else bound to the event itself."""

    kind: ClassVar[str] = "perf event"
    slow: ClassVar[bool] = True
    why_no_link = "before kernel 5.15 perf events have no BPF links"


def attach_to_event(
    program: Program, event: Fd, target: str, cookie: int = 0, kind: type[PerfLink] = PerfLink
) -> PerfLink:
    """Attach to an opened perf event and enable it; the link owns the event. Raises OSError, closing the event."""
    try:
        try:
            fd = create_link(program, event.number, ATTACH_TYPES["BPF_PERF_EVENT"], perf_cookie=cookie)
        except OSError as error:
            if error.errno != errno.EINVAL or cookie:
                raise
            fcntl.ioctl(event.number, PERF_EVENT_IOC_SET_BPF, program.fd)
            fcntl.ioctl(event.number, PERF_EVENT_IOC_ENABLE, 0)
            link = kind(program, event, target)
            link.is_bpf_link = False
            return link
        try:
            fcntl.ioctl(event.number, PERF_EVENT_IOC_ENABLE, 0)
        except OSError:
            fd.close()
            raise
        return kind(program, fd, target, [event])
    except OSError:
        event.close()
        raise
