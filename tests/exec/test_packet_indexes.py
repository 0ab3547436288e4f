"""Elements of arrays in packets, at indices that the verifier does not know, on each ISA level."""

from __future__ import annotations

from pathlib import Path

import pytest
from language import results

PACKET = bytes(range(250))
HEADER = """
@bpf.struct
class Part:
    number: be16
    low: u8
    high: u8


@bpf.struct
class Options:
    first: u8
    each: Annotated[bytes, 16]
    parts: Annotated[list[Part], 8]
    rows: Annotated[list[Annotated[bytes, 4]], 8]


@bpf.func
def at(ctx: bpf.SkBuff, index: u32) -> u32:
    options = ctx.packet(Options, 14)
    return options.each[index & 15] if options is not None else 0


@bpf.func(inline=False)
def apart(ctx: bpf.SkBuff, index: u32) -> u32:
    options = ctx.packet(Options, 14)
    return options.each[index & 15] if options is not None else 0


@bpf.func
def counted(options: Options) -> u32:
    total: u32 = 0
    for i in range(16):
        total += options.each[i]
    return total


@bpf.tc
def prog(ctx: bpf.SkBuff) -> int:
    options = ctx.packet(Options, 14)
    if options is None:
        return -1
    n = ctx.len % 7
"""
EACH = PACKET[15:31]
N = 250 % 7


def part(index: int) -> tuple[int, int, int]:
    at = 14 + 17 + 4 * index + 1  # `number` is aligned to 2 bytes
    return int.from_bytes(PACKET[at : at + 2], "big"), PACKET[at + 2], PACKET[at + 3]


def row(index: int) -> bytes:
    at = 14 + 18 + 32 + 4 * index
    return PACKET[at : at + 4]


CASES = {
    "a byte": ("return i32(options.each[n])", EACH[N]),
    "a sum of two": ("return i32(options.each[n] + options.each[n + 9])", EACH[N] + EACH[N + 9]),
    "a field": ("return i32(options.parts[n].number)", part(N)[0]),
    "a reference": ("p = options.parts[n]\n    return i32(p.number + p.low + p.high)", sum(part(N))),
    "a row": ("return i32(options.rows[n][n & 3])", row(N)[N & 3]),
    "the end": ("return i32(options.rows[n + 1][3])", row(N + 1)[3]),
    "a write": ("options.each[n] = 7\n    return i32(options.each[n] + options.each[n + 1])", 7 + EACH[N + 1]),
    "added to": ("options.each[n] += 7\n    return i32(options.each[n])", EACH[N] + 7),
    "a field written": ("options.parts[n].number = 515\n    return i32(options.parts[n].low)", part(N)[1]),
    "a function": ("return i32(at(ctx, n))", EACH[N]),
    "a function of its own": ("return i32(apart(ctx, n))", EACH[N]),
    "a counted loop of a function": ("return i32(counted(options))", sum(EACH)),
    "a counted loop": (
        "total: u32 = 0\n    for i in range(n):\n        total += options.each[i]\n    return i32(total)",
        sum(EACH[:N]),
    ),
    "a loop run by a helper": (
        "total: u32 = 0\n    for i in bpf.iter_num(0, ctx.len * 40):\n        total += options.each[i & 15]\n"
        "    return i32(total)",
        sum(EACH[i & 15] for i in range(10000)),
    ),
    "a counted loop around one run by a helper": (
        "total: u32 = 0\n    for i in range(4):\n        for j in bpf.iter_num(0, ctx.len):\n"
        "            total += options.each[i * 4 + (j & 3)]\n    return i32(total)",
        sum(EACH[i * 4 + (j & 3)] for i in range(4) for j in range(250)),
    ),
    "writes of a loop run by a helper": (
        "for i in bpf.iter_num(0, ctx.len):\n        options.each[i & 15] = u8(i)\n    return i32(options.each[n])",
        (249 & ~15 | N) - (16 if (249 & ~15 | N) > 249 else 0),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_elements_at_run_time(name: str, tmp_path: Path) -> None:
    body, expected = CASES[name]
    got = results(tmp_path, f"{HEADER}    {body}\n", PACKET)
    assert set(got.values()) == {expected}, got
