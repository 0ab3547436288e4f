"""Methods of maps in programs: the kernel, the machine and plain Python give the same."""

from __future__ import annotations

import ipaddress
import random
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from language import results, signed

import pybpfc as bpf
from pybpfc import be32, i32, i64, u8, u32, u64
from pybpfc.compiler import compile_source
from pybpfc.lang.maps import BpfMap
from pybpfc.runtime import features
from pybpfc.stdlib import net
from pybpfc.uapi import BPF_RB_AVAIL_DATA, BPF_RB_RING_SIZE, XDP_DROP, XDP_PASS, XDP_REDIRECT
from pybpfc.vm import Machine

needs_kernel = pytest.mark.skipif(features.refusal() is not None, reason="bpf() is not permitted here")

# ------------------------------------------------------------------------- queues and stacks

QUEUED = """
@bpf.struct
class Ops:
    each: Annotated[bytes, 48]

@bpf.struct
class Pair:
    a: {value}
    b: u8

q = bpf.{kind}[{stored}](max_entries=5)

@bpf.tcx_ingress
def prog(ctx: bpf.SkBuff) -> int:
    ops = ctx.packet(Ops, 14)
    if ops is None:
        return -1
    total: u32 = 0
    for i in range(48):
        op = ops.each[i]
        if op < 96:
            value: {value} = {value}(op)
            total = total * 31 + u32(q.push({made}) == 0)
        elif op < 160:
            x = q.peek()
            if x is not None:
                total = total * 31 + u32({read}) + 2
            else:
                total = total * 31 + 1
        else:
            if (y := q.pop()) is None:
                total = total * 31 + 7
                continue
            total = total * 31 + u32({taken}) + 3
    return i32(total)
"""
SCALAR = {"stored": "{value}", "made": "value", "read": "x", "taken": "y"}
STRUCT = {"stored": "Pair", "made": "Pair(a=value, b=1)", "read": "x.a", "taken": "y.a * y.b"}


def queue_model(ops: bytes, last_in_first_out: bool) -> int:
    held: deque[int] = deque()
    total = 0
    for op in ops:
        if op < 96:
            fits = len(held) < 5
            if fits:
                held.append(op)
            total = total * 31 + fits
        elif op < 160:
            total = total * 31 + ((held[-1] if last_in_first_out else held[0]) + 2 if held else 1)
        elif held:
            total = total * 31 + (held.pop() if last_in_first_out else held.popleft()) + 3
        else:
            total = total * 31 + 7
        total &= 0xFFFFFFFF
    return signed(total)


@pytest.mark.parametrize("kind", ["Queue", "Stack"])
@pytest.mark.parametrize(("value", "form"), [("u64", SCALAR), ("u8", SCALAR), ("be32", SCALAR), ("u32", STRUCT)])
def test_queues_and_stacks(kind: str, value: str, form: dict[str, str], tmp_path: Path) -> None:
    rng = random.Random(f"{kind} {value}")
    typed = {name: text.replace("{value}", value) for name, text in form.items()}
    text = QUEUED.format(kind=kind, value=value, **typed)
    text = text.replace("value: be32 = be32(op)", "value: u32 = u32(op)")
    for _ in range(3):
        ops = bytes(rng.randrange(256) for _ in range(48))
        answers = results(tmp_path, text, bytes(14) + ops)
        assert set(answers.values()) == {queue_model(ops, kind == "Stack")}, answers


