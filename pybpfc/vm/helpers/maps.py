"""Helpers on maps, callbacks over their entries, tail calls, local storage, spin locks."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from pybpfc.lang.types import Space
from pybpfc.vm.errors import VmError
from pybpfc.vm.helpers.base import address, context, function, helper, map_of, memory, number, number32, read, write
from pybpfc.vm.maps.base import VmMap
from pybpfc.vm.maps.queues import BloomFilter, Queue
from pybpfc.vm.maps.slots import ProgramArray, TargetMap
from pybpfc.vm.maps.storage import CgroupLocal, LocalStorage
from pybpfc.vm.regions import Region
from pybpfc.vm.values import Pointer, Value, signed64

if TYPE_CHECKING:
    from pybpfc.vm.execution import Execution

MAX_LOOPS = 1 << 23
MAX_TAIL_CALLS = 33


@helper("bpf_map_lookup_elem")
def lookup(vm: Execution, map: Value, key: Value) -> Value:
    """A reference to the value under a key, or 0."""
    found: VmMap = map_of(map)
    return found.find(read(key, found.key_size), vm.cpu)


@helper("bpf_map_lookup_percpu_elem")
def lookup_percpu(vm: Execution, map: Value, key: Value, cpu: Value) -> Value:
    """A reference to another CPU's value, or 0."""
    found: VmMap = map_of(map)
    if "PERCPU" not in found.type_name:
        raise found.unsupported("bpf_map_lookup_percpu_elem")
    raw = read(key, found.key_size)
    return found.find(raw, number32(cpu)) if number32(cpu) < found.possible_cpus else 0


@helper("bpf_map_update_elem")
def update(vm: Execution, map: Value, key: Value, value: Value, flags: Value) -> int:
    """Store a value."""
    found: VmMap = map_of(map)
    return found.put(read(key, found.key_size), read(value, found.value_size), number(flags), vm.cpu)


@helper("bpf_map_delete_elem")
def delete(vm: Execution, map: Value, key: Value) -> int:
    """Delete an entry."""
    found: VmMap = map_of(map)
    return found.remove(read(key, found.key_size))


@helper("bpf_map_push_elem")
def push(vm: Execution, map: Value, value: Value, flags: Value) -> int:
    """Add an element."""
    found: VmMap = map_of(map, Queue, BloomFilter)
    return found.add(read(value, found.value_size), number(flags))


@helper("bpf_map_pop_elem")
def pop(vm: Execution, map: Value, value: Value) -> int:
    """Take an element; zeros and -ENOENT when there is none."""
    found: VmMap = map_of(map, Queue)
    taken = found.take_next()
    write(value, taken if taken is not None else bytes(found.value_size))
    return 0 if taken is not None else -errno.ENOENT


@helper("bpf_map_peek_elem")
def peek(vm: Execution, map: Value, value: Value) -> int:
    """Look at the next element, or ask a bloom filter."""
    found: VmMap = map_of(map, Queue, BloomFilter)
    if isinstance(found, BloomFilter):
        return 0 if found.show_next(read(value, found.value_size)) is not None else -errno.ENOENT
    shown = found.show_next(b"")
    write(value, shown if shown is not None else bytes(found.value_size))
    return 0 if shown is not None else -errno.ENOENT


@helper("bpf_for_each_map_elem")
def for_each(vm: Execution, map: Value, callback: Value, argument: Value, flags: Value) -> int:
    """Call back with each entry until the callback returns 1; gives the number of calls."""
    found: VmMap = map_of(map)
    called = function(callback)
    if number(flags):
        return -errno.EINVAL
    calls = 0
    for raw, value in found.elements(vm.cpu):
        key = Region(f"a key of map `{found.name}`", bytearray(raw), Space.MAP_VALUE, writable=False)
        calls += 1
        if number(called.call(vm, found.reference(), Pointer(key), value, argument)):
            break
    return calls


@helper("bpf_loop")
def loop(vm: Execution, count: Value, callback: Value, argument: Value, flags: Value) -> int:
    """Call back `count` times, or until the callback returns 1; gives the number of calls."""
    called = function(callback)
    if number(flags):
        return -errno.EINVAL
    rounds = number32(count)
    if rounds > MAX_LOOPS:
        return -errno.E2BIG
    for index in range(rounds):
        if number(called.call(vm, index, argument)):
            return index + 1
    return rounds


@helper("bpf_tail_call")
def tail_call(vm: Execution, ctx: Value, map: Value, index: Value) -> object:
    """The program to go on with; a number when there is none, and the caller goes on."""
    context(vm, ctx)
    array: ProgramArray = map_of(map, ProgramArray)
    name = array.at(number(index))
    if name is None or number32(index) >= array.max_entries:
        return -errno.ENOENT & 0xFFFF_FFFF_FFFF_FFFF
    if vm.tail_calls >= MAX_TAIL_CALLS:
        return -errno.ELOOP & 0xFFFF_FFFF_FFFF_FFFF
    vm.tail_calls += 1
    return vm.machine.compiled(name.name).entry


# ---------------------------------------------------------------------------------- storage


@helper("bpf_sk_storage_get", "bpf_task_storage_get", "bpf_inode_storage_get", "bpf_cgrp_storage_get")
def storage_get(vm: Execution, map: Value, owner: Value, value: Value, flags: Value) -> Value:
    """A reference to the value of a kernel object, or 0."""
    storage: LocalStorage = map_of(map, LocalStorage)
    initial = None if isinstance(value, int) and value == 0 else read(value, storage.value_size)
    return storage.get(address(owner), initial, number(flags))


@helper("bpf_sk_storage_delete", "bpf_task_storage_delete", "bpf_inode_storage_delete", "bpf_cgrp_storage_delete")
def storage_delete(vm: Execution, map: Value, owner: Value) -> int:
    """Delete the value of a kernel object."""
    storage: LocalStorage = map_of(map, LocalStorage)
    return storage.drop(address(owner))


@helper("bpf_get_local_storage")
def local_storage(vm: Execution, map: Value, flags: Value) -> Value:
    """The value of the cgroup that the program is attached to."""
    storage: CgroupLocal = map_of(map, CgroupLocal)
    if number(flags):
        raise VmError("`bpf_get_local_storage` takes no flags")
    return storage.local(vm.cpu)


@helper("bpf_current_task_under_cgroup")
def under_cgroup(vm: Execution, map: Value, index: Value) -> int:
    """Whether the current task is in a cgroup of the array: in the simulation, when the slot holds its cgroup's id."""
    array: TargetMap = map_of(map, TargetMap)
    if number32(index) >= array.max_entries:
        return -errno.E2BIG
    stored = array.at(number32(index))
    if stored is None:
        return -errno.EAGAIN
    return int(int.from_bytes(stored, array.order) == vm.machine.task.cgroup_id)


# ------------------------------------------------------------------------------- spin locks


@helper("bpf_spin_lock")
def spin_lock(vm: Execution, lock: Value) -> None:
    """Nothing runs beside the program: only the pairing is checked."""
    place = memory(lock)
    if vm.lock is not None:
        raise VmError("a spin lock is taken while another is held")
    vm.lock = (place.region, signed64(place.offset))


@helper("bpf_spin_unlock")
def spin_unlock(vm: Execution, lock: Value) -> None:
    """Release the lock."""
    place = memory(lock)
    if vm.lock != (place.region, signed64(place.offset)):
        raise VmError("a spin lock is released that is not held")
    vm.lock = None
