"""`print`: what the machine and the kernel write into the trace, against Python's own f-strings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from language import PACKET, module

import pybpfc as bpf
from pybpfc.compiler import compile_source
from pybpfc.runtime import features
from pybpfc.vm import Machine

TRACE = Path("/sys/kernel/tracing")
LINES = [
    "{n}", "{n:d}", "{n:5}", "{n:<5}|", "{n:>5}", "{n:05}", "{n:05d}", "{s}", "{s:5}", "{s:05d}", "{s:<6}|",
    "{n:+d}", "{s:+d}", "{n:+5d}", "{n:+05d}", "{n:<+5d}|", "{n: d}", "{s: d}", "{n:-d}", "{s32:+}",
    "{n:x}", "{n:X}", "{n:#x}", "{n:#X}", "{n:#06x}", "{n:#06X}", "{n:08x}", "{n:<8x}|", "{n:>8X}", "{n:8x}",
    "{big}", "{big:25}", "{big:x}", "{big:#x}", "{big:#020x}", "{big:X}",
    "{n:c}", "{n:5c}|", "{n:>3c}", "{n:<3c}|",
    "{name}", "{name:s}", "{name:5}|", "{name:>5}", "{name:<5}|", "{name:1}",
    "{name}x", "{name}0{n}", "{name}{n:#x}", "{name}{name}", "{name} {n}", "{name}.", "{name}{n}",
    "plain", "", "100%", "%d {n}% %s", "{{{n}}}", "tab\tend",
    "{K}", "{K:,}", "{K:#o}", "{K:^9}|", "{K:e}", "{NEGATIVE:#x}", "{TEXT}", "{TEXT:>6}", "{TEXT:*^7}", "{TEXT!r}", "{name}{TEXT}",
    "{n=}", "{n = }", "{n!r}", "{n!s}", "{s=:d}", "{K=}",
    "{n} {s} {big}", "{n} {s} {big} {name}", "{name}a{n:x}{name}b {s:+d}", "{n}{n}{n}{n}{n}{n}{n}{n}{n}{n}{n}{n}",
]  # fmt: skip
PROGRAM = """
K = 1234
NEGATIVE = -31
TEXT = "abc"

@bpf.struct
class Named:
    name: Annotated[str, 8]

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    n = ctx.len
    s32 = i32(n) - 65
    s = i64(n) - 65
    big = u64(n) + 0x8000_0000_0000_0000
    named = Named(name="ab")
    name = named.name
BODY
    return 0
"""
VALUES = {"n": 60, "s": -5, "s32": -5, "big": 0x8000_0000_0000_003C, "name": "ab"}
VALUES |= {"K": 1234, "NEGATIVE": -31, "TEXT": "abc"}


def expected(line: str) -> str:
    shown = eval(f'f"""{line}"""', dict(VALUES))
    assert isinstance(shown, str)
    return shown


@pytest.fixture(scope="module")
def printing(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], str]:
    folder = tmp_path_factory.mktemp("print")
    body = "\n".join(f'    print(f"""{line}""")' for line in LINES)
    made = compile_source(module(folder, PROGRAM.replace("BODY", body)), use_cache=False)
    made.write(folder / "print.o")
    return Machine(made.spec).run("prog", data=PACKET).trace, str(folder / "print.o")


def test_the_machine_prints_as_python_does(printing: tuple[list[str], str]) -> None:
    assert dict(zip(LINES, printing[0], strict=True)) == {line: expected(line) for line in LINES}


@pytest.fixture
def instance() -> Iterator[Path]:
    """A trace of our own: nobody else's is read or emptied."""
    if features.refusal() is not None or not os.access(TRACE / "instances", os.W_OK):
        pytest.skip("needs bpf(2) and tracefs")
    place = TRACE / "instances" / f"pybpfc-test-{os.getpid()}"
    place.mkdir()
    try:
        (place / "events/bpf_trace/bpf_trace_printk/enable").write_text("1")
        yield place
        (place / "events/bpf_trace/bpf_trace_printk/enable").write_text("0")
    finally:
        place.rmdir()


def test_the_kernel_prints_as_python_does(printing: tuple[list[str], str], instance: Path) -> None:
    with bpf.load(printing[1], attach=False) as loaded:
        loaded.programs["prog"].test_run(data=PACKET)
    mine = [line for line in (instance / "trace").read_text().splitlines() if f"-{os.getpid()} " in line]
    shown = [line.partition("bpf_trace_printk: ")[2] for line in mine]
    assert dict(zip(LINES, shown, strict=True)) == {line: expected(line) for line in LINES}