OPTIONAL = """
q = bpf.Queue[u64](max_entries=8)

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    {body}
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("q.push(0); x = q.pop()\n    if x: return 1\n    return 2", 2),  # 0 is there, and false
        ("x = q.pop()\n    if x: return 1\n    return 2", 2),
        ("q.push(3); x = q.pop()\n    if not x: return 1\n    return i32(x)", 3),
        ("q.push(3)\n    return 5 if q.pop() else 6", 5),
        ("q.push(3)\n    if (x := q.pop()) is not None and x > 2: return i32(x)\n    return 0", 3),
        ("q.push(3); x = q.pop()\n    if x is None: x = 5\n    return i32(x)", 3),
        ("x = q.pop()\n    if x is None: x = 5\n    return i32(x)", 5),
        ("q.push(3); x = q.pop()\n    if x is None: return 0\n    x += 4\n    return i32(x)", 7),
        # what a name holds is a copy: taking the next element does not change it
        ("q.push(3); q.push(4); x = q.pop()\n    if x is None: return 0\n    y = x; x = q.pop()\n"
         "    return i32(y) * 10 + i32(x) if x is not None else -1", 34),
        ("q.push(7); q.push(8); q.push(9); n: u64 = 0\n    for i in range(5):\n        if (x := q.pop()) is None: break\n"
         "        n += x\n    return i32(n)", 24),
        ("q.push(2); a: Annotated[list[u32], 4] = [5, 6, 7, 8]\n    x = q.pop()\n"
         "    if x is None or x > 3: return 0\n    return i32(a[x])", 7),
        ("q.push(1); x = q.peek(); y = q.peek()\n    if x is None or y is None: return 0\n    return i32(x + y)", 2),
    ],
)  # fmt: skip
def test_numbers_that_may_be_missing(body: str, expected: int, tmp_path: Path) -> None:
    lines = body.replace("; ", "\n    ")
    answers = results(tmp_path, OPTIONAL.format(body=lines))
    assert set(answers.values()) == {expected}, answers


FLAGS = """
q = bpf.Queue[u32](max_entries=2)

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    for i in range(4):
        q.push(u32(i), BPF_EXIST)
    total = 0
    for i in range(3):
        x = q.pop()
        if x is not None:
            total = total * 10 + i64(x)
    return i32(total)
"""


def test_a_full_queue_pushes_out_the_oldest(tmp_path: Path) -> None:
    assert set(results(tmp_path, FLAGS).values()) == {23}


BLOOM = """
@bpf.struct
class Pair:
    a: u32
    b: u32

m = bpf.BloomFilter[u64](max_entries=100)
pairs = bpf.BloomFilter[Pair](max_entries=100)

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    found = 0
    if 5 in m or Pair(a=1) in pairs:
        return -1
    for i in range(50):
        m.push(u64(i) * 7919)
        pairs.push(Pair(a=u32(i)))
    for i in range(50):
        pair = Pair(a=u32(i))
        if u64(i) * 7919 in m and pair in pairs:
            found += 1
    return i32(found)
