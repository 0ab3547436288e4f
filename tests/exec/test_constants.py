"""Containers of constants in programs: tuples, lists, sets and dicts of the module, against Python itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from language import module, results

import pybpfc as bpf

CONSTANTS = """
PORTS = (80, 443, 8080)
SMALL = [1, 0, 250]
WIDE = (-1, 1 << 40, 7)
UNSIGNED = ((1 << 64) - 1, 5)
GRID = ((1, 2, 3), (4, 5, 6))
PAIRS = [(1, 10), (2, 20), (3, 30)]
ODD = {7, 1, 5, 3}
MANY = tuple(range(0, 300, 7))
STEPS = range(3, 20, 4)
LIMITS = {80: 1, 443: 2}
NAMED = {"http": 80, "tls": 443, "name": "abc"}
NAMES = ("eth0", "lo")
MIXED = (1, (2, "x"))
RANGES = {"low": (1, 5), "high": [10, 50]}


class Color(enum.IntEnum):
    RED = 4
    BLUE = 9


NOTHING = [p for p in PORTS if p > 10000]
COLORS = (Color.RED, Color.BLUE)
found = bpf.HashMap[u32, u64](max_entries=64)


@bpf.func
def run(n: u32) -> i64:
    t: i64 = 0
    name: Annotated[str, 8] = "lo"
    a = u32(3)
    BODY
    return t
"""
CASES = {
    "for": "for p in PORTS: t = t * 3 + p",
    "for list": "for p in SMALL: t = t * 3 + p",
    "for wide": "for p in WIDE: t = t * 3 + p",
    "for unsigned": "for p in UNSIGNED: t = t * 3 + i64(p >> 1)",
    "for set": "for p in ODD: t += p",
    "for range": "for p in STEPS: t = t * 3 + p",
    "for colors": "for p in COLORS: t = t * 3 + p",
    "for keys": "for k in LIMITS: t = t * 3 + k",
    "for items": "for k, v in LIMITS.items(): t = t * 3 + k * v",
    "for values": "for v in LIMITS.values(): t = t * 3 + v",
    "for keys method": "for k in LIMITS.keys(): t = t * 3 + k",
    "for pairs": "for x, y in PAIRS: t = t * 3 + x * y",
    "for rows": "for row in GRID:\n        for x in row: t = t * 3 + x",
    "for written": "for x in (1, 5, 9): t = t * 3 + x",
    "for written list": "for x in [n, a, 7]: t = t * 3 + x",
    "for narrow": "for p in PORTS:\n        key: u32 = p\n        t += key",
    "for nothing": "for p in NOTHING: t = 1\n    else: t += 4\n    t += int(n in NOTHING) + len(NOTHING)",
    "for break": "for p in PORTS:\n        if p == 443: break\n        t += p\n    else: t = 5",
    "index": "t = PORTS[0] + PORTS[-1] + GRID[1][2] + STEPS[1]",
    "index variable": "t = PORTS[n % 3] * 1000 + SMALL[(n + 2) % 3] + MANY[n % 43]",
    "index rows": "t = GRID[n % 2][n % 3] + GRID[1][n % 3] * 100",
    "index colors": "t = COLORS[1] + COLORS[n % 2]",
    "in": "t = int(80 in PORTS) + 2 * int(n in SMALL) + 4 * int(a in ODD) + 8 * int(n not in PORTS)",
    "in many": "t = int(n in MANY) + 2 * int(a * 7 in MANY) + 4 * int(a * 7 + 1 in MANY)",
    "in keys": "t = int(n in LIMITS) + 2 * int(n + 79 in LIMITS)",
    "in names": "t = int(name in NAMES) + 2 * int(name in NAMED) + 4 * int(name in ('a', 'lo'))",
    "keys": "t = NAMED['http'] + LIMITS[443] + int(name == NAMES[1]) + int(name == NAMED['name'])",
    "computed": "t = len(PORTS) + 10 * len(LIMITS) + sum(PORTS) + min(SMALL) + max(MANY) + len(NAMES)",
    "enumerate": "for i, p in enumerate(PORTS): t = t * 3 + i * p",
    "zip": "for p, q in zip(PORTS, (7, 8, 9)): t = t * 3 + p * q",
    "reversed": "for p in reversed(PORTS): t = t * 3 + p",
    "mixed": "t = MIXED[0] + MIXED[1][0] + len(MIXED[1]) + RANGES['low'][1] + RANGES['high'][n % 2]",
    "for part": "for x in RANGES['high']: t = t * 3 + x",
    "any": "t = int(any(SMALL)) + 2 * int(all(SMALL))",
}


def program(body: str, n: int) -> str:
    source = CONSTANTS.replace("BODY", body)
    return f"{source}\n@bpf.socket_filter\ndef prog(ctx: bpf.SkBuff) -> int:\n    return i32(run({n}))\n"


@pytest.mark.parametrize("case", CASES)
def test_constants(case: str, tmp_path: Path) -> None:
    source = program(CASES[case], 1)
    expected = int(module(tmp_path, source).run(bpf.u32(1)))
    assert set(results(tmp_path, source).values()) == {(expected + (1 << 31)) % (1 << 32) - (1 << 31)}
