"""Helpers that read memory which the verifier does not know: kernel and user addresses."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from pybpfc.vm.helpers.base import helper, number, read, room, write
from pybpfc.vm.values import Pointer, Value

if TYPE_CHECKING:
    from pybpfc.vm.execution import Execution

_USER, _KERNEL = True, False


def _fetch(vm: Execution, source: Value, size: int, side: bool | None) -> bytes | None:
    """Bytes at a register's address; the program's own memory counts as the kernel's."""
    if isinstance(source, Pointer):
        if side is _USER or source.unchecked:
            return None
        return source.region.probe(source.offset, size)
    place = number(source)
    if side is not None and vm.memory.is_user(place) is not side:
        return None
    return vm.memory.read(place, size)


def _read(vm: Execution, target: Value, size: Value, source: Value, side: bool | None) -> int:
    count = number(size)
    room(target, count)
    found = _fetch(vm, source, count, side) if count else b""
    write(target, found if found is not None else bytes(count))
    return 0 if found is not None else -errno.EFAULT


@helper("bpf_probe_read_user", "bpf_copy_from_user")
def read_user(vm: Execution, target: Value, size: Value, source: Value) -> int:
    """Copy from user memory; zeros and -EFAULT where there is none."""
    return _read(vm, target, size, source, _USER)


@helper("bpf_copy_from_user_task")
def read_user_task(vm: Execution, target: Value, size: Value, source: Value, task: Value, flags: Value) -> int:
    """Copy from a task's user memory; the simulation has one."""
    return -errno.EINVAL if number(flags) else _read(vm, target, size, source, _USER)


@helper("bpf_probe_read_kernel")
def read_kernel(vm: Execution, target: Value, size: Value, source: Value) -> int:
    """Copy from kernel memory; zeros and -EFAULT where there is none."""
    return _read(vm, target, size, source, _KERNEL)


@helper("bpf_probe_read")
def read_any(vm: Execution, target: Value, size: Value, source: Value) -> int:
    """Copy from either."""
    return _read(vm, target, size, source, None)


def _fetch_string(vm: Execution, source: Value, limit: int, side: bool | None) -> bytes | None:
    if isinstance(source, Pointer):
        return None if side is _USER else vm.read_string(source, limit)
    place = number(source)
    if side is not None and vm.memory.is_user(place) is not side:
        return None
    return vm.memory.read_string(place, limit)


def _read_string(vm: Execution, target: Value, size: Value, source: Value, side: bool | None) -> int:
    """Copy a string with its NUL, cut to the room there is; gives the length, or -EFAULT and zeros."""
    count = number(size)
    place = room(target, count)
    if not count:
        return 0
    found = _fetch_string(vm, source, count, side)
    if found is None:
        write(target, bytes(count))
        return -errno.EFAULT
    if not found.endswith(b"\0"):
        found = found[: count - 1] + b"\0"
    write(target, found)
    vm.fill_unwritten(place, len(found), count)
    return len(found)


@helper("bpf_probe_read_user_str")
def read_user_string(vm: Execution, target: Value, size: Value, source: Value) -> int:
    """Copy a string from user memory."""
    return _read_string(vm, target, size, source, _USER)


@helper("bpf_probe_read_kernel_str")
def read_kernel_string(vm: Execution, target: Value, size: Value, source: Value) -> int:
    """Copy a string from kernel memory."""
    return _read_string(vm, target, size, source, _KERNEL)


@helper("bpf_probe_read_str")
def read_any_string(vm: Execution, target: Value, size: Value, source: Value) -> int:
    """Copy a string from either."""
    return _read_string(vm, target, size, source, None)


@helper("bpf_probe_write_user")
def write_user(vm: Execution, target: Value, source: Value, size: Value) -> int:
    """Change user memory."""
    place = number(target)
    if not vm.memory.is_user(place):
        return -errno.EPERM
    return 0 if vm.memory.write(place, read(source, number(size))) else -errno.EFAULT
