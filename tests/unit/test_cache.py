"""The compile cache: what counts as the same, and that a damaged cache is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os
import pybpfc as bpf
from pybpfc import i32, u32
from pybpfc.uapi import XDP_DROP, XDP_PASS
import other

LIMIT = int(os.environ.get("LIMIT", "3"))
PORTS = [int(port) for port in os.environ.get("PORTS", "80 443").split()]
seen = bpf.HashMap[u32, u32](max_entries=int(os.environ.get("ENTRIES", "16")))

@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    seen[1] += 1
    if ctx.rx_queue_index in PORTS or ctx.rx_queue_index == other.NUMBERS["one"]:
        return other.low(i32, LIMIT)
    if ctx.rx_queue_index >= 0:
        return other.verdict(LIMIT)
    return XDP_PASS
"""
OTHER = """
import os
from typing import TypeVar
import pybpfc as bpf
from pybpfc import i32, i64

T = TypeVar("T", bound=int)
NUMBERS = {"one": int(os.environ.get("ONE", "1"))}

@bpf.func
def low(kind: type[T], x: i64) -> T:
    return kind(x)

@bpf.func
def verdict(limit: i32) -> i32:
    return limit + 1
"""
RUN = """
import sys
from pybpfc.compiler import compile_source, import_file
made = compile_source(import_file(sys.argv[1]))
print("llvm" if "pybpfc.pipeline" in sys.modules else "cached", len(made.elf), [w.code for w in made.warnings])
assert "llvmlite" not in sys.modules
"""


class Project:
    """A program in a folder with a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / "cache"
        self.write("program.py", PROGRAM)
        self.write("other.py", OTHER)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def compile(self, **environment: str) -> tuple[str, str]:
        """Whether the object came from the cache, and the rest of what was printed."""
        env = {**os.environ, "XDG_CACHE_HOME": str(self.cache), "PYTHONDONTWRITEBYTECODE": "1", **environment}
        command = [sys.executable, "-c", RUN, str(self.folder / "program.py")]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        how, _, rest = done.stdout.strip().partition(" ")
        return how, rest

    def entries(self) -> list[Path]:
        return [p for p in self.cache.rglob("*") if p.is_file()]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    assert made.compile()[0] == "llvm"
    return made


def test_the_same_program_comes_from_the_cache_with_its_warnings(project: Project) -> None:
    how, rest = project.compile(PYBPFC_CACHE="0")
    assert how == "llvm"
    assert "W0201" in rest
    assert project.compile() == ("cached", rest)


CHANGES = {"LIMIT": "4", "ENTRIES": "32", "PORTS": "80 444", "ONE": "2"}


@pytest.mark.parametrize("change", [{name: value} for name, value in CHANGES.items()], ids=list(CHANGES))
def test_values_that_the_program_reads_count(project: Project, change: dict[str, str]) -> None:
    assert project.compile(**change)[0] == "llvm"
    assert project.compile(**change)[0] == "cached"


def test_the_sources_count(project: Project) -> None:
    project.write("other.py", OTHER.replace("limit + 1", "limit + 2"))
    assert project.compile()[0] == "llvm"
    project.write("program.py", PROGRAM.replace("seen[1]", "seen[2]"))
    assert project.compile()[0] == "llvm"
    assert project.compile()[0] == "cached"


@pytest.mark.parametrize("damage", ["cut", "changed", "empty", "junk"])
def test_a_damaged_entry_is_compiled_again(project: Project, damage: str) -> None:
    (entry,) = project.entries()
    data = entry.read_bytes()
    new = {"cut": data[:-5], "changed": data[:-1] + bytes([data[-1] ^ 1]), "empty": b"", "junk": b"[1, 2]\n\x00"}
    entry.write_bytes(new[damage])
    assert project.compile()[0] == "llvm"
    assert project.compile()[0] == "cached"


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.cache.write_text("a file")
    assert project.compile()[0] == "llvm"
    assert project.compile()[0] == "llvm"


def test_names_that_are_made_when_asked_for_count(project: Project) -> None:
    text = PROGRAM.replace("return XDP_PASS", "return XDP_PASS + bpf.size_of(u32) - 4")
    project.write("program.py", text)
    assert project.compile()[0] == "llvm"
    assert project.compile()[0] == "cached"


KERNEL = """

@bpf.tp_btf("sched_switch")
def switched(preempt, prev, following) -> int:
    seen[0] += 1 if prev == following else 2
    return 0
"""


@pytest.mark.skipif(not os.path.exists("/sys/kernel/btf/vmlinux"), reason="the kernel does not describe its types")
def test_the_types_of_the_kernel_count(project: Project, tmp_path: Path) -> None:
    project.write("program.py", PROGRAM + KERNEL)
    assert project.compile()[0] == "llvm"
    assert project.compile()[0] == "cached"
    other = tmp_path / "other.btf"
    other.write_bytes(Path("/sys/kernel/btf/vmlinux").read_bytes() + b"\0")
    assert project.compile(PYBPFC_BTF=str(other))[0] == "llvm"
    assert project.compile(PYBPFC_BTF=str(other))[0] == "cached"
