"""Compiling for a kernel: versions as written, the instruction set that follows, what only finished code needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pybpfc.abi import alternatives
from pybpfc.abi.helpers import HELPERS
from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.abi.versions import KernelVersion, parse_version
from pybpfc.compiler import compile_source, import_file, options
from pybpfc.diagnostics.catalog.base import PRELUDE
from pybpfc.diagnostics.errors import CompileError, PybpfcError


@pytest.mark.parametrize("text", ["5.15", "5.15.0", "5.15.0-91-generic", "5.15-rc3", " 5.15 "])
def test_versions(text: str) -> None:
    assert parse_version(text) == KernelVersion(5, 15)


@pytest.mark.parametrize("text", ["", "5", "five", "v5.15", "5.x", "-1.2", "5.15x"])
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(PybpfcError, match="no kernel version"):
        options(None, False, text)


@pytest.mark.parametrize(
    ("kernel", "cpu"), [("6.12", "v3"), ("5.1", "v3"), ("5.0", "v2"), ("4.14", "v2"), ("4.9", "v1"), (None, "v3")]
)
def test_the_instruction_set_follows(kernel: str | None, cpu: str) -> None:
    assert options(None, False, kernel).cpu == cpu


def test_an_instruction_set_that_the_kernel_lacks() -> None:
    with pytest.raises(PybpfcError, match=r"v4 needs kernel 6\.6"):
        options("v4", False, "6.1")
    assert options("v4", False, "6.6").cpu == "v4"


def test_alternatives_are_of_things_that_exist() -> None:
    assert set(alternatives.HELPERS) <= set(HELPERS)
    assert set(alternatives.MAP_TYPES) <= set(MAP_TYPES)


PROGRAMS = {
    "calls": """
@bpf.func(noinline=True)
def f(x: u64) -> u64:
    return x * bpf_ktime_get_ns()

@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    return i32(f(1) & 1)
""",
    "loop": """
@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    total = 0
    for i in range(1000):
        total += i64(bpf_get_prandom_u32())
    return i32(total & 1)
""",
    "unrolled": """
@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    total = 0
    for i in range(3):
        total += i64(bpf_get_prandom_u32())
    return i32(total & 1)
""",
    "tail calls": """
programs = bpf.ProgArray(max_entries=1)

@bpf.func(noinline=True)
def f(x: u64) -> u64:
    return x * bpf_ktime_get_ns()

@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    programs.tail_call(ctx, 0)
    return i32(f(1) & 1)
""",
    "one program with functions": """
@bpf.xdp
def small(ctx: bpf.XdpContext) -> int:
    return XDP_PASS
""",
}


@pytest.mark.parametrize(
    ("program", "kernel", "refused"),
    [
        ("calls", "4.15", "needs kernel 4.16"),
        ("calls", "4.16", None),
        ("loop", "5.2", "a loop that is not unrolled needs kernel 5.3"),
        ("loop", "5.3", None),
        ("unrolled", "4.9", None),
        ("tail calls", "5.9", "needs kernel 5.10"),
        ("tail calls", "5.10", None),
        ("one program with functions", "4.8", None),
    ],
)
def test_finished_code(program: str, kernel: str, refused: str | None, tmp_path: Path) -> None:
    path = tmp_path / "made.py"
    path.write_text(PRELUDE + PROGRAMS[program])
    if refused is None:
        compile_source(import_file(str(path)), kernel=kernel, use_cache=False)
        return
    with pytest.raises(CompileError, match=refused) as caught:
        compile_source(import_file(str(path)), kernel=kernel, use_cache=False)
    assert all(d.line > PRELUDE.count("\n") for d in caught.value.diagnostics)


STACKS = """
@bpf.struct
class Space:
    data: Annotated[bytes, {size}]

@bpf.struct
class Other:
    data: Annotated[bytes, 228]

spaces = bpf.HashMap[u32, Space](max_entries=16)
others = bpf.HashMap[u32, Other](max_entries=16)

@bpf.func(noinline=True)
def f(key: u32) -> u64:
    other = Other()
    other.data[0] = 1
    others[key] = other
    return bpf_ktime_get_ns()

@bpf.raw_tracepoint("sys_enter")
def prog(ctx: bpf.RawTracepointContext) -> int:
    space = Space()
    space.data[0] = 2
    spaces[1] = space
    return i32(f(2) & 1)
"""


@pytest.mark.parametrize(
    ("size", "kernel", "codes"),
    [
        (228, None, []),
        (260, None, ["W0502"]),
        (260, "6.8", ["E0503"]),
        (260, "6.9", []),
        (300, None, ["W0502"]),
        (300, "6.12", ["E0503"]),
        (300, "6.13", []),
    ],
)
def test_stacks_that_only_newer_kernels_allow(size: int, kernel: str | None, codes: list[str], tmp_path: Path) -> None:
    path = tmp_path / "made.py"
    path.write_text(PRELUDE + STACKS.format(size=size))
    try:
        found = list(compile_source(import_file(str(path)), kernel=kernel, use_cache=False).warnings)
    except CompileError as error:
        found = list(error.diagnostics)
    assert [d.code for d in found] == codes
