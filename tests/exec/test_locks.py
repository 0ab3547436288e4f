"""Spin locks: every way out of a block gives the lock back; the machine and the kernel accept and agree."""

from __future__ import annotations

from pathlib import Path

import pytest
from language import module, results

from pybpfc.compiler import compile_source
from pybpfc.diagnostics.errors import CompileError

SHARED = """
@bpf.struct
class Shared:
    lock: bpf.SpinLock
    a: u32
    b: u64
    rows: Annotated[list[u64], 4]

shared = bpf.Array[Shared](max_entries=2)
other = bpf.HashMap[u32, Shared](max_entries=2)

@bpf.func(inline=True)
def mixed(x: u64, y: u64) -> u64:
    return x * 3 ^ y

@bpf.func
def locked(shared: Shared) -> None:
    with bpf.spin_lock(shared.lock):
        shared.a = 5

@bpf.func(noinline=True)
def added(shared: Shared, count: u64) -> None:
    for i in range(3):
        with bpf.spin_lock(shared.lock):
            if i == 1:
                return
            shared.b += count
"""
PROGRAM = """
@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    n = ctx.data_end - ctx.data
    s = shared.lookup(0)
    if s is None:
        return 4
BODY
"""
BODIES = {
    "plain": ("with bpf.spin_lock(s.lock):\n    s.b += 7\n    s.a = u32(s.b) + 1\nreturn i32(s.a)", 8),
    "return": (
        "with bpf.spin_lock(s.lock):\n    s.a = 5\n    if n > 10:\n        return i32(s.a) + 1\n    s.a = 9\nreturn i32(s.a)",
        6,
    ),
    "return of what is locked": ("with bpf.spin_lock(s.lock):\n    s.b = n\n    return i32(s.b * 2)", 148),
    "break": (
        "for i in range(8):\n    with bpf.spin_lock(s.lock):\n        s.a += 1\n        if s.a == 4:\n            break\n    s.b += 10\nreturn i32(s.b) + i32(s.a)",
        34,
    ),
    "continue": (
        "for i in range(6):\n    with bpf.spin_lock(s.lock):\n        if i % 2 == 0:\n            continue\n        s.a += 1\n    s.b += 10\nreturn i32(s.b) + i32(s.a)",
        33,
    ),
    "loop inside": (
        "with bpf.spin_lock(s.lock):\n    for i in range(4):\n        if i == 3:\n            break\n        s.rows[i] = u64(i) * 2\n    t = s.rows[1] + s.rows[2]\nreturn i32(t)",
        6,
    ),
    "inlined function": ("with bpf.spin_lock(s.lock):\n    s.b = mixed(n, 5)\nreturn i32(s.b)", 74 * 3 ^ 5),
    "one after the other": (
        "o = shared.lookup(1)\nif o is None:\n    return 1\nwith bpf.spin_lock(s.lock):\n    s.b = 4\nwith bpf.spin_lock(o.lock):\n    o.b = 5\nreturn i32(s.b + o.b)",
        9,
    ),
    "assert": ("with bpf.spin_lock(s.lock):\n    s.a = 3\n    assert n > 1000\nreturn 3", 0),
    "match": (
        "with bpf.spin_lock(s.lock):\n    match n:\n        case 74:\n            return 3\n        case _:\n            s.a = 1\nreturn i32(s.a)",
        3,
    ),
    "of a hash map": (
        "other[1] = Shared(a=4)\nh = other.lookup(1)\nif h is None:\n    return 1\nwith bpf.spin_lock(h.lock):\n    h.a += 1\n    h.b = h.a\nreturn i32(h.b)",
        5,
    ),
    "through a parameter": ("locked(s)\nadded(s, 3)\nreturn i32(s.a) * 10 + i32(s.b)", 53),
    "within a loop that a helper runs": (
        "for i in bpf.iter_num(0, n):\n    with bpf.spin_lock(s.lock):\n        s.b += 1\n        if s.b == 50:\n            break\nreturn i32(s.b)",
        50,
    ),
}


def body(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.split("\n"))


@pytest.mark.parametrize("case", BODIES)
def test_locks(case: str, tmp_path: Path) -> None:
    text, expected = BODIES[case]
    assert set(results(tmp_path, SHARED + PROGRAM.replace("BODY", body(text))).values()) == {expected}


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("with bpf.spin_lock(s.lock):\n    shared.lookup(1)\nreturn 0", ["E0804"]),
        ("with bpf.spin_lock(s.lock):\n    print('x')\nreturn 0", ["E0804"]),
        ("with bpf.spin_lock(s.lock):\n    for i in bpf.iter_num(0, n):\n        s.a += 1\nreturn 0", ["E0804"]),
        ("o = shared.lookup(1)\nif o is None:\n    return 1\nwith bpf.spin_lock(s.lock), bpf.spin_lock(o.lock):\n    s.a = 1\nreturn 0", ["E0804"]),
        ("local = Shared()\nlocked(local)\nreturn 0", ["E0905"]),
        ("with bpf.spin_lock(s):\n    pass\nreturn 0", ["E0803"]),
        ("with bpf.spin_lock():\n    pass\nreturn 0", ["E0215"]),
        ("local = Shared()\nwith bpf.spin_lock(local.lock):\n    pass\nreturn 0", ["E0803"]),
        ("with open('x'):\n    pass\nreturn 0", ["E0801"]),
        ("o = shared.lookup(1)\nif o is None:\n    return 1\ncopy = Shared()\no.rows = s.rows\ncopy.a = s.a\nreturn i32(s.lock.val)", ["E0806"]),
    ],
)  # fmt: skip
def test_mistakes(text: str, codes: list[str], tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        compile_source(module(tmp_path, SHARED + PROGRAM.replace("BODY", body(text))), use_cache=False)
    assert [d.code for d in caught.value.diagnostics] == codes
