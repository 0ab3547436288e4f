"""Functions that programs call; what Python makes of the same functions is what the program must give."""

from __future__ import annotations

from pathlib import Path

import pytest
from language import module, results

from pybpfc.compiler import compile_source

FUNCTIONS = """
from typing import TypeVar

T = TypeVar("T")
N = TypeVar("N", bound=int)


class Color(enum.IntEnum):
    RED = 1
    BLUE = 7


@bpf.struct
class Point:
    x: u32
    y: u32

    def total(self, factor: u32 = 1, *, plus: u32 = 0) -> u32:
        return self.x * factor + self.y + plus

    def moved(self, by: u32) -> u32:
        self.x += by
        return self.total(plus=by)

    def as_type(self, kind: type[N], plus: u64 = 0) -> N:
        return kind(u64(self.x) + plus)


@bpf.func
def size(kind: type[T]) -> u32:
    return bpf.size_of(kind)


@bpf.func
def layout(kind: type[T]) -> u32:
    bpf.static_assert(bpf.size_of(kind) >= 1, "an empty type")
    return bpf.size_of(kind) * 100 + bpf.offset_of(Point, "y") + bpf.size_of(Color)


bpf.static_assert(bpf.offset_of(Point, "y") == 4, "y follows x")


@bpf.func
def low(kind: type[N], x: u64) -> N:
    part: N = kind(x)
    return part


@bpf.func(noinline=True)
def twice(x: u64, kind: type[N]) -> u64:
    return u64(low(kind, x)) + u64(low(u8, x)) + size(kind)


@bpf.func
def fresh(kind: type[T]) -> T:
    made = kind()
    return made


@bpf.func
def bound(a: u32, /, b: u32 = 3, *, c: u32, d: bool = True, e: Color = Color.BLUE) -> u32:
    return a * 1000 + b * 100 + c * 10 + u32(e) + u32(d)


@bpf.func
def is_name(text: Annotated[str, 8], other: Annotated[str, 8] = "eth0") -> bool:
    return text == other


@bpf.func
def sum_to(limit: u32) -> u64:
    total: u64 = 0
    for i in range(min(limit, 50)):
        total += i
    return total


def scaler(factor: int):
    @bpf.func
    def scaled(x: u32) -> u32:
        return x * factor
    return scaled


double, triple = scaler(2), scaler(3)


def point(x: int, y: int) -> Point:
    return Point(x=x, y=y)
"""
CASES = {
    "generic size": "size(u8) + size(net.iphdr) + size(Point)",
    "layout": "layout(u64) + layout(bool)",
    "generic cast": "i32(low(u8, 300)) * 1000 + i32(low(i8, 200))",
    "generic nested": "i32(twice(300, u16))",
    "generic keyword": "i32(twice(kind=u8, x=300))",
    "generic zero": "fresh(Point).x + fresh(kind=Point).y",
    "defaults": "bound(1, c=2)",
    "keywords": "bound(1, c=4, b=2)",
    "all": "bound(1, 2, d=False, c=9, e=Color.RED)",
    "text default": "int(is_name('eth0')) + 2 * int(is_name('eth1')) + 4 * int(is_name('lo', other='lo'))",
    "factory": "double(5) * 100 + triple(5)",
    "method": "Point(x=3, y=4).total()",
    "method keywords": "Point(x=3, y=4).total(plus=7, factor=10)",
    "method calls method": "Point(x=3, y=4).moved(5)",
    "method with a type": "Point(x=300, y=4).as_type(u8) + Point(x=300, y=4).as_type(kind=u32, plus=1)",
    "loop": "i32(sum_to(10)) + i32(sum_to(70))",
}


def program(expression: str) -> str:
    return f"{FUNCTIONS}\n@bpf.socket_filter\ndef prog(ctx: bpf.SkBuff) -> int:\n    return i32({expression})\n"


@pytest.mark.parametrize("case", CASES)
def test_functions(case: str, tmp_path: Path) -> None:
    source = program(CASES[case])
    expected = eval(CASES[case], vars(module(tmp_path, source)))
    assert set(results(tmp_path, source).values()) == {int(expected)}


REFERENCES = """
from typing import TypeVar

T = TypeVar("T")

@bpf.struct
class S:
    a: u32
    b: u32

m = bpf.HashMap[u32, S](max_entries=4)

@bpf.func(noinline=True)
def find(key: u32) -> S | None:
    found = m.lookup(key)
    if found is None:
        return m.lookup(key + 1)
    return found

@bpf.func
def larger(a: S, b: S) -> bpf.Ptr[S]:
    return a if a.a > b.a else b

@bpf.func(noinline=True)
def header(ctx: bpf.PacketContext, kind: type[T], offset: u16) -> T | None:
    return ctx.packet(kind, min(offset, 1500))

@bpf.func
def pull(ctx: bpf.SkBuff) -> None:
    bpf_skb_pull_data(ctx, 20)

@bpf.tc
def prog(ctx: bpf.SkBuff) -> int:
    m[3] = S(a=7)
    pull(ctx)
    s = find(2)
    if s is None or find(5) is not None:
        return 1
    eth = header(ctx, net.ethhdr, 0)
    ip = header(ctx, net.iphdr, 14)
    if eth is None or ip is None or header(ctx, net.ipv6hdr, 60) is not None:
        return 2
    big = larger(s, S(a=9, b=5))
    big.b += 1
    larger(s, S(a=1)).b = 40
    again = m.lookup(3)
    if again is None:
        return 3
    return i32(s.a + big.a + eth.h_proto + ip.ttl + big.b + again.b)
"""


