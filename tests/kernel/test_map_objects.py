"""Map objects in user space, on maps of the kernel."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest

import pybpfc as bpf
from pybpfc import u32, u64


@bpf.struct
class Flow:
    packets: u64 = 0
    name: Annotated[str, 8] = ""


@bpf.struct
class Prefix:
    prefixlen: u32 = 0
    address: Annotated[bytes, 4] = b""


counts = bpf.HashMap[u32, u64](max_entries=300)
flows = bpf.LruHashMap[Annotated[str, 16], Flow](max_entries=16)
slots = bpf.Array[u64](max_entries=5)
per_cpu = bpf.PerCpuArray[u64](max_entries=2)
per_cpu_flows = bpf.PerCpuHashMap[u32, Flow](max_entries=4)
routes = bpf.LpmTrie[Prefix, u32](max_entries=8)
queue = bpf.Queue[u64](max_entries=2)
stack = bpf.Stack[u64](max_entries=2)
seen = bpf.BloomFilter[u32](max_entries=100)
jumps = bpf.ProgArray(max_entries=4)


@bpf.socket_filter
def touch(skb: bpf.SkBuff) -> int:
    per_cpu[0] += 1
    counts[7] += 1
    return 0


@pytest.fixture(scope="module")
def loaded() -> Iterator[Any]:
    import sys

    with bpf.load(sys.modules[__name__], attach=False) as obj:
        yield obj


@pytest.fixture
def bpffs() -> Iterator[Path]:
    root = Path("/sys/fs/bpf")
    if not os.path.ismount(root):
        pytest.skip("no BPF file system is mounted at /sys/fs/bpf")
    with tempfile.TemporaryDirectory(dir=root) as folder:
        yield Path(folder)


def test_a_hash_is_a_mapping(loaded: Any) -> None:
    counts.clear()
    counts[1] = 10
    counts.update({2: 20, 3: 30})
    counts.update([(4, 40)])
    assert (counts[1], counts.get(2), counts.get(9), counts.get(9, 5)) == (10, 20, None, 5)
    assert (1 in counts, 9 in counts, len(counts)) == (True, False, 4)
    assert sorted(counts) == [1, 2, 3, 4]
    assert counts.to_dict() == {1: 10, 2: 20, 3: 30, 4: 40}
    del counts[1]
    assert (counts.pop(2), counts.pop(2, None), counts.delete(3), counts.delete(3)) == (20, None, 0, -2)
    for missing in (lambda: counts[1], lambda: counts.pop(1), lambda: counts.__delitem__(1)):
        with pytest.raises(KeyError):
            missing()
    counts.update((i, i * i) for i in range(300))
    assert dict(counts.items(batch=7)) == {i: i * i for i in range(300)}
    counts.clear()
    assert len(counts) == 0


def test_structs_and_strings(loaded: Any) -> None:
    flows["init"] = Flow(packets=3, name="first")
    assert flows["init"] == Flow(packets=3, name="first")
    assert list(flows.keys()) == ["init"]
    with pytest.raises(bpf.CodecError, match="takes 15 bytes, not 16"):
        flows["x" * 16] = Flow()
    with pytest.raises(bpf.CodecError, match=r"Flow.packets must be 0 to 18446744073709551615, not -1"):
        flows["x"] = Flow(packets=-1)


def test_arrays(loaded: Any) -> None:
    slots[1] = 5
    assert (list(slots.items()), len(slots)) == ([(0, 0), (1, 5), (2, 0), (3, 0), (4, 0)], 5)
    assert (4 in slots, 5 in slots) == (True, False)
    with pytest.raises(KeyError):
        _ = slots[5]
    with pytest.raises(TypeError, match="cannot be deleted"):
        del slots[1]
    slots.clear()
    assert list(slots.values()) == [0] * 5


def test_per_cpu_values(loaded: Any) -> None:
    cpus = os.sysconf("SC_NPROCESSORS_CONF")
    per_cpu[1] = 2
    assert len(per_cpu[1]) >= cpus
    assert per_cpu[1].sum() == 2 * len(per_cpu[1])
    per_cpu[1] = list(range(len(per_cpu[1])))
    assert per_cpu[1] == list(range(len(per_cpu[1])))
    with pytest.raises(ValueError, match="one for each possible CPU"):
        per_cpu[1] = [1] * (len(per_cpu[1]) + 1)
    per_cpu_flows[1] = Flow(packets=2, name="x")
    assert per_cpu_flows[1].sum() == Flow(packets=2 * len(per_cpu[1]), name="x")
    per_cpu.clear()
    assert per_cpu[1].sum() == 0


def test_programs_and_user_space_share_the_maps(loaded: Any) -> None:
    per_cpu.clear()
    counts.clear()
    touch.test_run(data=bytes(64), repeat=10)
    assert (per_cpu[0].sum(), counts.to_dict()) == (10, {7: 10})


def test_longest_prefix(loaded: Any) -> None:
    routes[Prefix(prefixlen=8, address=socket.inet_aton("10.0.0.0"))] = 8
    routes[Prefix(prefixlen=16, address=socket.inet_aton("10.1.0.0"))] = 16
    assert routes[Prefix(prefixlen=32, address=socket.inet_aton("10.1.2.3"))] == 16
    assert routes[Prefix(prefixlen=32, address=socket.inet_aton("10.9.2.3"))] == 8
    assert sorted(key.prefixlen for key in routes) == [8, 16]


def test_queues(loaded: Any) -> None:
    for value in (1, 2):
        queue.push(value)
        stack.push(value)
    with pytest.raises(OSError, match="no room"):
        queue.push(3)
    assert (queue.peek(), queue.pop(), queue.pop(), queue.pop(), queue.peek()) == (1, 1, 2, None, None)
    assert (stack.peek(), stack.pop(), stack.pop(), stack.pop()) == (2, 2, 1, None)


def test_bloom_filter(loaded: Any) -> None:
    seen.push(5)
    assert 5 in seen
    assert sum(i in seen for i in range(1000, 2000)) < 500


def test_program_arrays_take_programs(loaded: Any) -> None:
    jumps[1] = touch
    jumps[2] = loaded.programs["touch"]
    del jumps[1]
    with pytest.raises(KeyError):
        del jumps[1]
    with pytest.raises(TypeError, match="has no file descriptor"):
        jumps[1] = "touch"


def test_pinned_maps_are_found_again(loaded: Any, bpffs: Path) -> None:
    counts.clear()
    counts[3] = 4
    path = str(bpffs / "counts")
    counts.pin(path)
    opened = bpf.open_map(path, bpf.HashMap[u32, u64])
    assert opened.to_dict() == {3: 4}
    flows.clear()
    flows["a"] = Flow(packets=1, name="b")
    flows.pin(str(bpffs / "flows"))
    told = bpf.open_map(bpffs / "flows")
    key, value = next(told.items())
    assert (key, value.packets, value.name) == ("a", 1, "b")
    told.close()
    with pytest.raises(bpf.NotLoadedError):
        told.to_dict()
    with pytest.raises(bpf.LoadError, match="has values of 8 bytes, but `u32` has 4"):
        bpf.open_map(path, bpf.HashMap[u32, u32])
    with pytest.raises(bpf.LoadError, match="is a BPF_MAP_TYPE_HASH, not a BPF_MAP_TYPE_ARRAY"):
        bpf.open_map(path, bpf.Array[u64])
    with pytest.raises(bpf.LoadError, match="nothing is pinned at"):
        bpf.open_map(path + "x")
    touch.pin(str(bpffs / "touch"))
    with pytest.raises(bpf.LoadError, match="is not a map"):
        bpf.open_map(bpffs / "touch")
    with pytest.raises(bpf.LoadError, match="can't be opened as a map|not permit"):
        bpf.open_map("/etc/hostname")


def test_maps_of_a_closed_object_say_so() -> None:
    import sys

    with bpf.load(sys.modules[__name__], attach=False):
        counts[1] = 1
    with pytest.raises(bpf.NotLoadedError, match="closed with its object"):
        _ = counts[1]
