"""Structs in programs: bit-fields, unions, nesting; the memory is what Python's codecs and C make of the same class."""

from __future__ import annotations

from pathlib import Path

import pytest
from language import module, results

import pybpfc as bpf
from pybpfc.runtime import features

STRUCT = """
@bpf.struct
class Bits:
    low: Annotated[u8, bpf.bits(3)]
    high: Annotated[u8, bpf.bits(5)]
    signed: Annotated[i32, bpf.bits(7)]
    wide: Annotated[u32, bpf.bits(17)]
    whole: u16
    big: Annotated[u64, bpf.bits(40)]
    rest: Annotated[i64, bpf.bits(24)]
"""
VALUES = {"low": (0, 7, 5), "high": (0, 31, 17), "signed": (-64, 63, -1), "wide": (0, 0x1FFFF, 0x12345)}
VALUES |= {
    "whole": (0, 0xFFFF, 0xABCD),
    "big": (0, (1 << 40) - 1, 0x8123456789),
    "rest": (-(1 << 23), (1 << 23) - 1, -5),
}


@pytest.mark.parametrize("field", VALUES)
@pytest.mark.parametrize("filled", [False, True], ids=["zeros", "ones"])
def test_bit_fields_hold_their_values_and_leave_the_others(field: str, filled: bool, tmp_path: Path) -> None:
    others = {name: values[1 if filled else 0] for name, values in VALUES.items()}
    for value in VALUES[field]:
        start = ", ".join(f"{name}={number}" for name, number in others.items())
        checks = {**others, field: value}
        test = "\n".join(
            f"    if b.{name} != {number}: return {i}" for i, (name, number) in enumerate(checks.items(), 1)
        )
        source = f"{STRUCT}\n@bpf.socket_filter\ndef prog(ctx: bpf.SkBuff) -> int:\n    b = Bits({start})\n"
        source += f"    b.{field} = {value}\n{test}\n    return 100\n"
        assert set(results(tmp_path, source).values()) == {100}


WRAPPING = """
@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    b = Bits(low=7, high=3, signed=63, wide=0x1FFFF)
    b.low += 1
    b.high -= 4
    b.signed += 2
    b.wide += 3
    return i32(b.low) * 1000000 + i32(b.high) * 10000 + i32(b.signed) * 100 + i32(b.wide)
"""


def test_bit_fields_wrap_when_they_are_counted_up(tmp_path: Path) -> None:
    expected = 0 + 31 * 10000 - 63 * 100 + 2
    assert set(results(tmp_path, STRUCT + WRAPPING).values()) == {expected}


MAP = """
values = bpf.Array[Bits](max_entries=1)

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    b = values.lookup(0)
    if b is None:
        return 0
    b.low = ctx.mark & 7 | 5
    b.signed = -33
    b.wide = ctx.len & 0xFFFF
    b.rest = -7
    return b.high
"""


def test_user_space_sees_the_same_bit_fields(tmp_path: Path) -> None:
    made = module(tmp_path, STRUCT + MAP)
    start = made.Bits(low=1, high=9, signed=5, wide=1, whole=0x1234, big=77, rest=1)
    expected = made.Bits(low=5, high=9, signed=-33, wide=60, whole=0x1234, big=77, rest=-7)
    result = bpf.simulate(made.prog, data=bytes(74), maps={"values": {0: start}})
    assert result.retval == 9
    assert result.maps["values"][0] == expected
    if features.refusal() is None:
        with bpf.load(made, attach=False) as loaded:
            loaded.maps["values"][0] = start
            assert loaded.prog.test_run(data=bytes(74)).retval == 9
            assert loaded.maps["values"][0] == expected


EQUALITY = """
@bpf.struct
class Inner:
    a: u8
    b: be32
    name: Annotated[str, 4]

@bpf.struct
class S:
    x: u8
    y: u64
    inner: Inner
    many: Annotated[list[u16], 3]
    inners: Annotated[list[Inner], 2]
    low: Annotated[u8, bpf.bits(4)]

m = bpf.HashMap[u32, S](max_entries=4)

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    one = S(x=1, y=2, low=3)
    two = S(x=1, y=2, low=3)
    one.inner.name = "ab"
    two.inner.name = "ab"
    CHANGE
    m[1] = two
    kept = m.lookup(1)
    if kept is None:
        return 5
    return int(one == two) + 2 * int(one != two) + 4 * int(one == kept) + 8 * int(kept.inner == one.inner)
"""