"""


def test_bloom_filters_never_miss(tmp_path: Path) -> None:
    assert set(results(tmp_path, BLOOM).values()) == {50}


# ------------------------------------------------------------- maps that user space has filled

routes = bpf.LpmTrie[net.ip4_lpm, u32](max_entries=64)
routes6 = bpf.LpmTrie[net.ip6_lpm, u32](max_entries=64)
ports = bpf.DevMap(max_entries=4)
ports_by_number = bpf.DevMapHash(max_entries=4)
cpus = bpf.CpuMap(max_entries=2)
sockets = bpf.XskMap(max_entries=4)
jumps = bpf.ProgArray(max_entries=4)
counts_a = bpf.HashMap[u32, u64](max_entries=4)
counts_b = bpf.HashMap[u32, u64](max_entries=4)
tables = bpf.ArrayOfMaps[bpf.HashMap[u32, u64]](inner=counts_a, max_entries=4)
per_cpu = bpf.PerCpuArray[u64](max_entries=2)
events = bpf.RingBuf[u64](size=4096)


@bpf.struct
class Key:
    x: u32
    y: u32


@bpf.struct
class Value:
    a: u64
    name: Annotated[str, 8]


shards = bpf.HashOfMaps[Key, bpf.Array[Value]](inner=bpf.Array[Value](max_entries=3), max_entries=4)
shard = bpf.Array[Value](max_entries=3)


@bpf.struct
class Addresses:
    four: be32
    six: Annotated[bytes, 16]
    op: u8
    index: u8


@bpf.tcx_ingress
def route(ctx: bpf.SkBuff) -> int:
    given = ctx.packet(Addresses, 16)
    if given is None:
        return -1
    key = net.ip4_lpm(prefixlen=32, addr=given.four)
    key6 = net.ip6_lpm(prefixlen=128, addr=given.six)
    hop = routes.lookup(key)
    return i32(hop.value if hop is not None else 0) * 100 + i32(routes6.get(key6, 0)) + i32(key6 in routes6) * 50


@bpf.xdp
def send(ctx: bpf.XdpContext) -> int:
    given = ctx.packet(Addresses, 16)
    if given is None:
        return XDP_PASS
    if given.op == 0:
        return ports.redirect(given.index, XDP_DROP)
    if given.op == 1:
        return ports_by_number.redirect(u32(given.index) * 1000, XDP_PASS)
    if given.op == 2:
        return cpus.redirect(u32(given.index), XDP_DROP)
    if given.op == 3:
        return sockets.redirect(given.index, XDP_PASS)
    if given.op == 4:
        return XDP_DROP if given.index in ports or given.index in ports_by_number else XDP_PASS
    return XDP_DROP if given.index in sockets else XDP_PASS


@bpf.socket_filter
def start(ctx: bpf.SkBuff) -> int:
    ctx.cb[0] = 1
    jumps.tail_call(ctx, ctx.cb[1])
    return 100


@bpf.socket_filter
def target(ctx: bpf.SkBuff) -> int:
    return 200 + i32(ctx.cb[0])


@bpf.socket_filter
def again(ctx: bpf.SkBuff) -> int:
    ctx.cb[0] += 1
    jumps.tail_call(ctx, 2)
    return i32(ctx.cb[0])


@bpf.socket_filter
def nested(ctx: bpf.SkBuff) -> int:
    table = tables.lookup(ctx.cb[0])
    if table is None:
        return -1
    table[7] = 5
    table[7] += 2
    table[8] += 1
    found = table.lookup(8)
    if found is None or 9 in table:
        return -2
    found.value += 10
    del table[9]
    return i32(table.get(7, 0)) * 100 + i32(table.get(8, 0))


@bpf.socket_filter
def sharded(ctx: bpf.SkBuff) -> int:
    key = Key(x=1, y=ctx.cb[0])
    part = shards.lookup(key)
    if part is None:
        return -1 if key not in shards else -2
    part[1] = Value(a=3, name="one")
    value = part.lookup(1)
    if value is None or value.name != "one":
        return -3
    value.a += 4
    return i32(value.a)


@bpf.socket_filter
def other_cpu(ctx: bpf.SkBuff) -> int:
    total = 0
    for cpu in range(2):
        value = per_cpu.lookup_percpu(1, u32(cpu))
        if value is not None:
            total = total * 100 + i64(value.value)
    return i32(total)


@bpf.socket_filter
def asked(ctx: bpf.SkBuff) -> int:
    events.output(1)
    return i32(events.query(BPF_RB_AVAIL_DATA)) * 10000 + i32(events.query(BPF_RB_RING_SIZE))


class InKernel:
    """The module's programs and maps in the kernel."""

    def __init__(self) -> None:
        self.object = bpf.load(sys.modules[__name__], attach=False)
        self.maps, self.programs = self.object.maps, self.object.programs

    def run(self, name: str, data: bytes = bytes(64), ctx: Any = None) -> int:
        return signed(self.programs[name].test_run(data=data, ctx=ctx).retval)

    def close(self) -> None:
        self.object.close()


class InMachine:
    """The same in the machine."""

    def __init__(self) -> None:
        declared = {n: type(m).of(m.declaration) for n, m in globals().items() if isinstance(m, BpfMap)}
        self.machine = Machine(compile_source(sys.modules[__name__]).spec, maps=declared, cpus=2)
        self.maps, self.programs = self.machine.maps, self.machine.programs

    def run(self, name: str, data: bytes = bytes(64), ctx: Any = None) -> int:
        return signed(self.machine.run(name, data, ctx).retval)

    def close(self) -> None:
        """Nothing to give back."""


@pytest.fixture(params=[pytest.param(InKernel, marks=needs_kernel), InMachine], ids=["kernel", "machine"])
def place(request: pytest.FixtureRequest) -> Iterator[Any]:
    made = request.param()
    yield made
    made.close()


def test_longest_prefixes(place: Any) -> None:
    rng = random.Random(7)
    four: dict[Any, int] = {}
    six: dict[Any, int] = {}
    for hop in range(1, 30):
        value = rng.getrandbits(32) & 0x0F030707
        four[ipaddress.IPv4Network((value, rng.choice((0, 4, 8, 14, 16, 22, 31, 32))), strict=False)] = hop
        value = rng.getrandbits(128) & 0x3 << 126 | rng.getrandbits(8)
        six[ipaddress.IPv6Network((value, rng.choice((0, 1, 2, 120, 124, 128))), strict=False)] = hop % 50
    for table, model in ((place.maps["routes"], four), (place.maps["routes6"], six)):
        for network, hop in model.items():
            table[str(network) if hop % 2 else network] = hop
    for _ in range(60):
        one = ipaddress.IPv4Address(rng.getrandbits(32) & 0x0F030707)
        two = ipaddress.IPv6Address(rng.getrandbits(128) & 0x3 << 126 | rng.getrandbits(8))
        hits = [[n for n in model if address in n] for model, address in ((four, one), (six, two))]
        best = [max(found, key=lambda n: n.prefixlen) if found else None for found in hits]
        expected = (four[best[0]] if best[0] else 0) * 100 + (six[best[1]] + 50 if best[1] else 0)
        assert place.run("route", bytes(16) + one.packed + two.packed + bytes(20)) == expected


