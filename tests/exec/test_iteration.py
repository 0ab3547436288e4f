"""Loops over arrays and ranges, and what is computed over arrays, against Python itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from language import results

VALUES = [3, 0, 7, 250]
ARRAYS = """
@bpf.struct
class S:
    a: Annotated[list[u32], 4]
    b: Annotated[list[i8], 3]
    z: Annotated[list[u8], 2]
    pairs: Annotated[list[Annotated[list[u16], 2]], 3]
    none: Annotated[bytes, 5]

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    s = S()
    a: Annotated[list[u32], 4] = [3, 0, 7, 250]
    b: Annotated[list[i8], 3] = [-5, 100, 120]
    z: Annotated[list[u8], 2] = [200, 100]
    s.a = a
    s.b = b
    s.z = z
    s.pairs[1][1] = 9
    n = ctx.len - 55
    t = 0
"""
PYTHON = """
class S:
    a = [3, 0, 7, 250]
    b = [-5, 100, 120]
    z = [200, 100]
    pairs = [[0, 0], [0, 9], [0, 0]]
    none = bytes(5)
s = S()
a = [3, 0, 7, 250]
n = 5
t = 0
i32 = u32 = i64 = int
"""
CASES = {
    "enumerate": "for i, x in enumerate(s.a):\n    t = t * 3 + i64(x) * i",
    "enumerate from": "for i, x in enumerate(a, 5):\n    t += i64(x) * i",
    "enumerate start": "for i, x in enumerate(s.b, start=2):\n    t += x * i",
    "enumerate index": "for i, x in enumerate(s.a):\n    s.a[i] = x + 1\nt = i64(s.a[0] + s.a[3])",
    "zip": "for x, y in zip(s.a, s.b):\n    t = t * 2 + i64(x) * y",
    "zip three": "for x, y, k in zip(s.a, s.b, range(10, 100, 7)):\n    t = t * 2 + i64(x) * y + k",
    "zip ranges": "for x, y in zip(range(5), range(20, 0, -3)):\n    t = t * 3 + x * y",
    "zip variable": "for x, k in zip(s.a, range(n & 7)):\n    t += i64(x) + i64(k)",
    "enumerate zip": "for i, (x, y) in enumerate(zip(s.a, s.b)):\n    t += i64(x) * y + i",
    "reversed": "for x in reversed(s.a):\n    t = t * 3 + i64(x)",
    "reversed range": "for k in reversed(range(3, 20, 4)):\n    t = t * 20 + k",
    "reversed variable": "for k in reversed(range(n & 7)):\n    t = t * 6 + i64(k)",
    "enumerate reversed": "for i, x in enumerate(reversed(s.a)):\n    t = t * 2 + i64(x) * i",
    "nested": "for row in s.pairs:\n    for x in row:\n        t += x",
    "enumerate nested": "for i, row in enumerate(s.pairs):\n    for j, x in enumerate(row):\n        t += (i + j) * x",
    "break else": "for i, x in enumerate(s.a):\n    if x == 7:\n        break\n    t += 1\nelse:\n    t = 50\nt += 1",
    "else": "for x in reversed(s.a):\n    t += 1\nelse:\n    t += 50",
    "continue": "for i, x in enumerate(s.a):\n    if x == 0:\n        continue\n    t += i",
    "sum": "t = i64(sum(s.a)) + sum(s.b) * 2 + i64(sum(s.z)) * 3",
    "any all": "t = int(any(s.a)) + 2 * int(all(s.a)) + 4 * int(any(s.none)) + 8 * int(all(s.b)) + 16 * int(any(s.z))",
    "min max": "t = i64(min(s.a)) + 3 * i64(max(s.a)) + 5 * i64(min(s.b)) + 7 * i64(max(s.b))",
    "in": "t = int(7 in s.a) + 2 * int(8 in s.a) + 4 * int(n in s.a) + 8 * int(-5 in s.b) + 16 * int(9 in s.pairs[1])",
    "not in": "t = int(7 not in s.a) + 2 * int(8 not in s.a)",
}


def model(body: str) -> int:
    names: dict[str, object] = {}
    exec(PYTHON + body, names)
    return int(names["t"])  # type: ignore[call-overload, no-any-return]


def program(body: str) -> str:
    indented = "\n".join("    " + line for line in body.splitlines())
    return f"{ARRAYS}{indented}\n    return i32(t)\n"


@pytest.mark.parametrize("case", CASES)
def test_iteration(case: str, tmp_path: Path) -> None:
    assert set(results(tmp_path, program(CASES[case])).values()) == {model(CASES[case])}
