"""What the compiler says of the stack is what the kernel counts, and refuses."""

from __future__ import annotations

import ctypes
import itertools
from pathlib import Path
from typing import Any

import pytest
from language import results

import pybpfc as bpf
from pybpfc.abi.stack import PRIVATE_STACK_SINCE
from pybpfc.abi.versions import running
from pybpfc.backend import stack
from pybpfc.compiler import compile_source, import_file
from pybpfc.diagnostics.catalog.base import PRELUDE
from pybpfc.diagnostics.errors import CompileError, VerifierError
from pybpfc.formats.elf import read_elf
from pybpfc.formats.link import link_program
from pybpfc.runtime import prog_load

EXAMPLES = Path(__file__).parents[2] / "examples"
STATISTICS = 4
NUMBER = itertools.count()

CALLS = """
@bpf.struct
class Space:
    data: Annotated[bytes, {size}]

paths = bpf.HashMap[u32, Space](max_entries=16)
programs = bpf.ProgArray(max_entries=1)
"""
FUNCTION = """
@bpf.func(noinline=True)
def f{n}(ctx: {context}, key: u64) -> u64:
    space = Space()
    space.data[0] = u8(key)
    paths[u32(key)] = space
    {tail_call}
    return {call} + bpf_ktime_get_ns()
"""
PROGRAM = """
@bpf.{hook}
def prog(ctx: {context}) -> int:
    return i32({call} & 1)
"""


def chain(functions: int, size: int, hook: str = "xdp", tail_call: bool = False) -> str:
    """A module whose program calls so many functions, each of which keeps so many bytes."""
    context = "bpf.XdpContext" if hook == "xdp" else "bpf.RawTracepointContext"
    text = PRELUDE + CALLS.format(size=size)
    for n in reversed(range(functions)):
        call = f"f{n + 1}(ctx, key + 1)" if n + 1 < functions else "key"
        last = "programs.tail_call(ctx, 0)" if tail_call and n + 1 == functions else "pass"
        text += FUNCTION.format(n=n, call=call, context=context, tail_call=last)
    return text + PROGRAM.format(hook=hook, context=context, call="f0(ctx, 1)")


def compiled(tmp_path: Path, source: str) -> bpf.Object:
    path = tmp_path / f"stack_{next(NUMBER)}.py"
    path.write_text(source)
    return compile_source(import_file(str(path)), use_cache=False)


@pytest.fixture
def statistics(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the verifier says of each program that it accepts."""
    said: list[str] = []
    call = prog_load.bpf

    def with_statistics(command: Any, request: Any) -> Any:
        log = ctypes.create_string_buffer(1 << 16)
        request.log_level, request.log_size, request.log_buf = STATISTICS, len(log), ctypes.addressof(log)
        try:
            return call(command, request)
        finally:
            said.append(log.value.decode())

    monkeypatch.setattr(prog_load, "bpf", with_statistics)
    return said


def depths(log: str) -> list[int]:
    line = next(line for line in log.splitlines() if line.startswith("stack depth"))
    return [int(part) for part in line.split()[2].split("+")]


@pytest.mark.parametrize("name", ["opensnoop", "xdp_count", "execsnoop"])
def test_frames_of_examples(name: str, tmp_path: Path, statistics: list[str]) -> None:
    check_frames(compile_source(import_file(str(EXAMPLES / f"{name}.py")), use_cache=False), tmp_path, statistics)


@pytest.mark.parametrize("functions", [0, 1, 2, 5, 7])
@pytest.mark.parametrize("size", [1, 8, 13, 40])
def test_frames_of_functions(functions: int, size: int, tmp_path: Path, statistics: list[str]) -> None:
    source = chain(functions, size) if functions else chain(1, size).replace("noinline", "inline")
    check_frames(compiled(tmp_path, source), tmp_path, statistics)


def check_frames(made: bpf.Object, tmp_path: Path, statistics: list[str]) -> None:
    sizes = stack.frame_sizes(read_elf(made.elf))
    made.write(tmp_path / "made.o")
    for name in made.programs:
        statistics.clear()
        with bpf.load(tmp_path / "made.o", attach=False):
            found = {name for log in statistics if "stack depth" in log for name in [tuple(depths(log))]}
        linked = link_program(made.spec, name)
        assert tuple(sizes[function] for _, function in linked.functions) in found


@pytest.mark.parametrize(
    ("functions", "size", "hook", "tail_call", "accepted"),
    [
        (3, 150, "xdp", False, True),
        (3, 168, "xdp", False, False),
        (2, 240, "xdp", False, True),
        (2, 252, "xdp", False, False),
        (1, 490, "xdp", False, True),
        (2, 252, "raw_tracepoint('sys_enter')", False, running() >= PRIVATE_STACK_SINCE),
        (7, 8, "xdp", False, True),
        (8, 8, "xdp", False, False),
        (9, 8, "raw_tracepoint('sys_enter')", False, False),
        (2, 200, "xdp", True, True),
        (2, 250, "xdp", True, False),
        (2, 232, "raw_tracepoint('sys_enter')", True, True),
    ],
)
def test_the_kernel_agrees(
    functions: int,
    size: int,
    hook: str,
    tail_call: bool,
    accepted: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = chain(functions, size, hook, tail_call)
    if accepted:
        compiled(tmp_path, source).write(tmp_path / "made.o")
        bpf.load(tmp_path / "made.o", attach=False).close()
        return
    with pytest.raises(CompileError) as caught:
        compiled(tmp_path, source)
    assert {d.code for d in caught.value.diagnostics} <= {"E0502", "E0503", "E0504", "E0505"}
    monkeypatch.setattr("pybpfc.pipeline.check_stack", lambda *_: None)
    compiled(tmp_path, source).write(tmp_path / "made.o")
    with pytest.raises(VerifierError, match=r"(?i)stack|deep"):
        bpf.load(tmp_path / "made.o", attach=False)


def test_many_lookups_take_the_stack_of_one(tmp_path: Path) -> None:
    lookups = "\n".join(f"    counts[{i}] += {i}\n    counts[{i}] = {i + 1}" for i in range(80))
    source = (
        "counts = bpf.HashMap[u32, u64](max_entries=128)\n\n@bpf.socket_filter\ndef prog(ctx: bpf.SkBuff) -> int:\n"
    )
    assert set(results(tmp_path, f"{source}{lookups}\n    return i32(counts.get(79, 0))\n").values()) == {80}