@pytest.mark.parametrize(
    ("change", "same", "inner"),
    [
        ("pass", True, True),
        ("two.y = 3", False, True),
        ("two.inner.b = 7", False, False),
        ("two.inner.name = 'ac'", False, False),
        ("two.many[2] = 1", False, True),
        ("two.inners[1].a = 1", False, True),
        ("two.low = 4", False, True),
    ],
)
def test_structs_are_equal_by_their_fields(change: str, same: bool, inner: bool, tmp_path: Path) -> None:
    expected = (1 + 4 if same else 2) + (8 if inner else 0)
    assert set(results(tmp_path, EQUALITY.replace("CHANGE", change)).values()) == {expected}


def test_equality_evaluates_each_side_once(tmp_path: Path) -> None:
    source = """
@bpf.struct
class P:
    a: u32
    b: u32

calls: bpf.Global[u32] = 0

@bpf.func
def make(a: u32) -> P:
    global calls
    calls += 1
    return P(a=a, b=7)

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    same = make(1) == make(1)
    other = make(1) == make(2)
    return i32(calls & 255) * 100 + int(same) * 10 + int(other)
"""
    assert set(results(tmp_path, source).values()) == {410}


SLICES = {
    's.b[0:4] = b"abcd"\nt = s.b[3] + s.b[4]': 100,
    's.b[2:] = b"xyz"\nt = s.b[2] + s.b[5]': 120,
    's.b[-2:] = b"yz"\nt = s.b[6]': 121,
    's.b[:4] = b"abcd"\ns.b[4:8] = s.b[0:4]\nt = s.b[7]': 100,
    's.b[:4] = b"abcd"\npart = s.b[1:3]\nt = part[1]': 99,
    's.b[:4] = b"abcd"\npart = s.b[1:3]\npart[1] = 5\nt = s.b[2]': 5,
    "s.n[1:3] = s.m\nt = s.n[1] * 10 + s.n[2]": 12,
    's.b[:4] = b"abcd"\nt = int(s.b[:2] == b"ab") + 2 * int(s.b[1:3] == b"bd") + 4 * int(s.b[:2] == s.b[4:6])': 1,
    's.b[:4] = b"abcd"\nt = len(s.b[1:6])\nfor x in s.b[:2]:\n    t += x': 5 + 97 + 98,
    "t = i64(sum(s.m[1:]))": 2,
}


@pytest.mark.parametrize("body", SLICES)
def test_slices(body: str, tmp_path: Path) -> None:
    lines = "\n".join("    " + line for line in body.splitlines())
    source = f"""
@bpf.struct
class S:
    b: Annotated[bytes, 8]
    n: Annotated[list[u32], 4]
    m: Annotated[list[u32], 2]

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    s = S()
    s.m[0] = 1
    s.m[1] = 2
    t = 0
{lines}
    return i32(t)
"""
    assert set(results(tmp_path, source).values()) == {SLICES[body]}

COMPARED = """
@bpf.struct
class Inner:
    q: u64
    r: u16

@bpf.struct
class Row:
    a: u8
    b: i64
    inner: Inner
    list: Annotated[list[u16], 5]

table = bpf.Array[Row](max_entries=3)
met: bpf.Global[u16] = 0

@bpf.func
def next_one(x: u16) -> u16:
    return x + 3

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    global met
    own = Row()
    row = table.lookup(1)
    if row is None:
        return 0
    for x in row.list:
        if row == own:
            met = next_one(met + u16(own.inner.q))
    for y in range(0, 0, 1):
        own.b = own.b & 8589934591
    if met ^ 5 <= (9 if 7 <= own.inner.q <= 4294967294 else 1000):
        met += own.list[2]
    return met
"""


def test_structs_that_are_compared_are_not_taken_for_missing(tmp_path: Path) -> None:
    assert set(results(tmp_path, COMPARED).values()) == {15}
