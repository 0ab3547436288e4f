"""Kernel functions: iterators, RCU and preemption sections, casts."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

from pybpfc.lang.types import Space
from pybpfc.vm.errors import VmError
from pybpfc.vm.helpers.base import kfunc, memory, number32
from pybpfc.vm.regions import Region
from pybpfc.vm.values import NonScalar, Pointer, Value, signed32

if TYPE_CHECKING:
    from pybpfc.vm.execution import Execution

_MAX_ITERATIONS = 1 << 23


class NumberIterator(NonScalar):
    """`struct bpf_iter_num` on the stack."""

    __slots__ = ("current", "end")

    def __init__(self, start: int, end: int) -> None:
        self.current = start
        self.end = end

    def describe(self) -> str:
        """What it is, for messages."""
        return "an iterator"


@kfunc("bpf_iter_num_new")
def iter_new(vm: Execution, place: Value, start: Value, end: Value, *_: Value) -> int:
    """Begin to count; an empty iterator and a negative errno for impossible bounds."""
    first, last = signed32(number32(start)), signed32(number32(end))
    wrong = -errno.EINVAL if first > last else -errno.E2BIG if last - first > _MAX_ITERATIONS else 0
    target = memory(place)
    made = NumberIterator(0, 0) if wrong else NumberIterator(first, last)
    target.region.store(target.offset, 8, made, vm.order)
    return wrong


def _iterator(place: Value) -> NumberIterator:
    target = memory(place)
    found = getattr(target.region, "pointers", {}).get(target.offset)
    if not isinstance(found, NumberIterator):
        raise VmError("an iterator is expected, and none was begun there")
    return found


@kfunc("bpf_iter_num_next")
def iter_next(vm: Execution, place: Value, *_: Value) -> Value:
    """A reference to the next number, or 0 at the end."""
    found = _iterator(place)
    if found.current >= found.end:
        return 0
    data = bytearray((found.current & 0xFFFF_FFFF).to_bytes(4, vm.order))
    found.current += 1
    return Pointer(Region("the iterator's number", data, Space.KERNEL, writable=False), 0, True)


@kfunc("bpf_iter_num_destroy")
def iter_destroy(vm: Execution, place: Value, *_: Value) -> int:
    """End counting."""
    _iterator(place)
    target = memory(place)
    target.region.store(target.offset, 8, 0, vm.order)
    return 0


def _section(name: str, opens: bool) -> Callable[..., int]:
    def change(vm: Execution, *_: Value) -> int:
        count = vm.sections.get(name, 0) + (1 if opens else -1)
        if count < 0:
            raise VmError(f"a section of `{name}` ends that did not begin")
        vm.sections[name] = count
        return 0

    return change


for _name, _open, _close in (
    ("bpf_rcu_read_lock", "bpf_rcu_read_lock", "bpf_rcu_read_unlock"),
    ("bpf_preempt_disable", "bpf_preempt_disable", "bpf_preempt_enable"),
):
    kfunc(_open)(_section(_name, True))
    kfunc(_close)(_section(_name, False))


@kfunc("bpf_cast_to_kern_ctx", "bpf_rdonly_cast")
def cast(vm: Execution, value: Value, *_: Value) -> Value:
    """The same address under another type."""
    return value
