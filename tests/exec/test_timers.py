"""Timers: the machine and the kernel call the function with its entry; mistakes are told."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from language import module

import pybpfc as bpf
from pybpfc.compiler import compile_source
from pybpfc.diagnostics.errors import CompileError
from pybpfc.runtime import features
from pybpfc.vm import Machine

MILLISECOND = 1_000_000
DECLARATIONS = """
@bpf.struct
class Key:
    a: u32
    b: u32

@bpf.struct
class Entry:
    hits: u64
    timer: bpf.Timer
    key: u64

@bpf.struct
class Other:
    timer: bpf.Timer

entries = bpf.HashMap[u32, Entry](max_entries=16)
slots = bpf.Array[Entry](max_entries=2)
others = bpf.HashMap[Key, Other](max_entries=16)
percpu = bpf.PerCpuArray[Other](max_entries=1)
calls: bpf.Global[u64] = 0

@bpf.func
def expired(key: u32, entry: Entry) -> None:
    entry.hits += 1
    entry.key = key
    if entry.hits < 3:
        entry.timer.start(1_000_000)

@bpf.func
def by_struct(key: Key, other: Other) -> u32:
    global calls
    calls += key.a * 10 + key.b
    return 1

@bpf.func
def armed(entry: Entry) -> i64:
    return entry.timer.start(1_000_000)
"""
PROGRAM = """
@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    entries[7] = Entry(hits=0)
    others[Key(a=4, b=2)] = Other()
    entry, slot, other = entries.lookup(7), slots.lookup(1), others.lookup(Key(a=4, b=2))
    if entry is None or slot is None or other is None:
        return 0
BODY
"""
RUNS = {
    "methods": (
        "if entry.timer.init(entries) or entry.timer.set_callback(expired) or entry.timer.start(1_000_000):\n    return 1\nreturn 2",
        2, {"hits": 3, "key": 7},
    ),
    "the kernel's names": (
        "if bpf_timer_init(entry.timer, entries, CLOCK_MONOTONIC) or bpf_timer_set_callback(entry.timer, expired):\n    return 1\nreturn 2 if bpf_timer_start(entry.timer, 1_000_000, 0) == 0 else 3",
        2, {"hits": 3, "key": 7},
    ),
    "cancelled": (
        "entry.timer.init(entries)\nentry.timer.set_callback(expired)\nentry.timer.start(1_000_000_000)\nreturn i32(entry.timer.cancel() + 1)",
        2, {"hits": 0, "key": 0},
    ),
    "twice": ("entry.timer.init(entries)\nreturn 2 if entry.timer.init(entries) == -16 else 3", 2, {"hits": 0, "key": 0}),
    "not ready": ("return 2 if entry.timer.start(1) == -22 else 3", 2, {"hits": 0, "key": 0}),
    "through a function": (
        "entry.timer.init(entries)\nentry.timer.set_callback(expired)\nreturn 2 + i32(armed(entry))",
        2, {"hits": 3, "key": 7},
    ),
}  # fmt: skip


def source(text: str) -> str:
    return DECLARATIONS + PROGRAM.replace("BODY", "\n".join(f"    {line}" for line in text.split("\n")))


@pytest.mark.parametrize("case", RUNS)
def test_timers(case: str, tmp_path: Path) -> None:
    text, returned, entry = RUNS[case]
    made = module(tmp_path, source(text))
    for cpu in ("v1", "v3"):
        compiled = compile_source(made, cpu=cpu, use_cache=False)
        machine = Machine(compiled.spec)
        assert machine.run("prog", data=bytes(60)).retval == returned
        machine.advance(10 * MILLISECOND)
        found = machine.maps["entries"][7]
        assert {"hits": found.hits, "key": found.key} == entry
    if features.refusal() is None:
        with bpf.load(made, attach=False) as loaded:
            assert loaded.programs["prog"].test_run(data=bytes(60)).retval == returned
            deadline = time.monotonic() + 5
            while (found := made.entries[7]).hits < entry["hits"] and time.monotonic() < deadline:
                time.sleep(0.01)
            assert {"hits": found.hits, "key": found.key} == entry


def test_keys_that_are_structs(tmp_path: Path) -> None:
    text = "other.timer.init(others)\nother.timer.set_callback(by_struct)\nother.timer.start(1_000_000)\nreturn 2"
    made = module(tmp_path, source(text))
    machine = Machine(compile_source(made, use_cache=False).spec)
    machine.run("prog", data=bytes(60))
    machine.advance(10 * MILLISECOND)
    assert machine.run("prog", data=bytes(60)).globals["calls"] == 42
    if features.refusal() is None:
        with bpf.load(made, attach=False) as loaded:
            assert loaded.programs["prog"].test_run(data=bytes(60)).retval == 2
            deadline = time.monotonic() + 5
            while loaded.globals.calls == 0 and time.monotonic() < deadline:
                time.sleep(0.01)
            assert loaded.globals.calls == 42


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Entry().timer.cancel()\nreturn 0", ["E0902"]),
        ("bpf_timer_cancel(entry)\nreturn 0", ["E0902"]),
        ("bpf_timer_cancel()\nreturn 0", ["E0216"]),
        ("entry.timer.init(others)\nreturn 0", ["E0903"]),
        ("entry.timer.init(3)\nreturn 0", ["E0903"]),
        ("entry.timer.init()\nreturn 0", ["E0215"]),
        ("entry.timer.stop()\nreturn 0", ["E0226"]),
        ("entry.timer.set_callback(by_struct)\nreturn 0", ["E0904"]),
        ("entry.timer.set_callback(armed)\nreturn 0", ["E0904"]),
        ("entry.timer.set_callback(max)\nreturn 0", ["E0201"]),
        ("entry.timer = entry.timer\nreturn 0", ["E0806"]),
        ("armed(Entry())\nreturn 0", ["E0905"]),
        ("p = percpu.lookup(0)\nif p is not None:\n    p.timer.init(percpu)\nreturn 0", ["E0903"]),
    ],
)  # fmt: skip
def test_mistakes(text: str, codes: list[str], tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        compile_source(module(tmp_path, source(text)), use_cache=False)
    assert [d.code for d in caught.value.diagnostics] == codes


def test_programs_that_may_not(tmp_path: Path) -> None:
    text = (
        DECLARATIONS
        + '@bpf.kprobe("vfs_read")\ndef prog(ctx: bpf.KprobeContext) -> int:\n    e = entries.lookup(1)\n    if e is not None:\n        armed(e)\n    return 0\n'
    )
    with pytest.raises(CompileError) as caught:
        compile_source(module(tmp_path, text), use_cache=False)
    assert [d.code for d in caught.value.diagnostics] == ["E0420"]
