"""Maps from user space: every operation on every type, iteration under deletion, pins, errors in words."""

from __future__ import annotations

import errno
import os
import random
import struct
import threading
from pathlib import Path

import pytest
from kernel_support import bpffs, from_c, no_leak

from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.spec import MapSpec, ObjectSpec
from pybpfc.lang.types import U32, U64
from pybpfc.runtime import features, load_object
from pybpfc.runtime.maps import BPF_EXIST, BPF_NOEXIST, Map
from pybpfc.runtime.object_maps import create_map


def make(kind: str, key: int = 4, value: int = 8, entries: int = 1000, flags: int = 0, **more: int) -> Map:
    """A map of the kernel without an object around it."""
    name = f"BPF_MAP_TYPE_{kind}"
    if not features.have_map_type(name):
        pytest.skip(f"this kernel has no {name}")
    spec = MapSpec("m", MAP_TYPES[name].uapi, key, value, entries, flags)
    for attribute, number in more.items():
        setattr(spec, attribute, number)
    return create_map(spec, 0)


def u32(number: int) -> bytes:
    return struct.pack("=I", number)


def u64(number: int) -> bytes:
    return struct.pack("=Q", number)


HASHES = ["HASH", "LRU_HASH"]


@pytest.mark.parametrize("kind", HASHES)
def test_hash_maps(kind: str) -> None:
    with no_leak(), make(kind) as m:
        assert m.lookup(u32(1)) is None
        m.update(u32(1), u64(10))
        assert m.lookup(u32(1)) == u64(10)
        m.update(u32(1), u64(11), BPF_EXIST)
        with pytest.raises(OSError, match="has this key already") as caught:
            m.update(u32(1), u64(12), BPF_NOEXIST)
        assert caught.value.errno == errno.EEXIST
        with pytest.raises(OSError, match="does not have this key"):
            m.update(u32(2), u64(12), BPF_EXIST)
        assert m.delete(u32(1)) is True
        assert m.delete(u32(1)) is False
        m.update(u32(5), u64(50))
        assert m.take(u32(5)) == u64(50)
        assert m.take(u32(5)) is None
        with pytest.raises(ValueError, match="keys of 4 bytes, not 3"):
            m.lookup(b"abc")
        with pytest.raises(ValueError, match="values of 8 bytes, not 1"):
            m.update(u32(1), b"x")


def test_a_full_map_says_how_large_it_is() -> None:
    with make("HASH", entries=3) as m:
        for i in range(3):
            m.update(u32(i), u64(i))
        with pytest.raises(OSError, match="no room: its max_entries is 3") as caught:
            m.update(u32(9), u64(9))
        assert caught.value.errno == errno.E2BIG


@pytest.mark.parametrize("batch", [None, 1, 7, 100_000])
def test_all_entries_by_batches_of_any_size(batch: int | None) -> None:
    with make("HASH", entries=5000) as m:
        wanted = {u32(random.getrandbits(32)): u64(i) for i in range(3000)}
        m.update_many(wanted.items())
        assert dict(m.items(batch)) == wanted
        assert set(m.keys()) == set(wanted)
        m.delete_many(list(wanted)[:1000])
        assert dict(m.items(batch)) == dict(list(wanted.items())[1000:])


def test_all_entries_one_by_one_where_there_are_no_batches() -> None:
    with make("HASH", entries=1000) as m:
        m._batches = False
        wanted = {u32(i): u64(i * i) for i in range(500)}
        m.update_many(wanted.items())
        assert dict(m.items()) == wanted
        assert sorted(m.keys()) == sorted(wanted)
        m.delete_many(wanted)
        assert list(m.items()) == []


@pytest.mark.parametrize("batches", [True, False])
def test_deleting_while_iterating(batches: bool) -> None:
    with make("HASH", entries=2000) as m:
        if not batches:
            m._batches = False
        m.update_many((u32(i), u64(i)) for i in range(1000))
        seen = []
        for key in iter(m.keys()):
            seen.append(key)
            m.delete(key)
        assert len(seen) == len(set(seen)) == 1000
        assert list(m.keys()) == []


@pytest.mark.parametrize("batches", [True, False])
def test_iterating_while_another_deletes_and_inserts(batches: bool) -> None:
    with make("HASH", entries=4000) as m:
        if not batches:
            m._batches = False
        stay = {u32(i) for i in range(500)}
        m.update_many((key, u64(1)) for key in stay)
        stop = threading.Event()

        def churn() -> None:
            number = 1000
            while not stop.is_set():
                number = 1000 + (number + 1) % 2000
                m.update(u32(number), u64(2))
                m.delete(u32(1000 + (number + 1000) % 2000))

        thread = threading.Thread(target=churn)
        thread.start()
        try:
            for _ in range(10):
                keys = list(m.keys())
                assert len(keys) == len(set(keys))
                assert stay <= set(keys)
        finally:
            stop.set()
            thread.join()


