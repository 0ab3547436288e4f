"""The command on good and bad input: one clear line, exit status 1, usage errors 2, never a traceback."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from pybpfc.compiler import STAGES, compile_source, import_file

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = {"opensnoop": "on_open", "execsnoop": "on_exec", "syscount": "on_syscall", "xdp_count": "count"}


def pybpfc(*words: str) -> subprocess.CompletedProcess[str]:
    code = "from pybpfc.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, timeout=60)


def one_line(result: subprocess.CompletedProcess[str], *words: str) -> None:
    lines = result.stderr.strip().splitlines()
    assert result.returncode == 1, result
    assert "Traceback" not in result.stderr
    assert lines, result
    assert all(word in result.stderr for word in words), result.stderr


def test_compile_writes_an_object(tmp_path: Path) -> None:
    out = tmp_path / "o.o"
    assert pybpfc("compile", str(EXAMPLES / "opensnoop.py"), "-o", str(out)).returncode == 0
    assert out.read_bytes()[:4] == b"\x7fELF"


@pytest.mark.parametrize("stage", [s for s in STAGES if s != "object"])
@pytest.mark.parametrize("example", sorted(PROGRAMS))
def test_every_stage_of_every_example_can_be_shown(example: str, stage: str) -> None:
    result = pybpfc("compile", str(EXAMPLES / f"{example}.py"), "--emit", stage)
    assert (result.returncode, result.stderr) == (0, "")
    assert PROGRAMS[example] in result.stdout


@pytest.mark.parametrize("example", sorted(PROGRAMS))
def test_the_stage_object_is_the_object(example: str, tmp_path: Path) -> None:
    path = tmp_path / "emitted.o"
    source = str(EXAMPLES / f"{example}.py")
    assert pybpfc("compile", source, "--emit", "object", "-o", str(path)).returncode == 0
    assert path.read_bytes() == compile_source(import_file(source), use_cache=False).elf


def test_an_object_is_not_written_to_a_terminal() -> None:
    for words in (["--emit", "object"], ["-o", "-"]):
        ours, theirs = pty.openpty()
        code = "from pybpfc.cli import main; main()"
        command = [sys.executable, "-c", code, "compile", str(EXAMPLES / "opensnoop.py"), *words]
        done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
        os.close(theirs)
        os.close(ours)
        one_line(done, "terminal", "-o")


def test_inspect_shows_the_python_lines(tmp_path: Path) -> None:
    out = tmp_path / "o.o"
    compile_source(import_file(str(EXAMPLES / "opensnoop.py"))).write(out)
    shown = pybpfc("inspect", str(out)).stdout
    assert "; opens[pid] += 1 @ opensnoop.py:" in shown
    assert "struct trace_event_sys_enter_openat" in shown


def test_missing_file() -> None:
    one_line(pybpfc("compile", "/no/such/file.py"), "no such file")
    one_line(pybpfc("run", "/no/such/file.o"), "/no/such/file.o")


def test_usage() -> None:
    assert pybpfc("compile").returncode == 2
    assert pybpfc("nonsense").returncode == 2
    assert pybpfc("compile", "--cpu", "v9", "x.py").returncode == 2


def test_kernel() -> None:
    source = str(EXAMPLES / "opensnoop.py")
    assert pybpfc("check", "--kernel", "5.10", source).returncode == 0
    refused = pybpfc("check", "--kernel", "5.4", source)
    assert refused.returncode == 1
    assert "`events` is BPF_MAP_TYPE_RINGBUF, which came with kernel 5.8; this is compiled for 5.4" in refused.stderr
    assert "BPF_MAP_TYPE_RINGBUF" in pybpfc("compile", "--kernel", "5.4", "-o", "-", source).stderr
    wrong = pybpfc("check", "--kernel", "new", source)
    assert wrong.returncode == 2
    assert "`new` is no kernel version" in wrong.stderr
    one_line(pybpfc("compile", "--kernel", "6.1", "--cpu", "v4", source), "v4 needs kernel 6.6")


def test_garbage_and_truncated_objects(tmp_path: Path) -> None:
    whole = compile_source(import_file(str(EXAMPLES / "opensnoop.py"))).elf
    for name, data in (("garbage.o", b"\x01\x02" * 500), ("cut.o", whole[:1000]), ("empty.o", b"")):
        path = tmp_path / name
        path.write_bytes(data)
        one_line(pybpfc("run", str(path)), name)
        one_line(pybpfc("inspect", str(path)), name)


def test_a_module_that_fails_or_is_no_python(tmp_path: Path) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("import pybpfc\nx = 1 / 0\n")
    one_line(pybpfc("compile", str(broken)), "broken.py:2", "ZeroDivisionError")
    broken.write_text("def f(:\n")
    one_line(pybpfc("check", str(broken)), "broken.py:1", "syntax")


def test_diagnostics_and_explain(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import pybpfc as bpf\n\n\n@bpf.xdp\ndef p(ctx: bpf.XdpContext) -> int:\n    return nothing\n")
    one_line(pybpfc("compile", str(wrong)), "error[E0212]", "wrong.py:6:12")
    assert "E0301" in pybpfc("explain", "E0301").stdout
    one_line(pybpfc("explain", "E9999"), "E9999")


LIBRARY = """
import pybpfc as bpf
from pybpfc import u32


@bpf.func
def twice(n: u32) -> u32:
    return n * RIGHT
"""


def test_functions_that_no_program_reaches_are_checked_but_not_compiled(tmp_path: Path) -> None:
    library = tmp_path / "library.py"
    library.write_text(LIBRARY.replace("RIGHT", "two"))
    one_line(pybpfc("check", str(library)), "error[E0212]", "library.py:8:16")
    program = "\n\n@bpf.xdp\ndef p(ctx: bpf.XdpContext) -> int:\n    return 2\n"
    library.write_text(LIBRARY.replace("RIGHT", "2"))
    assert pybpfc("check", str(library)).returncode == 0
    one_line(pybpfc("compile", str(library)), "error[E0442]")
    library.write_text(LIBRARY.replace("RIGHT", "2") + program)
    made = compile_source(import_file(str(library)), use_cache=False)
    assert not made.spec.functions
