"""Loops that helpers run: over run-time ranges, maps, and by `bpf.loop`, against Python's own loops."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from language import results

N = 60
RANGES = {
    "sum": "for i in bpf.iter_num(0, n):\n    t += i64(i)",
    "from": "for i in bpf.iter_num(n - 5, n):\n    t = t * 3 + i64(i)",
    "empty": "for i in bpf.iter_num(n, 5):\n    t += 1\nelse:\n    t += 7",
    "break": "for i in bpf.iter_num(0, n):\n    if i == 7:\n        break\n    t += 1\nelse:\n    t = 1000",
    "continue": "for i in bpf.iter_num(0, n):\n    if i % 3 == 0:\n        continue\n    t += i64(i)",
    "return": "for i in bpf.iter_num(0, n):\n    if i == 9:\n        return i32(t) + 100\n    t += i64(i)",
    "after": "i = n\nfor i in bpf.iter_num(2, n):\n    pass\nt = i64(i)",
    "nested": "for i in bpf.iter_num(0, n & 7):\n    for j in bpf.iter_num(0, n & 15):\n        t += i64(i) * j",
    "nested break": (
        "for i in bpf.iter_num(0, n & 7):\n    for j in bpf.iter_num(0, n):\n        if j > i:\n            break\n"
        "        t += i64(j) + i64(i) * n"
    ),
    "nested return": (
        "for i in bpf.iter_num(0, n):\n    k = i64(i) * 2\n    for j in bpf.iter_num(0, n):\n"
        "        if k + j == 31:\n            return i32(t) + 5\n        t += k"
    ),
    "three deep": (
        "for i in bpf.iter_num(0, n & 7):\n    for j in bpf.iter_num(0, n & 3 | 2):\n"
        "        for k in bpf.iter_num(0, n & 5 | 1):\n            t = (t * 3 + i64(i) + j * 2 + k) & 0xFFFFF"
    ),
    "plain inside": (
        "for i in bpf.iter_num(0, n):\n    for j in range(4):\n        if j == 2:\n            continue\n        t += i64(i) * j"
    ),
    "inside plain": "for j in range(3):\n    for i in bpf.iter_num(0, n):\n        if i > 5:\n            break\n        t += i64(i) * j",
    "two": "for i in bpf.iter_num(0, n):\n    t += 1\nfor i in bpf.iter_num(0, n):\n    t += i64(i)",
    "loop in else": (
        "for i in bpf.iter_num(0, n & 3):\n    pass\nelse:\n    k = n & 7\n    j = n & 5\n"
        "    for i in bpf.iter_num(0, n):\n        k += 1\n        t += i64(k) * j\n    t += k"
    ),
    "loop in else of while": (
        "c = n & 1\nwhile c > 0:\n    c -= 1\nelse:\n    k = n & 12\n    while k > 0:\n        k -= 1\n        t += 3"
    ),
    "local array": (
        "a: Annotated[list[u32], 8] = [0, 0, 0, 0, 0, 0, 0, 0]\nfor i in bpf.iter_num(0, n):\n    a[i % 8] += i + 1\n"
        "t = i64(a[3]) * 1000 + i64(a[7])"
    ),
    "match": "for i in bpf.iter_num(0, n):\n    match i % 4:\n        case 0 | 1:\n            t += 1\n        case k:\n            t += i64(k)",
    "many names": (
        "a = 1\nb = 2\nc = 3\nfor i in bpf.iter_num(0, n):\n    a, b, c = b, c, (a + b) & 0xFFFF\nt = a * 31 + b * 17 + c"
    ),
    "walrus": "for i in bpf.iter_num(0, n):\n    if (k := i64(i) * 2) > 20:\n        t += k",
    "the same names again": (
        "for i in bpf.iter_num(0, n):\n    x = i64(i) * 2\n    for j in bpf.iter_num(0, i):\n        y = x + j\n"
        "        t += y\n        x += 1\n    t += x\nfor i in range(5):\n    x = 7\n    t += x * i\n"
        "for i in bpf.iter_num(0, 5):\n    x = 3\n    t += x + i\nelse:\n    x = 100\n    t += x"
    ),
    "bound by the round that breaks": "for i in bpf.iter_num(0, n):\n    x = i64(i) * 2\n    if x > 30:\n        break\nelse:\n    return 1\nt = x + i",
    "signed": "m = i32(n) - 62\nfor i in bpf.iter_num(m, 3):\n    t = t * 5 + i",
}  # fmt: skip
PROGRAM = """
@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    n = ctx.len
    t = 0
BODY
    return i32(t)
