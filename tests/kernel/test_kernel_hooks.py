"""Hooks with typed arguments where this kernel has them: functions, system calls, security hooks."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kernel_support import from_python, require, require_kprobes, require_lsm

import pybpfc as bpf

TYPES = """
from typing import Annotated

import pybpfc as bpf
from pybpfc import i8, i32, i64, u32, u64
from pybpfc.helpers import *
from pybpfc.stdlib import task


@bpf.kernel_struct
class filename:
    name: bpf.Ptr[i8]


@bpf.kernel_struct
class qstr:
    name: bpf.Ptr[i8]


@bpf.kernel_struct
class dentry:
    d_name: bpf.Embedded[qstr]


@bpf.kernel_struct
class path:
    dentry: "dentry"


@bpf.kernel_struct
class file:
    f_path: bpf.Embedded[path]


@bpf.struct
class Seen:
    first: i64
    result: i64
    name: Annotated[str, 64]


wanted: bpf.Const[u32] = 0
seen = bpf.HashMap[u32, Seen](max_entries=8)
"""

RECORD = """
    if task.current_pid() != wanted:
        return 0
    s = Seen()
{statements}
    seen[{key}] = s
    return 0
"""


def program(decorator: str, parameters: str, *statements: str, key: int = 0) -> str:
    """A program that records what its arguments are."""
    body = RECORD.format(statements="\n".join(f"    {s}" for s in statements), key=key)
    return f"\n\n@bpf.{decorator}\ndef prog_{key}({parameters}) -> int:{body}"


def made(source: str) -> bytes:
    """The object; it is made on kernels too that do not load it, for those that have no compiler."""
    return from_python(TYPES + source)


def seen_by(elf: bytes, folder: Path, act: Callable[[], Any]) -> dict[int, Any]:
    """What the programs record of what `act` does."""
    path = folder / "hooks.o"
    path.write_bytes(elf)
    with bpf.load(str(path), wanted=os.getpid()) as obj:
        act()
        return dict(obj.maps["seen"].items())


@pytest.fixture
def doomed(tmp_path: Path) -> Path:
    found = tmp_path / "doomed-file"
    found.write_text("x")
    return found


AT_FDCWD = -100


@pytest.mark.parametrize("parameters", ["dfd: i32, name: filename", "dfd, name"])
def test_kprobe(parameters: str, doomed: Path) -> None:
    source = program('kprobe("do_unlinkat")', parameters, "s.first = i32(dfd)", "s.name = name.name")
    elf = made(source + program('kretprobe("do_unlinkat")', "ret: i32", "s.result = ret", key=1))
    require_kprobes()
    found = seen_by(elf, doomed.parent, lambda: os.unlink(doomed))
    assert (found[0].first, found[0].name) == (AT_FDCWD, str(doomed)[:63])
    assert found[1].result == 0


@pytest.mark.parametrize("parameters", ["dfd: i32, name: filename", "dfd, name"])
def test_fentry_and_fexit(parameters: str, doomed: Path) -> None:
    source = program('fentry("do_unlinkat")', parameters, "s.first = i32(dfd)", "s.name = name.name")
    elf = made(source + program('fexit("do_unlinkat")', f"{parameters}, ret: i32", "s.result = ret", key=1))
    require("fentry")

    def act() -> None:
        with pytest.raises(FileNotFoundError):
            os.unlink(f"{doomed}-not")

    found = seen_by(elf, doomed.parent, act)
    assert (found[0].first, found[0].name) == (AT_FDCWD, f"{doomed}-not"[:63])
    assert found[1].result == -errno.ENOENT


def test_ksyscall(doomed: Path) -> None:
    source = program('ksyscall("unlinkat")', "dfd, pathname, flag", "s.first = i32(dfd)", "s.name = pathname")
    elf = made(source + program('kretsyscall("unlinkat")', "ret", "s.result = ret", key=1))
    require_kprobes()
    folder = os.open(doomed.parent, os.O_DIRECTORY)
    try:
        found = seen_by(elf, doomed.parent, lambda: os.unlink(doomed.name, dir_fd=folder))
    finally:
        os.close(folder)
    assert (found[0].first, found[0].name) == (folder, doomed.name)
    assert found[1].result == 0


DENYING = """

@bpf.lsm("file_open")
def deny(file{annotation}) -> int:
    if task.current_pid() != wanted:
        return 0
    name: Annotated[str, 64] = file.f_path.dentry.d_name.name
    if name == "doomed-file":
        return -1
    return 0
"""


@pytest.mark.parametrize("annotation", ["", ": file"])
def test_lsm(annotation: str, doomed: Path) -> None:
    elf = made(DENYING.format(annotation=annotation))
    require_lsm()

    def act() -> None:
        with pytest.raises(PermissionError):
            doomed.read_text()
        Path("/proc/self/comm").read_text()

    seen_by(elf, doomed.parent, act)
    assert doomed.read_text() == "x"


def test_fmod_ret(doomed: Path) -> None:
    source = DENYING.replace('@bpf.lsm("file_open")', '@bpf.fmod_ret("security_file_open")')
    source = source.format(annotation=": file, ret: i32").replace("!= wanted:", "!= wanted or ret != 0:")
    elf = made(source)
    require("fmod_ret")

    def act() -> None:
        with pytest.raises(PermissionError):
            doomed.read_text()

    seen_by(elf, doomed.parent, act)
    assert doomed.read_text() == "x"
