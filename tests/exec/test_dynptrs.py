"""Dynptrs: records of any length, windows over maps' values; what is reserved is given back on every path."""

from __future__ import annotations

from pathlib import Path

import pytest
from language import module, results

import pybpfc as bpf
from pybpfc.compiler import compile_source
from pybpfc.diagnostics.errors import CompileError
from pybpfc.runtime import features
from pybpfc.vm import Machine

DECLARATIONS = """
@bpf.struct
class Head:
    kind: u32
    size: u32

@bpf.struct
class Buffer:
    data: Annotated[bytes, 64]
    tail: u64

events = bpf.RingBuf[Head](size=4096)
buffers = bpf.Array[Buffer](max_entries=1)
area: bpf.Global[Annotated[bytes, 32]] = b""

@bpf.func
def fill(record: bpf.Dynptr, at: u32) -> i64:
    return record.write(at, u32(77))
"""
PROGRAM = """
@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    n = u32(ctx.data_end - ctx.data)
    buffer = buffers.lookup(0)
    if buffer is None:
        return 0
BODY
"""
BODIES = {
    "write and read": (
        "window = bpf.dynptr_from_mem(buffer.data)\nwrong = window.write(n - 70, u32(0x01020304))\nhead = Head()\nfailed = window.read(n - 70, head.kind)\nreturn i32(head.kind) + i32(wrong + failed) + buffer.data[4]",
        0x01020304 + 4,
    ),
    "past the end": (
        "window = bpf.dynptr_from_mem(buffer.data)\nreturn i32(window.write(61, u32(1)) * 100 + window.write(60, u32(1)))",
        -700,
    ),
    "structs": (
        "window = bpf.dynptr_from_mem(buffer)\nwindow.write(64, Head(kind=3, size=4))\nhead = Head()\nwindow.read(n - 10, head)\nreturn i32(head.kind * 10 + head.size) + i32(buffer.tail >> 32)",
        38,
    ),
    "data": (
        "window = bpf.dynptr_from_mem(area)\nhead = window.data(n - 60, Head)\nif head is None:\n    return 1\nhead.kind = 9\nreturn area[14] + (2 if window.data(26, Head) is None else 0)",
        11,
    ),
    "numbers by data": ("window = bpf.dynptr_from_mem(area)\np = window.data(4, u16)\nif p is None:\n    return 1\np.value = 0x0203\nreturn area[4]", 3),
    "by a function": ("window = bpf.dynptr_from_mem(buffer.data)\nreturn i32(fill(window, n - 70)) + buffer.data[4]", 77),
    "one of two": (
        "if n > 10:\n    window = bpf.dynptr_from_mem(area)\nelse:\n    window = bpf.dynptr_from_mem(buffer.data)\nwindow.write(0, u8(5))\nreturn area[0]",
        5,
    ),
    "in a loop": (
        "for i in range(4):\n    window = bpf.dynptr_from_mem(area)\n    window.write(i, u8(i + 1))\nreturn i32(area[3]) * 10 + area[0]",
        41,
    ),
    "texts": ("window = bpf.dynptr_from_mem(buffer.data)\nwindow.write(1, b'ab')\nreturn buffer.data[1]", 97),
}  # fmt: skip


def source(text: str) -> str:
    return DECLARATIONS + PROGRAM.replace("BODY", "\n".join(f"    {line}" for line in text.split("\n")))


@pytest.mark.parametrize("case", BODIES)
def test_windows(case: str, tmp_path: Path) -> None:
    text, expected = BODIES[case]
    assert set(results(tmp_path, source(text)).values()) == {expected}