"""


def indented(text: str) -> str:
    return "\n".join("    " + line for line in text.splitlines())


def model(body: str) -> int:
    names: dict[str, object] = {"bpf": SimpleNamespace(iter_num=range), "i32": int, "i64": int, "u32": int}
    body = body.replace("a: Annotated[list[u32], 8]", "a")
    exec(f"def f(n):\n    t = 0\n{indented(body)}\n    return t\n", names)
    return int(names["f"](N))  # type: ignore[operator]


@pytest.mark.parametrize("case", RANGES)
def test_run_time_ranges(case: str, tmp_path: Path) -> None:
    source = PROGRAM.replace("BODY", indented(RANGES[case]))
    expected = (model(RANGES[case]) + (1 << 31)) % (1 << 32) - (1 << 31)
    assert set(results(tmp_path, source).values()) == {expected}


MAPS = """
@bpf.struct
class Key:
    a: u32
    b: u16

@bpf.struct
class V:
    n: u64
    m: u32

counts = bpf.HashMap[u32, u64](max_entries=16)
table = bpf.Array[V](max_entries=4)
pairs = bpf.HashMap[Key, V](max_entries=16)

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    for i in range(5):
        counts[i + 1] = i * 10
    for i in range(4):
        table[i] = V(n=i, m=i * 3)
        pairs[Key(a=i, b=2)] = V(n=i * 7)
    t = 0
BODY
    return i32(t)
"""
OVER_MAPS = {
    "items": ("for k, v in counts.items():\n    t += i64(k) * 100 + i64(v & 0xFF)", 15 * 100 + 100),
    "keys": ("for k in counts.keys():\n    t += k", 15),
    "plain": ("for k in counts:\n    t += k", 15),
    "values": ("for v in counts.values():\n    t += i64(v)", 100),
    "break": ("for k in counts:\n    t += 1\n    if t == 3:\n        break\nelse:\n    t = 100", 3),
    "else": ("for k in counts:\n    t += 1\nelse:\n    t += 100", 105),
    "return": ("for k, v in counts.items():\n    if v == 20:\n        return i32(k) + 40", 43),
    "array of structs": ("for k, v in table.items():\n    v.n += 5\n    t += i64(v.m)\nfor v in table.values():\n    t += i64(v.n)", 18 + 26),
    "struct keys": ("for k, v in pairs.items():\n    t += i64(k.a) * k.b\n    k.a = 9\n    t += i64(v.n)", 12 + 42),
    "nested": ("for k in counts:\n    for v in table.values():\n        t += i64(k) * v.m", 15 * 18),
    "deleting": ("for k in counts:\n    if k % 2 == 0:\n        del counts[k]\nfor k in counts:\n    t += k", 9),
}  # fmt: skip


@pytest.mark.parametrize("case", OVER_MAPS)
def test_entries_of_maps(case: str, tmp_path: Path) -> None:
    body, expected = OVER_MAPS[case]
    assert set(results(tmp_path, MAPS.replace("BODY", indented(body))).values()) == {expected}


LOOP = """
@bpf.struct
class State:
    total: u64
    last: u32

total: bpf.Global[u64] = 0

@bpf.func
def add(i: u32, state: State) -> int:
    state.total += i
    state.last = i
    return int(i == 20)

@bpf.func
def count(i: u32) -> int:
    global total
    total += 1
    return 0

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    state = State()
    calls = bpf.loop(ctx.len, add, state)
    bpf.loop(function=count, count=ctx.len + 1)
    return i32(calls) * 100000 + i32(state.total) * 100 + i32(state.last) + i32(total) * 10000000
"""


def test_bpf_loop(tmp_path: Path) -> None:
    assert set(results(tmp_path, LOOP).values()) == {21 * 100000 + 210 * 100 + 20 + 61 * 10000000}


AGGREGATE = """
@bpf.struct
class P:
    a: u32
    b: u64

@bpf.func(noinline=True)
def find(limit: u32, wanted: u32) -> P:
    for i in bpf.iter_num(0, limit):
        if i * i > wanted:
            return P(a=i, b=i * 2)
    return P(a=limit)

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    p = find(ctx.len, 1000)
    q = find(ctx.len, 100000)
    return i32(p.a) * 1000 + i32(p.b) + i32(q.a) * 1000000
