"""The package's face: what it exports, and what importing it costs."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import pybpfc

TREE = ast.parse(Path(pybpfc.__file__).read_text(encoding="utf-8"))


def for_checkers() -> dict[str, str]:
    """What the block for type checkers imports: name → module."""
    block = next(node for node in TREE.body if isinstance(node, ast.If) and isinstance(node.test, ast.Name))
    found = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            assert alias.asname == alias.name, "re-exports are written `import x as x`"
            found[alias.name] = node.module or ""
    return found


def test_checkers_and_python_see_the_same_names() -> None:
    assert for_checkers() == pybpfc._MODULES


@pytest.mark.parametrize("name", sorted(pybpfc._MODULES))
def test_every_name_resolves(name: str) -> None:
    assert getattr(pybpfc, name) is getattr(importlib.import_module(pybpfc._MODULES[name]), name)


def test_every_name_has_a_docstring() -> None:
    types = {"be16", "be32", "be64", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"}
    assert [n for n in pybpfc._MODULES if n not in types and not (getattr(pybpfc, n).__doc__ or "").strip()] == []


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="`pybpfc` has no attribute `hashmap`"):
        _ = pybpfc.hashmap  # type: ignore[attr-defined]


def test_names_are_listed() -> None:
    assert {"HashMap", "xdp", "u32", "load"} <= set(dir(pybpfc))


def imported_by(code: str) -> set[str]:
    script = f"import sys\nbefore = set(sys.modules)\n{code}\nprint('\\n'.join(set(sys.modules) - before))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


def test_import_alone_is_light() -> None:
    assert {m for m in imported_by("import pybpfc") if m.startswith(("pybpfc", "typing", "dataclasses"))} == {"pybpfc"}


def test_declarations_need_neither_compiler_nor_runtime() -> None:
    code = """
import pybpfc as bpf
from pybpfc import u32, u64
@bpf.struct
class Event:
    pid: u32
events = bpf.RingBuf[Event](size=4096)
counts = bpf.HashMap[u32, u64](max_entries=1)
@bpf.xdp
def program(ctx: bpf.XdpContext) -> int:
    return 0
Event(pid=1)
"""
    heavy = ("llvmlite", "elftools", "numpy", "ast", "asyncio", "ctypes")
    ours = ("pybpfc.runtime", "pybpfc.frontend", "pybpfc.backend", "pybpfc.ir", "pybpfc.vm", "pybpfc.compiler")
    loaded = imported_by(code) - imported_by("import inspect")
    assert {m for m in loaded if m.startswith(ours) or m.partition(".")[0] in heavy} == set()
