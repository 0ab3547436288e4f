"""The machine's maps: from programs with the kernel's errors, from user space through the map objects of user code."""

from __future__ import annotations

import asyncio
import errno
import io
import struct
from typing import Any

import pytest
from vm_programs import DW, W, array_map, build, call, exit_, hash_map, jump, load, map_address, mov, put, stack_pointer

from pybpfc.abi import insn as isa
from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.abi.program_types import match_section
from pybpfc.formats.spec import MapSpec
from pybpfc.lang.codec import codec_for
from pybpfc.lang.types import U32, U64, VOID, Type
from pybpfc.vm import Machine, VmError
from pybpfc.vm.execution import Execution
from pybpfc.vm.helpers import HELPER_FUNCTIONS
from pybpfc.vm.inputs import make_input
from pybpfc.vm.maps import VmMap, create_map
from pybpfc.vm.maps.events import PerfEventArray, RingBuffer
from pybpfc.vm.maps.storage import LocalStorage, StackTraces
from pybpfc.vm.values import FunctionReference, Pointer


def made(short: str, key: int = 4, value: int = 8, entries: int = 4, flags: int = 0, cpus: int = 1) -> Any:
    kind = MAP_TYPES["BPF_MAP_TYPE_" + short].uapi
    return create_map(MapSpec("m", kind, key, value, entries, flags), cpus, "little", 3)


def k(number: int) -> bytes:
    return number.to_bytes(4, "little")


def v(number: int) -> bytes:
    return number.to_bytes(8, "little")


def test_references_into_hash_maps_keep_the_old_value() -> None:
    table: VmMap = made("HASH")
    table.put(k(1), v(5), 0, 0)
    old = table.find(k(1), 0)
    table.put(k(1), v(6), 0, 0)
    new = table.find(k(1), 0)
    assert isinstance(old, Pointer)
    assert isinstance(new, Pointer)
    assert (bytes(old.region.data), bytes(new.region.data)) == (v(5), v(6))
    table.remove(k(1))
    assert bytes(new.region.data) == v(6)


def test_array_values_stay_in_place() -> None:
    array: VmMap = made("ARRAY")
    reference = array.find(k(2), 0)
    array.update(k(2), v(9))
    assert isinstance(reference, Pointer)
    assert bytes(reference.region.data) == v(9)
    assert array.lookup(k(4)) is None
    assert len(list(array.keys())) == 4
    with pytest.raises(OSError, match="Invalid argument"):
        array.delete(k(1))


def test_user_space_gets_the_kernel_s_errors() -> None:
    table: VmMap = made("HASH", entries=1)
    table.update(k(1), v(1))
    for key, flags, number in ((1, 1, errno.EEXIST), (2, 2, errno.ENOENT), (2, 0, errno.E2BIG), (1, 9, errno.EINVAL)):
        with pytest.raises(OSError) as raised:
            table.update(k(key), v(1), flags)
        assert raised.value.errno == number
    with pytest.raises(ValueError, match="keys of 4 bytes, not 3"):
        table.update(b"abc", v(1))
    with pytest.raises(ValueError, match="values of 8 bytes, not 4"):
        table.update(k(1), k(1))
    assert table.delete(k(1))
    assert not table.delete(k(1))
    assert table.take(k(1)) is None


def test_least_recently_used_entries_go() -> None:
    table: VmMap = made("LRU_HASH", entries=3)
    for number in range(3):
        table.update(k(number), v(number))
    table.find(k(0), 0)
    assert table.lookup(k(1)) == v(1)  # user space's look does not count
    table.update(k(9), v(9))
    assert sorted(table.keys()) == [k(0), k(2), k(9)]


@pytest.mark.parametrize("short", ["PERCPU_HASH", "PERCPU_ARRAY", "LRU_PERCPU_HASH"])
def test_each_cpu_has_its_value(short: str) -> None:
    table: VmMap = made(short, value=4, cpus=3)
    assert table.put(k(1), k(7), 0, 1) == 0
    assert table.lookup(k(1)) == bytes(8) + k(7) + bytes(12)
    table.update(k(1), b"".join(k(n) + bytes(4) for n in (1, 2, 3)))
    reference = table.find(k(1), 2)
    assert isinstance(reference, Pointer)
    assert bytes(reference.region.data) == k(3)
    assert table.find(k(1), 5) == 0


def test_longest_prefixes() -> None:
    trie: VmMap = made("LPM_TRIE", key=8, flags=1)

    def key(length: int, *address: int) -> bytes:
        return k(length) + bytes(address)

    trie.update(key(0, 0, 0, 0, 0), v(0))
    trie.update(key(8, 10, 0, 0, 0), v(8))
    trie.update(key(24, 10, 1, 2, 99), v(24))
    assert trie.lookup(key(32, 10, 1, 2, 3)) == v(24)
    assert trie.lookup(key(32, 10, 1, 3, 3)) == v(8)
    assert trie.lookup(key(16, 10, 1, 2, 3)) == v(8)
    assert trie.lookup(key(32, 11, 1, 3, 3)) == v(0)
    assert trie.lookup(key(33, 10, 0, 0, 0)) is None
    assert next(trie.keys()) == key(24, 10, 1, 2, 99)
    trie.update(key(32, 1, 1, 1, 1), v(1))
    with pytest.raises(OSError, match="no room") as raised:
        trie.update(key(31, 1, 1, 1, 1), v(1))
    assert raised.value.errno == errno.ENOSPC