def test_keys_of_tries_are_networks_in_user_space(place: Any) -> None:
    table = place.maps["routes"]
    table["10.0.0.0/8"] = 8
    table[ipaddress.ip_network("10.1.0.0/16")] = 16
    assert (table["10.1.2.3"], table[ipaddress.ip_address("10.2.0.1")], "11.0.0.1" in table) == (16, 8, False)
    assert sorted(key.network for key in table) == [
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("10.1.0.0/16"),
    ]
    for wrong in ("10.0.0.1/8", "ten", 5):
        with pytest.raises(ValueError):
            table[wrong] = 1


def sent(op: int, index: int) -> bytes:
    return bytes(16) + bytes(20) + bytes((op, index)) + bytes(30)


def test_redirection(place: Any) -> None:
    place.maps["ports"][1] = 1  # the loopback device
    place.maps["ports_by_number"][2000] = 1
    place.maps["cpus"][0] = 64
    answers = {(op, index): place.run("send", sent(op, index)) for op in range(6) for index in range(3)}
    hits = {(0, 1): XDP_REDIRECT, (1, 2): XDP_REDIRECT, (2, 0): XDP_REDIRECT, (4, 1): XDP_DROP}
    misses = {0: XDP_DROP, 1: XDP_PASS, 2: XDP_DROP, 3: XDP_PASS, 4: XDP_PASS, 5: XDP_PASS}
    assert answers == {(op, index): hits.get((op, index), misses[op]) for op, index in answers}


def test_tail_calls(place: Any) -> None:
    def run(index: int) -> int:
        return place.run("start", ctx={"cb": index << 32})  # type: ignore[no-any-return]

    assert run(1) == 100
    place.maps["jumps"][1] = place.programs["target"]
    assert (run(1), run(2), run(99)) == (201, 100, 100)
    del place.maps["jumps"][1]
    assert run(1) == 100
    place.maps["jumps"][2] = place.programs["again"]
    assert place.run("again") == 34  # itself, then 33 jumps


def test_maps_of_maps(place: Any) -> None:
    def run(name: str, index: int) -> int:
        return place.run(name, ctx={"cb": index})  # type: ignore[no-any-return]

    assert (run("nested", 1), run("sharded", 2)) == (-1, -1)
    place.maps["tables"][1] = place.maps["counts_b"]
    place.maps["shards"][Key(x=1, y=2)] = place.maps["shard"]
    assert (run("nested", 1), run("nested", 1)) == (711, 722)
    assert place.maps["counts_b"].to_dict() == {7: 7, 8: 22}
    assert place.maps["counts_a"].to_dict() == {}
    assert (run("sharded", 2), run("sharded", 1)) == (7, -1)
    assert place.maps["shard"][1] == Value(a=7, name="one")
    assert (Key(x=1, y=2) in place.maps["shards"], 0 in place.maps["tables"]) == (True, False)
    del place.maps["tables"][1]
    assert run("nested", 1) == -1


def test_values_of_other_cpus(place: Any) -> None:
    table = place.maps["per_cpu"]
    table[1] = [11, 22, *[0] * len(table[1])][: len(table[1])]
    assert place.run("other_cpu") == (1122 if len(table[1]) > 1 else 11)


def test_ring_buffers_can_be_asked(place: Any) -> None:
    assert [place.run("asked") for _ in range(2)] == [16 * 10000 + 4096, 32 * 10000 + 4096]


def test_user_space_has_the_programs_methods_only_where_they_mean_something() -> None:
    for call in (
        lambda: sockets.redirect(1),
        lambda: jumps.tail_call(None, 1),
        lambda: 1 in sockets,
        lambda: per_cpu.lookup_percpu(1, 0),
    ):
        with pytest.raises(TypeError, match="works inside a BPF program only"):
            call()