def test_arrays() -> None:
    with no_leak(), make("ARRAY", entries=10) as m:
        assert m.lookup(u32(3)) == u64(0)
        m.update(u32(3), u64(33))
        assert dict(m.items())[u32(3)] == u64(33)
        assert len(list(m.keys())) == 10
        assert m.lookup(u32(10)) is None
        with pytest.raises(OSError, match="no room"):
            m.update(u32(10), u64(1))


def test_arrays_as_memory() -> None:
    with no_leak(), make("ARRAY", entries=10, flags=1 << 10) as m, m.memory() as memory:
        memory[24:32] = u64(77)
        assert m.lookup(u32(3)) == u64(77)
        m.update(u32(4), u64(88))
        assert memory[32:40] == u64(88)
    with make("ARRAY") as m, pytest.raises(OSError, match="BPF_F_MMAPABLE"):
        m.memory()


@pytest.mark.parametrize("kind", ["PERCPU_HASH", "PERCPU_ARRAY", "LRU_PERCPU_HASH"])
def test_per_cpu_maps(kind: str) -> None:
    with no_leak(), make(kind, value=4, entries=100) as m:
        values = b"".join(u32(cpu + 1) + bytes(4) for cpu in range(m.possible_cpus))
        m.update(u32(5), values)
        assert m.lookup(u32(5)) == values
        assert dict(m.items())[u32(5)] == values


def test_lpm_trie() -> None:
    with no_leak(), make("LPM_TRIE", key=8, flags=1) as m:
        net = struct.pack("=I", 8) + bytes([10, 0, 0, 0])
        m.update(net, u64(1))
        m.update(struct.pack("=I", 16) + bytes([10, 1, 0, 0]), u64(2))
        host = struct.pack("=I", 32)
        assert m.lookup(host + bytes([10, 9, 9, 9])) == u64(1)
        assert m.lookup(host + bytes([10, 1, 9, 9])) == u64(2)
        assert m.lookup(host + bytes([11, 0, 0, 0])) is None
        assert len(dict(m.items())) == 2
        assert m.delete(net)


@pytest.mark.parametrize(("kind", "order"), [("QUEUE", [1, 2, 3]), ("STACK", [3, 2, 1])])
def test_queues_and_stacks(kind: str, order: list[int]) -> None:
    with no_leak(), make(kind, key=0, entries=3) as m:
        assert m.pop() is None
        for number in (1, 2, 3):
            m.push(u64(number))
        with pytest.raises(OSError, match="no room"):
            m.push(u64(4))
        assert m.peek() == u64(order[0])
        assert [m.pop() for _ in range(4)] == [*map(u64, order), None]


def test_bloom_filter() -> None:
    with no_leak(), make("BLOOM_FILTER", key=0, value=8, map_extra=3) as m:
        m.push(u64(1))
        assert m.contains_value(u64(1))
        assert not m.contains_value(u64(2))
        assert m.info.map_extra == 3


def test_freezing() -> None:
    with make("ARRAY", entries=1) as m:
        m.update(u32(0), u64(1))
        m.freeze()
        assert m.lookup(u32(0)) == u64(1)
        with pytest.raises(OSError, match="frozen"):
            m.update(u32(0), u64(2))


def test_operations_a_type_does_not_have() -> None:
    with make("ARRAY", entries=1) as m, pytest.raises(OSError, match="do not take this operation"):
        m.delete(u32(0))


def test_info_and_pins() -> None:
    with no_leak(), bpffs() as root, make("HASH", entries=7) as m:
        info = m.info
        assert (info.name, info.type_name, info.max_entries, info.key_size) == ("m", "BPF_MAP_TYPE_HASH", 7, 4)
        m.pin(f"{root}/here")
        m.update(u32(1), u64(5))
        from pybpfc.runtime.syscall import object_get

        with Map.from_fd(object_get(f"{root}/here")) as again:
            assert again.lookup(u32(1)) == u64(5)
            assert again.info.id == info.id
        m.unpin()
        assert not os.path.exists(f"{root}/here")