def test_queues_and_stacks() -> None:
    for short, order in (("QUEUE", [1, 2, 3, 4]), ("STACK", [4, 3, 2, 1])):
        queue: VmMap = made(short, key=0)
        for number in range(1, 5):
            queue.push(v(number))
        with pytest.raises(OSError, match="no room"):
            queue.push(v(5))
        assert queue.peek() == v(order[0])
        assert [queue.pop() for _ in range(5)] == [*map(v, order), None]
        for number in range(6):
            queue.push(v(number), 2)
        assert sorted(filter(None, (queue.pop() for _ in range(4)))) == [v(n) for n in range(2, 6)]


def test_bloom_filters() -> None:
    bloom: VmMap = made("BLOOM_FILTER", key=0)
    bloom.push(v(7))
    assert bloom.contains_value(v(7))
    assert not bloom.contains_value(v(8))


def test_ring_buffers_are_read_in_the_order_of_reservations() -> None:
    ring: RingBuffer = made("RINGBUF", key=0, value=0, entries=4096)
    first, second = ring.reserve(8), ring.reserve(8)
    assert first is not None
    assert second is not None
    ring.commit(second, 0)
    reader = ring.reader(codec_for(VOID))
    assert reader.consume() == []
    ring.commit(first, 0, discard=True)
    assert reader.poll(timeout=0) == [bytes(8)]
    assert (ring.query(0), ring.query(1), ring.query(2), ring.query(3), ring.query(9)) == (0, 4096, 32, 32, 0)
    assert ring.reserve(4096) is None
    assert ring.reserve(8, flags=1) is None


def test_full_ring_buffers_count_what_they_lose() -> None:
    ring: RingBuffer = made("RINGBUF", key=0, value=0, entries=4096)
    results = [ring.output(bytes(56), 0, 0) for _ in range(70)]
    assert results == [0] * 63 + [-errno.EAGAIN] * 7
    reader = ring.reader(codec_for(VOID))
    assert reader.lost == 7
    assert len(reader.consume()) == 63
    assert ring.output(bytes(56), 0, 0) == 0


def test_readers_end_with_the_events_that_are_there() -> None:
    ring: RingBuffer = made("RINGBUF", key=0, value=0, entries=4096)
    for number in range(4):
        ring.output(v(number), 0, 0)
    reader = ring.reader(codec_for(U64))
    assert next(iter(reader)) == 0
    assert list(reader) == [1, 2, 3]

    async def collect() -> list[Any]:
        return [event async for event in reader]

    ring.output(v(9), 0, 0)
    assert asyncio.run(collect()) == [9]
    ring.output(v(5), 0, 0)
    memory, count, stride = next(iter(reader.batches(0)))
    assert (bytes(memory), count, stride) == (v(5), 1, 8)
    with pytest.raises(io.UnsupportedOperation, match="no descriptor"):
        reader.fileno()
    ring.output(b"abc", 0, 0)
    with pytest.raises(ValueError, match="3 bytes in `m`, which holds events of 8"):
        reader.consume()
    reader.close()
    assert reader.consume() == []


def test_perf_event_arrays_take_events_of_one_s_own_cpu() -> None:
    buffer: PerfEventArray = made("PERF_EVENT_ARRAY", value=4, entries=0, cpus=2)
    assert buffer.output(b"abc", 0xFFFFFFFF, 1) == 0
    assert buffer.output(b"abc", 0, 1) == -errno.EOPNOTSUPP
    assert buffer.output(b"abc", 2, 1) == -errno.E2BIG
    assert buffer.reader(codec_for(VOID)).consume() == [b"abc"]


def test_storage_belongs_to_an_object() -> None:
    storage: LocalStorage = made("TASK_STORAGE", entries=0)
    assert storage.get(0xFFFF0001, None, 0) == 0
    reference = storage.get(0xFFFF0001, v(3), 1)
    assert isinstance(reference, Pointer)
    assert storage.lookup(k(0xFFFF0001)) == v(3)
    storage.update(k(7), v(4))
    assert set(storage.keys()) == {k(7), k(0xFFFF0001)}
    assert storage.drop(7) == 0
    assert storage.drop(7) == -errno.ENOENT