"""


def test_a_struct_returned_from_within_a_loop(tmp_path: Path) -> None:
    assert set(results(tmp_path, AGGREGATE).values()) == {32 * 1000 + 64 + 60 * 1000000}


WHILE = {
    "counter": "i = 0\nwhile i < 10:\n    i += 3\nt = i",
    "unknown start": "while n > 10:\n    n -= 1\n    t += 1\nt += i64(n)",
    "halving": "while n:\n    n >>= 1\n    t += 1",
    "collatz": "m = i64(n) + 7\nwhile m != 1:\n    if m % 2 == 0:\n        m //= 2\n    else:\n        m = 3 * m + 1\n    t += 1",
    "endless": "i = 0\nwhile True:\n    i += 1\n    if i * i > n * 10:\n        break\n    t += i",
    "else": "while n > 50:\n    n -= 4\nelse:\n    t = i64(n) + 500",
    "break else": "while n > 50:\n    n -= 4\n    if n == 52:\n        break\nelse:\n    t = 500\nt += i64(n)",
    "continue": "i = 0\nwhile i < 10:\n    i += 1\n    if i % 2:\n        continue\n    t += i",
    "counter set by a pattern": "i = 0\nwhile i < 10:\n    i += 1\n    t += i\n    match t & 31:\n        case i if i == 28:\n            t += 100\n        case _:\n            pass",
    "continue first": "i = 0\nwhile i < 10:\n    if i == 4:\n        i += 2\n        continue\n    i += 1\n    t += i",
    "bound inside": "while True:\n    y = n * 3\n    n -= 1\n    if y < 60:\n        break\nt = i64(y) + n",
    "bound by the condition": "while (y := n * 3) > 60:\n    z = y\n    n -= z & 3 | 1\nt = i64(y) + n",
    "two": "i = 0\nwhile i < 100 and t < 50:\n    i += 1\n    t += i",
    "return": "while n > 3:\n    if n == 33:\n        return 77\n    n -= 1",
    "long": "for i in range(100000):\n    t = (t + i * 7) % 1000003",
    "long array": "a: Annotated[list[u32], 8] = [0, 0, 0, 0, 0, 0, 0, 0]\nfor i in range(50000):\n    a[i % 8] += 1\nt = i64(a[5])",
    "nested long": "for i in range(300):\n    for j in range(300):\n        if (i ^ j) % 7 == 0:\n            t += j",
}  # fmt: skip


@pytest.mark.parametrize("case", WHILE)
def test_while_and_long_loops(case: str, tmp_path: Path) -> None:
    source = PROGRAM.replace("BODY", indented(WHILE[case]))
    assert set(results(tmp_path, source).values()) == {model(WHILE[case])}


STRUCTS = """
@bpf.struct
class S:
    a: u32
    b: u64

m = bpf.HashMap[S, S](max_entries=16)

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    t = u64(0)
    for i in bpf.iter_num(0, ctx.len):
        s = S(a=i, b=3)
        t += s.a + s.b
    for i in bpf.iter_num(0, ctx.len):
        s = S(a=i * 2, b=1)
        t += s.a * s.b
    for i in range(3):
        s = S(a=i)
        t += s.a
        m[s] = s
    for k, v in m.items():
        t += k.a * 2 + v.a
    for k in m:
        t += k.a
    s = S(a=1000)
    return i32(t) + i32(s.a)
"""


def test_structs_of_several_loops_under_one_name(tmp_path: Path) -> None:
    expected = sum(i + 3 for i in range(60)) + sum(i * 2 for i in range(60)) + 3 + 9 + 3 + 1000
    assert set(results(tmp_path, STRUCTS).values()) == {expected}


HEAVY = """
g: bpf.Global[i64] = 1
h: bpf.Global[u16] = 7

@bpf.func(inline=True)
def f(p: i64) -> i64:
    global g, h
    for i in range(-1, 6):
        if (p ^ i) % 7 == h % 5:
            if g > i:
                break
            p, g = g, p
        elif g % 3 == 0 or 2 <= (g ^ h) <= 26748:
            match p % 5:
                case 1 | 2 if h > i:
                    h = u16(h >> 1) if i >= (g >> 3) else u16(h ^ 3)
            g = g * 3 + i
        h ^= 5
    return p - h

@bpf.func(inline=True)
def twice(p: i64) -> i64:
    t = i64(0)
    for i in range(3):
        t += f(p + i) if p % 2 == 0 else f(p) - f(i)
    return t + f(g)

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    t = i64(0)
    n = ctx.len & 7
    while n > 0:
        n -= 1
        match t % 4:
            case 0:
                t += twice(t)
            case 1:
                t ^= twice(h)
            case v:
                t -= twice(g) + v
    return i32((t ^ g) & 0xFFFFFF)
"""


def test_heavy_programs_are_light_for_the_verifier(tmp_path: Path) -> None:
    assert len(set(results(tmp_path, HEAVY).values())) == 1