def test_one_map_from_many_threads() -> None:
    with make("HASH", entries=10_000) as m:

        def work(base: int) -> None:
            for i in range(500):
                m.update(u32(base + i), u64(base + i))
                assert m.lookup(u32(base + i)) == u64(base + i)

        threads = [threading.Thread(target=work, args=(base,)) for base in range(0, 4000, 1000)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(struct.unpack("=I", k)[0] == struct.unpack("=Q", v)[0] for k, v in m.items())
        assert len(list(m.keys())) == 2000


# --------------------------------------------------------------------------- in loaded objects

PINNED = """
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, ENTRIES); __type(key, __u32); __type(value, __u64);
         __uint(pinning, LIBBPF_PIN_BY_NAME); } shared SEC(".maps");
SEC("xdp") int f(void *ctx) { return 2; }
"""


def test_maps_pinned_by_name_are_shared() -> None:
    with bpffs() as root:
        with load_object(from_c(PINNED, "-DENTRIES=8"), pin_root=root) as obj:
            obj.shared[1] = 11
        with no_leak(), load_object(from_c(PINNED, "-DENTRIES=8"), pin_root=root) as obj:
            assert obj.shared[1] == 11
        with no_leak(), pytest.raises(LoadError, match="max_entries is 8, not 9") as caught:
            load_object(from_c(PINNED, "-DENTRIES=9"), pin_root=root)
        assert f"{root}/shared" in caught.value.remedy
        os.unlink(f"{root}/shared")


def test_pinning_outside_a_bpf_file_system(tmp_path: Path) -> None:
    with no_leak(), pytest.raises(LoadError, match="can't be pinned"):
        load_object(from_c(PINNED, "-DENTRIES=8"), pin_root=str(tmp_path))


def test_objects_of_maps_alone() -> None:
    """A specification need not come from a file."""
    spec = ObjectSpec({}, {}, {"m": MapSpec("m", 1, 4, 8, 10)}, {}, None, "GPL")
    with no_leak(), load_object(spec, types={"m": (U32, U64)}) as obj:
        obj.m[3] = 4
        assert obj.m.to_dict() == {3: 4}


def test_ring_sizes_are_rounded_up() -> None:
    source = """
    struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 5000); } events SEC(".maps");
    struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4);
             __uint(value_size, 4); } perf SEC(".maps");
    """
    with load_object(from_c(source)) as obj:
        assert obj.events.handle.info.max_entries == 8192
        assert obj.perf.handle.info.max_entries == obj.perf.handle.possible_cpus


def test_declared_maps_are_bound() -> None:
    import pybpfc as bpf
    from pybpfc import u32 as word
    from pybpfc import u64 as long

    declared = bpf.HashMap[word, long](max_entries=8)
    source = PINNED.replace("__uint(pinning, LIBBPF_PIN_BY_NAME);", "")
    with load_object(from_c(source, "-DENTRIES=8"), maps={"shared": declared}) as obj:
        assert obj.shared is declared
        declared[1] = 2
        assert declared.to_dict() == {1: 2}


def test_types_of_c_structs() -> None:
    source = """
    enum color { RED = 1, GREEN = 5 };
    union either { __u32 number; char text[8]; };
    struct all {
        __u8 a; __s8 b; __u16 c; __be16 port; __be32 addr; __s64 d; bool e; enum color color;
        char name[7]; unsigned char raw[3]; __u32 list[4]; struct { __u8 x, y; } point[2]; union either either;
        __u32 low : 3, high : 29; void *pointer;
    };
    struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1);
             __type(key, __u32); __type(value, struct all); } m SEC(".maps");
    SEC("xdp") int f(void *ctx)
    {
        __u32 zero = 0;
        struct all *v = bpf_map_lookup_elem(&m, &zero);
        if (!v) return 0;
        v->a = 200; v->b = -100; v->c = 60000; v->port = bpf_htons(443); v->addr = bpf_htonl(0x0A000001); v->d = -5;
        v->e = true;
        v->color = GREEN; __builtin_memcpy(v->name, "abc", 4); v->raw[1] = 9; v->list[3] = 4; v->point[1].y = 6;
        v->either.number = 0x64636261; v->low = 5; v->high = 1000; v->pointer = (void *)0x1234;
        return 2;
    }
    """
    with load_object(from_c(source)) as obj:
        obj.f.test_run(data=bytes(64))
        v = obj.m[0]
        assert (v.a, v.b, v.c, v.port, v.addr, v.d, v.e) == (200, -100, 60000, 443, 0x0A000001, -5, True)
        assert (v.color, v.color.name, v.name, v.raw, v.list) == (5, "GREEN", "abc", b"\0\x09\0", [0, 0, 0, 4])
        assert v.point[1].y == 6
        assert v.either.text == "abcd"
        assert (v.low, v.high, v.pointer) == (5, 1000, 0x1234)
        v.high = 7
        obj.m[0] = v
        assert obj.m[0] == v