def test_stack_traces() -> None:
    stacks: StackTraces = made("STACK_TRACE", value=24, entries=2)
    first = stacks.keep([1, 2])
    assert stacks.keep([1, 2]) == first
    assert stacks.lookup(k(first)) == struct.pack("<3Q", 1, 2, 0)
    assert stacks.keep([3]) != first
    assert stacks.keep([4]) == -errno.EEXIST


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (MapSpec("m", 99), "type 99"),
        (
            MapSpec("m", MAP_TYPES["BPF_MAP_TYPE_ARENA"].uapi, max_entries=1),
            "ARENA, which the simulation does not have",
        ),
        (hash_map(entries=0), "max_entries 0"),
        (hash_map(key=0), "keys of map `hash` have no bytes"),
        (MapSpec("m", 2, 8, 8, 1), "takes 4"),
        (MapSpec("m", 11, 4, 8, 1), "takes 4 and 1 to 256"),
        (array_map(value=0), "values of map `array` have no bytes"),
    ],
)
def test_maps_that_no_kernel_creates(spec: MapSpec, message: str) -> None:
    with pytest.raises(VmError, match=message):
        Machine(build(mov(0, 0), exit_(), maps=(spec,)))


# ----------------------------------------------------------------------- objects of user code


def machine_with(*maps: MapSpec, types: dict[str, tuple[Type | None, Type | None]] | None = None) -> Machine:
    return Machine(build(mov(0, 0), exit_(), maps=maps), types=types)


def test_map_objects_work_as_on_the_kernel() -> None:
    machine = machine_with(hash_map(), array_map(), types={"hash": (U32, U64), "array": (U32, U64)})
    table: Any = machine.maps["hash"]
    table[1] = 10
    table.update({2: 20, 3: 30})
    assert dict(table.items()) == {1: 10, 2: 20, 3: 30}
    assert table.pop(2) == 20
    assert 2 not in table
    assert len(table) == 2
    with pytest.raises(KeyError):
        table[2]
    table.clear()
    assert table.to_dict() == {}
    array: Any = machine.maps["array"]
    array[1] = 5
    assert list(array.values()) == [0, 5, 0, 0]
    with pytest.raises(OSError, match="can't be pinned"):
        table.pin("/sys/fs/bpf/x")


def test_programs_and_maps_are_stored_by_their_numbers() -> None:
    inner, outer = array_map("inner"), MapSpec("outer", 12, 4, 4, 4, inner=array_map("like"))
    jumps = MapSpec("jumps", 3, 4, 4, 2)
    machine = machine_with(inner, outer, jumps, hash_map())
    slots: Any = machine.maps["jumps"]
    slots[1] = machine.programs["prog"]
    with pytest.raises(OSError, match="no room"):
        slots[2] = machine.programs["prog"]
    del slots[1]
    with pytest.raises(KeyError):
        del slots[1]
    with pytest.raises(OSError, match="Bad file descriptor"):
        slots[0] = 12345
    machine.handles["outer"].update(k(0), k(machine.handles["inner"].fd))
    with pytest.raises(OSError, match="Invalid argument"):
        machine.handles["outer"].update(k(0), k(machine.handles["hash"].fd))


def test_timers_expire_when_time_is_advanced() -> None:
    machine = machine_with(array_map(value=24))
    reference = machine.handles["array"].find(k(1), 0)
    assert isinstance(reference, Pointer)
    seen: list[tuple[int, int]] = []

    def expired(vm: Execution, map: Any, key: Pointer, value: Pointer) -> int:
        seen.append((machine.clock.now, int.from_bytes(key.read(4), "little")))
        value.write(v(int.from_bytes(value.read(8), "little") + 1))
        if len(seen) < 3:
            HELPER_FUNCTIONS["bpf_timer_start"](vm, place, 100, 0)
        return 0

    place = Pointer(reference.region, 8)
    vm = Execution(machine, make_input(match_section("xdp"), "xdp", b"", None, machine.memory), "", 0)
    helpers = HELPER_FUNCTIONS
    assert helpers["bpf_timer_start"](vm, place, 100, 0) == -errno.EINVAL
    assert helpers["bpf_timer_init"](vm, place, machine.handles["array"].reference(), 1) == 0
    assert helpers["bpf_timer_init"](vm, place, machine.handles["array"].reference(), 1) == -errno.EBUSY
    assert helpers["bpf_timer_set_callback"](vm, place, FunctionReference("expired", expired)) == 0
    begin = machine.clock.now
    assert helpers["bpf_timer_start"](vm, place, 100, 0) == 0
    assert machine.advance(99) == []
    assert len(machine.advance(151)) == 2
    assert len(machine.advance(1000)) == 1
    assert seen == [(begin + 100, 1), (begin + 200, 1), (begin + 300, 1)]
    assert helpers["bpf_timer_cancel"](vm, place) == 0
    assert machine.handles["array"].lookup(k(1)) == v(3) + bytes(16)


def test_values_of_array_maps_can_be_read_by_programs() -> None:
    spec = build(
        put(W, 10, -4, 3),
        map_address(1, "array"),
        stack_pointer(2, -4),
        call("bpf_map_lookup_elem"),
        jump(isa.BPF_JEQ, 0, 0, 1),
        load(DW, 0, 0),
        exit_(),
        maps=(array_map(),),
    )
    machine = Machine(spec, types={"array": (U32, U64)})
    array: Any = machine.maps["array"]
    array[3] = 77
    assert machine.run("prog").retval == 77