RECORDS = {
    "submitted": ("record = events.reserve_dynptr(n)\nrecord.write(0, Head(kind=n, size=2))\nevents.submit(record)\nreturn 2", [(74, 2)]),
    "discarded": ("record = events.reserve_dynptr(8)\nrecord.write(0, Head(kind=n, size=2))\nevents.discard(record)\nreturn 2", []),
    "either": (
        "for i in range(3):\n    record = events.reserve_dynptr(8 + n % 2)\n    if record.write(0, Head(kind=i, size=5)) != 0 or i == 1:\n        events.discard(record)\n        continue\n    events.submit(record)\nreturn 2",
        [(0, 5), (2, 5)],
    ),
    "no room": ("record = events.reserve_dynptr(5000)\nfailed = record.write(0, u32(1))\nevents.submit(record)\nreturn 2 if failed == -22 else 3", []),
    "in place": (
        "record = events.reserve_dynptr(8)\nhead = record.data(0, Head)\nif head is not None:\n    head.kind = 6\n    head.size = 7\nevents.submit(record)\nreturn 2",
        [(6, 7)],
    ),
    "another name": ("record = events.reserve_dynptr(8)\nother = record\nother.write(0, Head(kind=1, size=1))\nevents.submit(other)\nreturn 2", [(1, 1)]),
}  # fmt: skip


@pytest.mark.parametrize("case", RECORDS)
def test_records(case: str, tmp_path: Path) -> None:
    text, expected = RECORDS[case]
    made = module(tmp_path, source(text))
    for cpu in ("v1", "v3"):
        compiled = compile_source(made, cpu=cpu, use_cache=False)
        machine = Machine(compiled.spec)
        assert machine.run("prog", data=bytes(74)).retval == 2
        assert [(e.kind, e.size) for e in machine.maps["events"].consume()] == expected
    if features.refusal() is None:
        with bpf.load(made, attach=False) as loaded:
            assert loaded.programs["prog"].test_run(data=bytes(74)).retval == 2
            assert [(e.kind, e.size) for e in made.events.consume()] == expected


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("record = events.reserve_dynptr(8)\nreturn 2", ["E0410"]),
        ("events.reserve_dynptr(8)\nreturn 2", ["E0410"]),
        ("record = events.reserve_dynptr(8)\nif n > 3:\n    events.submit(record)\nreturn 2", ["E0410"]),
        ("record = events.reserve_dynptr(8)\nevents.submit(record)\nrecord.write(0, n)\nreturn 2", ["E0411"]),
        ("record = events.reserve_dynptr(8)\nhead = record.data(0, Head)\nevents.submit(record)\nreturn 2 if head is None else i32(head.kind)", ["E0411"]),
        ("record = events.reserve_dynptr(8)\nevents.submit(record)\nevents.submit(record)\nreturn 2", ["E0411"]),
        ("record = events.reserve_dynptr(8)\nrecord = events.reserve_dynptr(8)\nevents.submit(record)\nreturn 2", ["E0412"]),
        ("window = bpf.dynptr_from_mem(buffer)\nevents.submit(window)\nreturn 2", ["E0413"]),
        ("record = bpf.Dynptr()\nreturn 2", ["E0906"]),
        ("bpf_dynptr_read(0, 0, 0, 0)\nreturn 2", ["E0907"]),
        ("head = Head()\nwindow = bpf.dynptr_from_mem(head)\nreturn 2", ["E0908"]),
        ("window = bpf.dynptr_from_mem(n)\nreturn 2", ["E0908"]),
        ("window = bpf.dynptr_from_mem(buffer)\nwindow.write(0, 5)\nreturn 2", ["E0909"]),
        ("window = bpf.dynptr_from_mem(buffer)\nwindow.read(0, 5)\nreturn 2", ["E0909"]),
        ("window = bpf.dynptr_from_mem(buffer)\nwindow.fill()\nreturn 2", ["E0226"]),
        ("window = bpf.dynptr_from_mem(buffer)\nwindow.write(0)\nreturn 2", ["E0215"]),
        ("window = bpf.dynptr_from_mem(buffer)\nhead = window.data(0, Head)\nreturn i32(head.kind)", ["E0301"]),
        ("window = bpf.dynptr_from_mem(buffer)\nhead = window.data(0, 3)\nreturn 2", ["E0144"]),
    ],
)  # fmt: skip
def test_mistakes(text: str, codes: list[str], tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        compile_source(module(tmp_path, source(text)), use_cache=False)
    assert [d.code for d in caught.value.diagnostics] == codes
