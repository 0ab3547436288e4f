"""The kernel's probe PMUs: what kprobes and uprobes share."""

from __future__ import annotations

import ctypes
import errno
import functools

from pybpfc.runtime.attributes import PerfEventAttr
from pybpfc.runtime.syscall import Fd, address, perf_event_open

_DEVICES = "/sys/bus/event_source/devices"


@functools.cache
def _number(path: str) -> int:
    with open(path, encoding="utf-8") as file:
        return int(file.read().strip().removeprefix("config:"))


def open_probe(pmu: str, text: str, offset: int, *, returns: bool, pid: int = -1, counter_offset: int = 0) -> Fd:
    """An event of the `kprobe` or `uprobe` PMU (kernel 4.17): `text` is the symbol or the file.

    Raises OSError; ENODEV when the kernel was built without that PMU.
    """
    try:
        kind = _number(f"{_DEVICES}/{pmu}/type")
        return_bit = _number(f"{_DEVICES}/{pmu}/format/retprobe")
    except (OSError, ValueError):
        raise OSError(errno.ENODEV, f"the kernel has no {pmu} PMU") from None
    buffer = ctypes.create_string_buffer(text.encode())
    config = (1 << return_bit if returns else 0) | counter_offset << 32
    request = PerfEventAttr(type=kind, config=config, config1=address(buffer), config2=offset)
    return perf_event_open(request, pid, 0 if pid == -1 else -1)