def test_references_lead_to_what_they_led_to(tmp_path: Path) -> None:
    packet = bytes(range(74))
    expected = 7 + 9 + 0x0C0D + packet[14 + 8] + 6 + 40
    assert set(results(tmp_path, REFERENCES, packet).values()) == {expected}


EXPORTED = """
@bpf.struct
class S:
    a: u32
    b: u32

m = bpf.HashMap[u32, S](max_entries=4)

@bpf.func(exported=True)
def twice(x: i32) -> i32:
    return x * 2

@bpf.func(exported=True)
def swap(s: S) -> None:
    if s.a == s.b:
        return
    s.a, s.b = s.b, s.a

@bpf.func(exported=True)
def is_longer(ctx: bpf.SkBuff, s: S, values: Annotated[list[u16], 4]) -> bool:
    return ctx.len > s.a + values[1]

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    s = S(a=3, b=50)
    values: Annotated[list[u16], 4] = [0, 5, 0, 0]
    before = is_longer(ctx, s, values)
    swap(s)
    m[1] = s
    kept = m.lookup(1)
    if kept is None:
        return 0
    values[1] = 11
    swap(kept)
    return twice(-4) + i32(s.a) * 10 + i32(kept.a) * 1000 + i32(before) * 2 + i32(is_longer(ctx, s, values))
"""


def test_exported_functions_are_verified_on_their_own(tmp_path: Path) -> None:
    assert set(results(tmp_path, EXPORTED).values()) == {-8 + 500 + 3000 + 2}
    compiled = compile_source(module(tmp_path, EXPORTED), use_cache=False)
    listed = compiled.disassemble()
    assert all(f"call {name}" in listed for name in ("twice", "swap", "is_longer"))


TUPLES = """
@bpf.struct
class S:
    a: u32
    b: u32

@bpf.func(noinline=True)
def two(x: u32) -> tuple[u32, u64]:
    if x > 10:
        return 1, 2
    return x, u64(x) + 1

@bpf.func
def through(x: u32) -> tuple[u32, u64]:
    return two(x)

@bpf.func
def deep(x: u32) -> tuple[tuple[u8, bool], S, Annotated[str, 8], i8]:
    s = S(a=x)
    return (5, x == 4), s, "abc", -3

@bpf.func
def minmax(a: u32, b: u32) -> tuple[u32, u32]:
    return (a, b) if a < b else (b, a)

@bpf.func
def run(n: u32) -> i64:
    total: i64 = 0
    a, b = two(n)
    a, b = two(a + 1)
    total = total * 7 + a
    total = total * 7 + i64(b)
    t = through(11)
    c, d = t
    total = total * 7 + c + i64(d)
    (k, ok), s, name, small = deep(4)
    total = total * 7 + k + int(ok) + s.a + small + int(name == "abc")
    pair = (n, a)
    short: tuple[u16, u64] = (3, 4)
    total = total * 7 + pair[0] + i64(pair[-1]) * 2 + short[0] + i64(short[1]) + len(short)
    s.a, low = minmax(9, a)
    total = total * 7 + s.a + low
    many: Annotated[list[u32], 3] = [4, 9, 2]
    many[2], many[0], many[1] = many
    total = total * 7 + many[0] * 100 + many[1] * 10 + many[2]
    s.a, s.b = s.b, s.a
    s.a += 7
    total = total * 7 + s.a * 2 + s.b
    for both in zip(many, many):
        total = total + both[0] * both[1]
    return total
"""


@pytest.mark.parametrize("n", [0, 4, 30])
def test_tuples(n: int, tmp_path: Path) -> None:
    source = f"{TUPLES}\n@bpf.socket_filter\ndef prog(ctx: bpf.SkBuff) -> int:\n    return i32(run(u32({n})))\n"
    made = module(tmp_path, source)
    assert set(results(tmp_path, source).values()) == {int(made.run(n))}


def test_functions_verified_on_their_own_get_what_they_do_not_use(tmp_path: Path) -> None:
    source = """
@bpf.func(exported=True)
def second(first: u8, x: u32, last: i16) -> u32:
    return x + 1


@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    return i32(second(u8(ctx.len), ctx.len, i16(ctx.mark)) + second(1, 2, -3))
"""
    assert set(results(tmp_path, source).values()) == {64}
