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


def test_bit_fields_wrap_when_they_are_counted_up(tmp_path: Path) -> None:
    source = """
@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    b = Bits(low=7, high=3, signed=63, wide=0x1FFFF)
    b.low += 1
    b.high -= 4
    b.signed += 2
    b.wide += 3
    return i32(b.low) * 1000000 + i32(b.high) * 10000 + i32(b.signed) * 100 + i32(b.wide)
"""
    expected = 0 + 31 * 10000 - 63 * 100 + 2
    assert set(results(tmp_path, STRUCT + source).values()) == {expected}


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
