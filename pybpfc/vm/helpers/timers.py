"""Timers: they expire when the machine's time is advanced (`Machine.advance`)."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pybpfc.vm.helpers.base import function, helper, map_of, memory, number
from pybpfc.vm.maps.base import VmMap
from pybpfc.vm.regions import Region
from pybpfc.vm.values import FunctionReference, Value

if TYPE_CHECKING:
    from pybpfc.vm.execution import Execution

_ABSOLUTE, _PINNED = 1, 2
_CLOCKS = (0, 1, 7)
"""CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME."""


@dataclass(eq=False, slots=True)
class Timer:
    """A timer in a map's value; `expires` is None while it is not running."""

    map: VmMap
    region: Region
    callback: FunctionReference | None = None
    expires: int | None = None


def _timer(vm: Execution, place: Value) -> Timer | None:
    pointer = memory(place)
    pointer.region.check(pointer.offset, 16)
    return vm.machine.timers.get((pointer.region, pointer.offset))


@helper("bpf_timer_init")
def init(vm: Execution, place: Value, map: Value, flags: Value) -> int:
    """Make a timer of memory in a map's value."""
    pointer, owner = memory(place), map_of(map, VmMap)
    pointer.region.check(pointer.offset, 16, writing=True)
    if number(flags) not in _CLOCKS:
        return -errno.EINVAL
    if _timer(vm, place) is not None:
        return -errno.EBUSY
    vm.machine.timers[pointer.region, pointer.offset] = Timer(owner, pointer.region)
    return 0


@helper("bpf_timer_set_callback")
def set_callback(vm: Execution, place: Value, callback: Value) -> int:
    """Say what a timer calls."""
    found, called = _timer(vm, place), function(callback)
    if found is None:
        return -errno.EINVAL
    found.callback = called
    return 0


@helper("bpf_timer_start")
def start(vm: Execution, place: Value, nanoseconds: Value, flags: Value) -> int:
    """Let a timer run."""
    found, wanted = _timer(vm, place), number(flags)
    if found is None or found.callback is None or wanted & ~(_ABSOLUTE | _PINNED):
        return -errno.EINVAL
    found.expires = number(nanoseconds) + (0 if wanted & _ABSOLUTE else vm.machine.clock.now)
    return 0


@helper("bpf_timer_cancel")
def cancel(vm: Execution, place: Value) -> int:
    """Stop a timer; 1 when it was running."""
    found = _timer(vm, place)
    if found is None:
        return -errno.EINVAL
    running = found.expires is not None
    found.expires = None
    return int(running)
