"""Map declarations, and map objects over a map that a dict stands for."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest

import pybpfc as bpf
from pybpfc import be32, u8, u16, u32, u64
from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.lang import event_maps, keyed_maps, other_maps, storage_maps
from pybpfc.lang import types as t
from pybpfc.lang.errors import DeclarationError, NotLoadedError
from pybpfc.lang.maps import BpfMap, MapDeclaration
from pybpfc.lang.printing import histogram


@bpf.struct
class Event:
    pid: u32
    n: u64


@bpf.struct
class Prefix:
    prefixlen: u32
    address: be32


def small(**options: Any) -> Any:
    """A map to put into others."""
    return bpf.HashMap[u32, u64](max_entries=4, **options)


MADE: dict[str, Callable[[], BpfMap]] = {
    "HASH": lambda: bpf.HashMap[u32, u64](max_entries=8),
    "ARRAY": lambda: bpf.Array[u64](max_entries=8),
    "PROG_ARRAY": lambda: bpf.ProgArray(max_entries=8),
    "PERF_EVENT_ARRAY": lambda: bpf.PerfEventArray[Event](),
    "PERCPU_HASH": lambda: bpf.PerCpuHashMap[u32, u64](max_entries=8),
    "PERCPU_ARRAY": lambda: bpf.PerCpuArray[u64](max_entries=8),
    "STACK_TRACE": lambda: bpf.StackTrace(max_entries=8),
    "CGROUP_ARRAY": lambda: bpf.CgroupArray(max_entries=8),
    "LRU_HASH": lambda: bpf.LruHashMap[u32, u64](max_entries=8),
    "LRU_PERCPU_HASH": lambda: bpf.LruPerCpuHashMap[u32, u64](max_entries=8),
    "LPM_TRIE": lambda: bpf.LpmTrie[Prefix, u64](max_entries=8),
    "ARRAY_OF_MAPS": lambda: bpf.ArrayOfMaps[bpf.HashMap[u32, u64]](max_entries=8, inner=small()),
    "HASH_OF_MAPS": lambda: bpf.HashOfMaps[u16, bpf.HashMap[u32, u64]](max_entries=8, inner=small()),
    "DEVMAP": lambda: bpf.DevMap(max_entries=8),
    "SOCKMAP": lambda: bpf.SockMap(max_entries=8),
    "CPUMAP": lambda: bpf.CpuMap(max_entries=8),
    "XSKMAP": lambda: bpf.XskMap(max_entries=8),
    "SOCKHASH": lambda: bpf.SockHash[u16](max_entries=8),
    "REUSEPORT_SOCKARRAY": lambda: bpf.ReuseportSockArray(max_entries=8),
    "QUEUE": lambda: bpf.Queue[u64](max_entries=8),
    "STACK": lambda: bpf.Stack[u64](max_entries=8),
    "SK_STORAGE": lambda: bpf.SkStorage[u64](),
    "DEVMAP_HASH": lambda: bpf.DevMapHash(max_entries=8),
    "RINGBUF": lambda: bpf.RingBuf[Event](size=8192),
    "INODE_STORAGE": lambda: bpf.InodeStorage[u64](),
    "TASK_STORAGE": lambda: bpf.TaskStorage[u64](),
    "BLOOM_FILTER": lambda: bpf.BloomFilter[u64](max_entries=8),
    "USER_RINGBUF": lambda: bpf.UserRingBuf[Event](size=4096),
    "CGRP_STORAGE": lambda: bpf.CgroupStorage[u64](),
    "ARENA": lambda: bpf.Arena(pages=16),
}
UNDECLARED = {"CGROUP_STORAGE", "PERCPU_CGROUP_STORAGE", "STRUCT_OPS"}
"""Superseded by CGRP_STORAGE, or made by `@bpf.struct_ops`."""


def test_every_map_type_has_a_class() -> None:
    assert {name.removeprefix("BPF_MAP_TYPE_") for name in MAP_TYPES} == set(MADE) | UNDECLARED
    modules = (keyed_maps, event_maps, other_maps, storage_maps)
    classes = [c for m in modules for c in vars(m).values() if isinstance(c, type)]
    named = {c.type_name for c in classes if issubclass(c, BpfMap) and c.type_name}
    assert named == {f"BPF_MAP_TYPE_{name}" for name in MADE}


@pytest.mark.parametrize("name", MADE)
def test_declarations(name: str) -> None:
    declaration = MADE[name]().declaration
    kind = MAP_TYPES[declaration.type_name]
    assert declaration.type_name == f"BPF_MAP_TYPE_{name}"
    if kind.key == "u32":
        assert declaration.key in (t.U32, None)
    elif kind.key == "none":
        assert declaration.key is None
    else:
        assert declaration.key is not None
    assert MADE[name]().declaration == declaration


def test_options_reach_the_declaration() -> None:
    made = bpf.HashMap[u32, Event](max_entries=7, flags=2, pinned="/sys/fs/bpf/x", numa_node=0, map_extra=3)
    layout = Event.__bpf_type__  # type: ignore[attr-defined]
    assert made.declaration == MapDeclaration("BPF_MAP_TYPE_HASH", t.U32, layout, 7, 2, "/sys/fs/bpf/x", 0, 3)
    assert bpf.RingBuf[Event](size=8192).declaration.max_entries == 8192
    assert bpf.BloomFilter[u32](max_entries=5, hashes=3).declaration.map_extra == 3
    assert bpf.Arena(pages=2, address=1 << 32).declaration == MapDeclaration(
        "BPF_MAP_TYPE_ARENA", None, None, 2, 1 << 10, map_extra=1 << 32
    )
    assert bpf.LpmTrie[Prefix, u32](max_entries=1, flags=1 << 7).declaration.flags == 1 | 1 << 7
    assert bpf.TaskStorage[u64]().declaration == MapDeclaration("BPF_MAP_TYPE_TASK_STORAGE", t.I32, t.U64, 0, 1)
    assert bpf.StackTrace(max_entries=1, depth=20).declaration.value == t.Array(t.U64, 20)
    assert t.size_of(bpf.DevMap(max_entries=1, programs=True).declaration.value or t.VOID) == 8
    outer = bpf.ArrayOfMaps[bpf.HashMap[u32, u64]](max_entries=2, inner=small(flags=1)).declaration
    assert outer.inner == MapDeclaration("BPF_MAP_TYPE_HASH", t.U32, t.U64, 4, 1)


MISTAKES: dict[str, Callable[[], Any]] = {
    "`bpf.HashMap[K, V]` needs `max_entries=`; say how many": lambda: bpf.HashMap[u32, u64](),
    "`max_entries` of `bpf.HashMap[K, V]` must be 1 to 4294967295, not 0": lambda: bpf.HashMap[u32, u64](max_entries=0),
    "must be 1 to 4294967295, not 1.5": lambda: bpf.HashMap[u32, u64](max_entries=1.5),  # type: ignore[arg-type]
    "must be 1 to 4294967295, not True": lambda: bpf.HashMap[u32, u64](max_entries=True),
    "`flags` of `bpf.Array[V]` must be 0 to": lambda: bpf.Array[u64](max_entries=1, flags=-1),
    "`pinned` must be True or an absolute path": lambda: bpf.Array[u64](max_entries=1, pinned="x"),
    "`pinned` must be True or a path": lambda: bpf.Array[u64](max_entries=1, pinned=3),  # type: ignore[arg-type]
    "`bpf.HashMap` takes two types, not 1; write `bpf.HashMap[K, V](…)`": lambda: bpf.HashMap[u32],  # type: ignore[misc]
    "`bpf.Array` takes one type, not 2; write `bpf.Array[V](…)`": lambda: bpf.Array[u32, u64],  # type: ignore[misc]
    "`bpf.ProgArray` takes no types, not 1; write `bpf.ProgArray(…)`": lambda: bpf.ProgArray[u32],  # type: ignore[misc]
    "`bpf.HashMap` needs its types; write `bpf.HashMap[K, V](…)`": lambda: bpf.HashMap(max_entries=1).declaration,
    "in `bpf.HashMap[K, V]`: `str` has no size; write": lambda: bpf.HashMap[str, u64](max_entries=1).declaration,
    "`None` cannot be stored in a map": lambda: bpf.HashMap[u32, None](max_entries=1).declaration,
    "the key of an LpmTrie is a struct of `prefixlen: u32`": lambda: bpf.LpmTrie[u64, u64](max_entries=1).declaration,
    "a power of two from 4096 bytes up, not 5000": lambda: bpf.RingBuf[Event](size=5000),
    "`hashes` of `bpf.BloomFilter[V]` must be 1 to 15": lambda: bpf.BloomFilter[u8](max_entries=1, hashes=0),
    "is a map that holds no maps": lambda: bpf.ArrayOfMaps[Any](max_entries=1, inner=MADE["ARRAY_OF_MAPS"]()),
    "has inner maps of type `Array[u64]`, but `inner` is <bpf.HashMap[u32, u64]>": lambda: (
        bpf.ArrayOfMaps[bpf.Array[u64]](max_entries=1, inner=small()).declaration
    ),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_mistakes(message: str) -> None:
    with pytest.raises(DeclarationError) as caught:
        MISTAKES[message]()
    assert message in str(caught.value)


def test_types_may_come_later() -> None:
    made = bpf.HashMap[u32, "Later"](max_entries=1)  # type: ignore[name-defined]  # noqa: F821
    with pytest.raises(DeclarationError, match="the name `Later` cannot be resolved here"):
        _ = made.declaration


@pytest.mark.parametrize("name", MADE)
def test_unbound_maps_say_what_to_do(name: str) -> None:
    made: Any = MADE[name]()
    with pytest.raises(NotLoadedError, match=r"exists in the kernel only after `bpf.load\(\)`"):
        made.pin("/sys/fs/bpf/x")
    with pytest.raises(NotLoadedError):
        _ = made.fd
    assert repr(made).startswith(f"<bpf.{type(made).__name__}")


KERNEL_SIDE: dict[str, Callable[[], Any]] = {
    "lookup": lambda: small().lookup(1),
    "reserve": lambda: bpf.RingBuf[Event](size=4096).reserve(),
    "submit": lambda: bpf.RingBuf[Event](size=4096).submit(Event(pid=1, n=2)),
    "discard": lambda: bpf.RingBuf[Event](size=4096).discard(Event(pid=1, n=2)),
    "output": lambda: bpf.PerfEventArray[Event]().output(None, Event(pid=1, n=2)),
    "tail_call": lambda: bpf.ProgArray(max_entries=1).tail_call(None, 0),
    "redirect": lambda: bpf.DevMap(max_entries=1).redirect(0),
    "get": lambda: bpf.TaskStorage[u64]().get(None, create=True),
    "drain": lambda: bpf.UserRingBuf[Event](size=4096).drain(None),
    "get_stackid": lambda: bpf.StackTrace(max_entries=1).get_stackid(None),
}


@pytest.mark.parametrize("name", KERNEL_SIDE)
def test_kernel_side_methods_say_what_user_space_has(name: str) -> None:
    with pytest.raises(TypeError, match=f"`{name}` works inside a BPF program only; in user space "):
        KERNEL_SIDE[name]()


# --------------------------------------------------------------------------- over a dict


class Handle:
    """A map of bytes."""

    name = "fake"
    possible_cpus = 2
    fd = 9

    def __init__(self) -> None:
        self.content: dict[bytes, bytes] = {}
        self.order: list[bytes] = []
        self.closed = False

    def lookup(self, key: bytes, flags: int = 0) -> bytes | None:
        return self.content.get(key)

    def update(self, key: bytes, value: bytes, flags: int = 0) -> None:
        if flags == 1 and key in self.content:
            raise OSError(errno.EEXIST, "exists")
        self.content[key] = value

    def delete(self, key: bytes) -> bool:
        return self.content.pop(key, None) is not None

    def take(self, key: bytes, flags: int = 0) -> bytes | None:
        raise OSError(errno.EINVAL, "an old kernel")

    def keys(self) -> Iterator[bytes]:
        return iter(list(self.content))

    def items(self, batch: int | None = None) -> Iterator[tuple[bytes, bytes]]:
        return iter(list(self.content.items()))

    def update_many(self, entries: Iterable[tuple[bytes, bytes]], flags: int = 0) -> None:
        self.content.update(entries)

    def delete_many(self, keys: Iterable[bytes]) -> None:
        for key in keys:
            self.content.pop(key, None)

    def pop(self) -> bytes | None:
        return self.order.pop(0) if self.order else None

    def peek(self) -> bytes | None:
        return self.order[0] if self.order else None

    def push(self, value: bytes, flags: int = 0) -> None:
        self.order.append(value)

    def contains_value(self, value: bytes) -> bool:
        return value in self.order

    def pin(self, path: str) -> None:
        self.name = path

    def close(self) -> None:
        self.closed = True

    def reader(self, codec: Any) -> Any:
        return Reader(codec)


class Reader:
    """Three events, then the end."""

    lost = 4

    def __init__(self, codec: Any) -> None:
        self.codec = codec
        self.closed = False

    def poll(self, timeout: float | None = None) -> list[Any]:
        return [self.codec.decode(n.to_bytes(16, "little")) for n in range(3)]

    def consume(self) -> list[Any]:
        return self.poll()

    def batches(self, timeout: float | None = None) -> Iterator[tuple[memoryview, int, int]]:
        raw = b"".join(n.to_bytes(16, "little") + bytes(8) for n in range(3))
        yield memoryview(raw), 3, 24

    def fileno(self) -> int:
        return 3

    def __iter__(self) -> Iterator[Any]:
        return iter(self.poll())

    async def __aiter__(self) -> Any:
        for event in self.poll():
            yield event

    def close(self) -> None:
        self.closed = True


def bound(made: Any) -> tuple[Any, Handle]:
    handle = Handle()
    made.bind(handle)
    return made, handle


def test_mapping() -> None:
    m, handle = bound(small())
    m[1] = 2
    assert handle.content == {b"\1\0\0\0": b"\2" + bytes(7)}
    m.update({3: 4})
    m.update(5, 6, 1)
    with pytest.raises(OSError, match="exists"):
        m.update(5, 7, flags=1)
    assert (m[1], m.get(9), m.get(9, "x"), list(m), list(m.values())) == (2, None, "x", [1, 3, 5], [2, 4, 6])
    assert (m.pop(1), m.pop(1, 0), m.delete(3), m.delete(3)) == (2, 0, 0, -errno.ENOENT)
    assert bool(bound(small())[0])
    m.clear()
    assert (len(m), m.to_dict()) == (0, {})


def test_ends() -> None:
    m, handle = bound(small())
    m.pin("/sys/fs/bpf/here")
    assert (m.fd, handle.name, repr(m)) == (9, "/sys/fs/bpf/here", "<bpf.HashMap[u32, u64] '/sys/fs/bpf/here'>")
    m.close()
    assert handle.closed
    with pytest.raises(NotLoadedError):
        m.close()


def test_per_cpu_lists() -> None:
    m, handle = bound(bpf.PerCpuHashMap[u32, Annotated[list[u8], 3]](max_entries=1))
    m[1] = [1, 2, 3]
    assert handle.content[b"\1\0\0\0"] == b"\1\2\3\0\0\0\0\0" * 2
    assert (m[1], m[1].sum()) == ([[1, 2, 3], [1, 2, 3]], [2, 4, 6])
    m[1] = keyed_maps.PerCpuValues([[1, 0, 0], [2, 0, 0]])
    assert m[1].sum() == [3, 0, 0]
    with pytest.raises(TypeError, match="which CPU's value"):
        m[1] += 1


def test_queues_and_filters() -> None:
    q, _ = bound(bpf.Queue[u16](max_entries=4))
    q.push(7)
    assert (q.peek(), q.pop(), q.pop(), q.peek()) == (7, 7, None, None)
    b, _ = bound(bpf.BloomFilter[u16](max_entries=4))
    b.push(7)
    assert (7 in b, 8 in b) == (True, False)


def test_events() -> None:
    events, _ = bound(bpf.RingBuf[Event](size=4096))
    assert [e.pid for e in events] == [e.pid for e in events.poll(0)] == [e.pid for e in events.consume()] == [0, 1, 2]
    assert (events.fileno(), events.lost) == (3, 4)
    reader = events.reader
    events.bind(None)
    assert reader.closed
    with pytest.raises(NotLoadedError):
        events.poll()


def test_events_without_blocking() -> None:
    import asyncio

    events, _ = bound(bpf.PerfEventArray[Event]())

    async def collect() -> list[int]:
        return [event.pid async for event in events]

    assert asyncio.run(collect()) == [0, 1, 2]


def test_batches_are_views() -> None:
    pytest.importorskip("numpy")
    events, _ = bound(bpf.RingBuf[Event](size=4096))
    (batch,) = events.batches(0)
    assert (batch["pid"].tolist(), batch.strides) == ([0, 1, 2], (24,))
    assert batch.base is not None


def test_objects_with_numbers(tmp_path: Path) -> None:
    jumps, handle = bound(bpf.ProgArray(max_entries=2))
    jumps[0] = 5
    jumps[1] = type("Loaded", (), {"fd": 6})()
    assert list(handle.content.values()) == [b"\5\0\0\0", b"\6\0\0\0"]
    with socket.socket() as sock:
        sockets, handle = bound(bpf.SockHash[u16](max_entries=2))
        sockets[80] = sock
        assert handle.content == {b"P\0": sock.fileno().to_bytes(8, "little")}
    ports, handle = bound(bpf.DevMap(max_entries=2))
    ports[0] = "lo"
    assert ports[0] == socket.if_nametoindex("lo")
    with pytest.raises(TypeError, match="declare it with `programs=True`"):
        ports[0] = ("lo", 3)
    with pytest.raises(KeyError):
        _ = ports[1]
    pairs, handle = bound(bpf.CpuMap(max_entries=2, programs=True))
    pairs[0] = 192
    pairs[1] = (192, 7)
    assert pairs[0] == {"qsize": 192, "bpf_prog": -1}
    assert pairs[1] == {"qsize": 192, "bpf_prog": 7}
    groups, handle = bound(bpf.CgroupArray(max_entries=2))
    before = len(os.listdir("/proc/self/fd"))
    groups[0] = str(tmp_path)
    assert len(os.listdir("/proc/self/fd")) == before
    outer, handle = bound(MADE["ARRAY_OF_MAPS"]())
    outer[0] = bound(small())[0]
    assert list(handle.content.values()) == [b"\x09\0\0\0"]
    for one in (jumps, outer, groups):
        with pytest.raises(KeyError):
            del one[7]


def test_stacks_end_at_zero() -> None:
    stacks, handle = bound(bpf.StackTrace(max_entries=2, depth=3))
    handle.content[bytes(4)] = b"".join(n.to_bytes(8, "little") for n in (5, 6, 0))
    handle.content[b"\1\0\0\0"] = b"".join(n.to_bytes(8, "little") for n in (5, 6, 7))
    assert (stacks[0], stacks[1], list(stacks)) == ([5, 6], [5, 6, 7], [0, 1])
    del stacks[0]
    with pytest.raises(KeyError):
        _ = stacks[0]


def test_storage_is_found_by_what_owns_it(tmp_path: Path) -> None:
    files, handle = bound(bpf.InodeStorage[u64]())
    before = len(os.listdir("/proc/self/fd"))
    files[tmp_path] = 4
    assert list(handle.content.values()) == [b"\4" + bytes(7)]
    with pytest.raises(FileNotFoundError):
        files[tmp_path / "missing"] = 4
    tasks, _ = bound(bpf.TaskStorage[u64]())
    tasks[os.getpid()] = 5
    assert len(os.listdir("/proc/self/fd")) == before
    sockets, handle = bound(bpf.SkStorage[u64]())
    with socket.socket() as sock:
        sockets[sock] = 6
        assert (sockets[sock], sock in sockets) == (6, True)
        del sockets[sock]
        assert sock not in sockets
        with pytest.raises(KeyError):
            del sockets[sock]


def test_a_typed_map_can_annotate() -> None:
    annotation: Any = bpf.HashMap[u32, Event]
    assert repr(annotation) == "HashMap[u32, Event]"
    assert str(annotation | None) == "typing.Optional[HashMap[u32, Event]]"


# --------------------------------------------------------------------------------- histograms


def test_histograms() -> None:
    assert histogram({0: 1, 2: 4, 4: 2}, width=8, title="latency").splitlines() == [
        "latency",
        "  value : count  distribution",
        "      0 :     1 |**      |",
        "      1 :     0 |        |",
        " 2 -> 3 :     4 |********|",
        " 4 -> 7 :     0 |        |",
        "8 -> 15 :     2 |****    |",
    ]
    assert histogram({5: 1, 7: 1}, kind="linear", width=2).splitlines()[1:] == [
        "5 :     1 |**|",
        "6 :     0 |  |",
        "7 :     1 |**|",
    ]
    assert histogram({"a": 3}, kind="linear", width=1).splitlines()[1:] == ["a :     3 |*|"]
    assert histogram({}) == "(no values)"
    with pytest.raises(ValueError, match="log2 or linear, not 'log10'"):
        histogram({1: 1}, kind="log10")


def test_maps_print_histograms(capsys: pytest.CaptureFixture[str]) -> None:
    m, _ = bound(bpf.PerCpuHashMap[u32, u64](max_entries=4))
    m[1] = 2
    m.print_hist(title="sizes", width=4)
    assert capsys.readouterr().out.splitlines()[-1] == "1 :     4 |****|"
