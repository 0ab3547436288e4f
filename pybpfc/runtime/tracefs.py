"""Reading tracefs wherever it is mounted, and where it isn't mounted at all."""

from __future__ import annotations

import errno
import os
from typing import Literal

from pybpfc.diagnostics.errors import AttachError, PermissionDenied
from pybpfc.runtime.permissions import exhausted
from pybpfc.runtime.syscall import Fd, mount_detached

_PLACES = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")


def read(path: str) -> str:
    """The text of a file of tracefs, e.g. `events/sched/sched_switch/id`; raises OSError or PermissionDenied."""
    with root() as directory:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=directory.number)
    with open(fd, encoding="utf-8", errors="replace") as file:
        return file.read()


def listing(path: str) -> list[str]:
    """The names in a directory of tracefs."""
    with root() as directory:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory.number)
    with Fd(fd):
        return os.listdir(fd)


def root() -> Fd:
    """The root of tracefs: where it is mounted, else a mount of our own that nobody else sees."""
    for place in (*_PLACES, *_mounted()):
        if os.path.isdir(os.path.join(place, "events")):
            return Fd(os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
    try:
        return mount_detached("tracefs")
    except OSError as error:
        number = error.errno or 0
        if number in (errno.EPERM, errno.EACCES):
            raise PermissionDenied(
                "tracefs can't be read by this process",
                errno=number,
                remedy="run as root, or let root mount it for you: `mount -t tracefs tracefs /sys/kernel/tracing` "
                "and make it readable",
            ) from None
        if exhausted(number):
            raise _unreadable("tracefs", error) from None
        raise AttachError(
            "tracefs, which lists the tracepoints, is not to be had",
            errno=number,
            cause="it is not mounted and the kernel can't mount it",
            remedy="use a kernel with CONFIG_TRACING and mount tracefs at /sys/kernel/tracing",
        ) from None


def _mounted() -> list[str]:
    """Mount points of tracefs in unusual places."""
    found: list[str] = []
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                fields, _, rest = line.partition(" - ")
                if rest.split(" ", 1)[0] == "tracefs":
                    found.append(fields.split(" ")[4])
    except OSError:
        pass  # without /proc the usual places are all there is to try
    return found


def tracepoint_id(category: str, name: str) -> int:
    """The id of a tracepoint for perf_event_open(2); raises AttachError when there is no such event."""
    return int(tracepoint_file(category, name, "id"))


def tracepoint_file(category: str, name: str, file: Literal["id", "format"]) -> str:
    """A file that describes a tracepoint; raises AttachError when there is no such event."""
    if not category or not name or "/" in name or ".." in (category, name):
        raise AttachError(f"`{category}/{name}` is no tracepoint", remedy="name it `category/event`")
    try:
        return read(f"events/{category}/{name}/{file}")
    except FileNotFoundError:
        raise _unknown(category, name) from None
    except PermissionError as error:
        raise PermissionDenied(
            f"the tracepoint `{category}/{name}` can't be looked up in tracefs",
            errno=error.errno or errno.EACCES,
            remedy="run as root, or grant CAP_DAC_READ_SEARCH too, or make tracefs readable (mount option mode=755)",
        ) from None
    except OSError as error:
        raise _unreadable(f"the tracepoint `{category}/{name}`", error) from None


def _unreadable(what: str, error: OSError) -> AttachError:
    number = error.errno or errno.EIO
    cause, remedy = exhausted(number) or (os.strerror(number), "")
    return AttachError(f"{what} can't be read", errno=number, cause=cause, remedy=remedy)


def _unknown(category: str, name: str) -> AttachError:
    import difflib

    try:
        categories = listing("events")
        events = listing(f"events/{category}") if category in categories else []
    except OSError:
        categories, events = [], []
    if events:
        close = [f"{category}/{found}" for found in difflib.get_close_matches(name, events, n=3, cutoff=0.6)]
    else:
        close = [f"{found}/…" for found in difflib.get_close_matches(category, categories, n=3, cutoff=0.6)]
    hint = (
        f"did you mean {' or '.join(f'`{c}`' for c in close)}?" if close else "`pybpfc list tracepoint` shows them all"
    )
    return AttachError(
        f"this kernel has no tracepoint `{category}/{name}`",
        errno=errno.ENOENT,
        cause="events differ between kernel versions, configurations and loaded modules",
        remedy=hint,
    )
