"""docs/language.md: each example gives what stands in it, in the machine, in the kernel, and by Python."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from evaluator import Evaluator
from language import CONTEXT, PACKET, signed

import pybpfc as bpf
from pybpfc.abi.versions import running, version
from pybpfc.compiler import compile_source, import_file
from pybpfc.diagnostics.sink import DiagnosticSink
from pybpfc.frontend.analyze import analyze
from pybpfc.lang.codec import codec_for
from pybpfc.runtime import features
from pybpfc.vm import Machine

PAGE = Path(__file__).parents[2] / "docs" / "language.md"
_BLOCKS = re.findall(r"^```python(?: (\w+))?\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
(DECLARATIONS,) = [text for kind, text in _BLOCKS if kind == "declarations"]
EXAMPLES = [text for kind, text in _BLOCKS if not kind]
KERNEL_DECLARATIONS, *IN_KERNEL = [text for kind, text in _BLOCKS if kind == "kernel"]
(HOOKS,) = [text for kind, text in _BLOCKS if kind == "hooks"]
HELPERS_ONLY = (
    "bpf.iter_num",
    "bpf.loop",
    "while n != 1",
    ".items()",
    "bpf.snprintf",
    "ctx.packet",
    "spin_lock",
    "update(",
    "net.Cursor",
    "timer",
    "orders",
    "dynptr",
)
"""What the oracle in Python does not know: it has no helpers."""


PROGRAM = """

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    return i32(example(ctx))
"""


def module_of(example: str) -> str:
    if "def prog(" in example:
        return DECLARATIONS + example
    body = "".join(f"    {line}\n" for line in example.splitlines())
    return f"{DECLARATIONS}\n@bpf.func\ndef example(ctx: bpf.SkBuff) -> i64:\n{body}{PROGRAM}"


CALLED = """

@bpf.tp_btf("sys_enter")
def prog(regs: u64, number: i64) -> None:
    global answer
    if tasks.current_pid() == wanted:
        answer = example(tasks.current())
"""


def kernel_module_of(example: str) -> str:
    """The module of an example that reads the kernel's types."""
    first = DECLARATIONS + KERNEL_DECLARATIONS
    if "def " in example:
        return first + example + ("" if "@bpf.func" not in example else CALLED)
    body = "".join(f"    {line}\n" for line in example.splitlines())
    return f"{first}\n@bpf.func\ndef example(task: task_struct) -> i64:\n{body}{CALLED}"


def expected(example: str) -> int:
    found: list[str] = re.findall(r"  # (-?\d+)$", example, re.MULTILINE)
    return int(found[-1])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.splitlines()[-1].strip())
def test_example(example: str, tmp_path: Path) -> None:
    path = tmp_path / "example.py"
    path.write_text(module_of(example))
    made = import_file(str(path))
    found: dict[str, int] = {}
    for cpu in ("v3", "v4") if "atomic" in example else ("v1", "v2", "v3", "v4"):
        compiled = compile_source(made, cpu=cpu, use_cache=False)
        found[f"machine {cpu}"] = signed(Machine(compiled.spec).run("prog", data=PACKET).retval)
        if features.refusal() is None and (cpu != "v4" or running() >= version("6.6")):
            compiled.write(tmp_path / "example.o")
            with bpf.load(str(tmp_path / "example.o"), attach=False) as loaded:
                found[f"kernel {cpu}"] = signed(loaded.programs["prog"].test_run(data=PACKET).retval)
    if not any(name in example for name in HELPERS_ONLY):
        found["Python"] = by_python(made, str(path))
    assert found == dict.fromkeys(found, expected(example))


def by_python(made: object, path: str) -> int:
    sink = DiagnosticSink()
    analysis = analyze(vars(made), "example", path, sink)
    sink.raise_if_errors()
    assert analysis is not None
    run = Evaluator(analysis.unit, CONTEXT)
    for variable in analysis.unit.globals:
        value = getattr(made, variable.name) if variable.exported else variable.initial
        run.globals[id(variable)].write(codec_for(variable.type).encode(value))
    return signed(run.call("prog", None))


def test_most_examples_run_in_all_three() -> None:
    apart = [example for example in EXAMPLES if any(name in example for name in HELPERS_ONLY)]
    assert len(EXAMPLES) > 45
    assert len(apart) * 4 < len(EXAMPLES)


@pytest.mark.skipif(features.refusal() is not None, reason="bpf() is not permitted here")
@pytest.mark.skipif(not os.path.exists("/sys/kernel/btf/vmlinux"), reason="the kernel tells no types")
@pytest.mark.parametrize("example", IN_KERNEL, ids=lambda example: example.splitlines()[-1].strip())
def test_kernel_example(example: str, tmp_path: Path) -> None:
    path = tmp_path / "example.py"
    path.write_text(kernel_module_of(example))
    compile_source(import_file(str(path)), use_cache=False).write(tmp_path / "example.o")
    wanted = eval(re.findall(r"  # (.+)$", example, re.MULTILINE)[-1], {"os": os})
    with bpf.load(str(tmp_path / "example.o"), wanted=os.getpid()) as loaded:
        os.getppid()
        Path("/etc/hostname").read_text()
        subprocess.run(["/bin/true"], check=True)
        assert loaded.globals.answer == wanted


@pytest.mark.skipif(not os.path.exists("/sys/kernel/btf/vmlinux"), reason="the kernel tells no types")
def test_hooks_compile(tmp_path: Path) -> None:
    path = tmp_path / "example.py"
    path.write_text(kernel_module_of(HOOKS))
    assert len(compile_source(import_file(str(path)), use_cache=False).spec.programs) == 4
