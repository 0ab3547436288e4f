"""Arguments of all kinds: many, by value, wide, of user space, enumerations; several functions at once, and within one."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kernel_support import LIBC, require, require_kprobes
from test_kernel_hooks import AT_FDCWD, made, program, seen_by

import pybpfc as bpf
from pybpfc.runtime.features import have_hook

USER = 1234
COPY = "file_in, pos_in, file_out, pos_out, len, flags"
COPIED = (7, 11, 5)


def both(function: str, parameters: str, *statements: str) -> str:
    """A kprobe (0) and an fentry program (1) that record the same."""
    first = program(f'kprobe("{function}")', parameters, *statements)
    return first + program(f'fentry("{function}")', parameters, *statements, key=1)


def seen_by_both(source: str, folder: Path, act: Callable[[], object]) -> list[Any]:
    """What both have seen, where this kernel has both."""
    elf = made(source)
    require_kprobes()
    require("fentry")
    found = seen_by(elf, folder, act)
    return [found[0], found[1]]


@pytest.mark.parametrize("annotated", [False, True])
def test_six_arguments(annotated: bool, tmp_path: Path) -> None:
    types = (": file", ": i64", ": file", ": i64", ": u64", ": u32") if annotated else ("",) * 6
    parameters = ", ".join(name + type for name, type in zip(COPY.split(", "), types, strict=True))
    statements = ("s.first = i64(pos_in) + i64(pos_out) * 100", "s.result = i64(u64(len)) + i64(flags)")
    source = both("vfs_copy_file_range", parameters, *statements, "s.name = file_out.f_path.dentry.d_name.name")
    (tmp_path / "source").write_bytes(bytes(64))

    def act() -> None:
        with (tmp_path / "source").open("rb") as start, (tmp_path / "target").open("wb") as end:
            os.copy_file_range(start.fileno(), end.fileno(), COPIED[2], COPIED[0], COPIED[1])

    for seen in seen_by_both(source, tmp_path, act):
        assert (seen.first, seen.result, seen.name) == (COPIED[0] + COPIED[1] * 100, COPIED[2], "target")


def test_pointers_to_user_memory(tmp_path: Path) -> None:
    parameters = "fd_in, off_in: bpf.UserPtr[i64], fd_out, off_out: bpf.UserPtr[i64], length: u64, flags: u32"
    statements = ("s.first = off_in.value + off_out[0] * 100", "s.result = i64(length) + i64(flags)")
    elf = made(program('ksyscall("copy_file_range")', parameters, *statements))
    require_kprobes()

    def act() -> None:
        start, end = ctypes.c_int64(COPIED[0]), ctypes.c_int64(COPIED[1])
        LIBC.copy_file_range(-1, ctypes.byref(start), -1, ctypes.byref(end), ctypes.c_size_t(COPIED[2]), 0)

    seen = seen_by(elf, tmp_path, act)[0]
    assert (seen.first, seen.result) == (COPIED[0] + COPIED[1] * 100, COPIED[2])


def test_text_of_user_space(tmp_path: Path) -> None:
    parameters = "opened: file, text: bpf.UserPtr[Annotated[str, 64]], count: u64"
    source = both("vfs_write", parameters, 'if opened.f_path.dentry.d_name.name != "written":', "    return 0")
    source = source.replace("    seen[", "    s.name = text.value\n    s.first = i64(count)\n    seen[")
    for seen in seen_by_both(source, tmp_path, lambda: (tmp_path / "written").write_bytes(b"some text\0more")):
        assert (seen.name, seen.first) == ("some text", 14)


def test_small_structs_by_value(tmp_path: Path) -> None:
    source = both("from_kuid_munged", "targ, kuid: u32", f"s.first = i64(kuid == {USER})", "s.result = kuid")
    source = source.replace("task.current_pid() != wanted", "kuid != 1234 or wanted == 0")
    code = f"import os; os.setuid({USER}); os.getuid()"

    def act() -> None:
        subprocess.run([sys.executable, "-c", code], check=True)

    for seen in seen_by_both(source, tmp_path, act):
        assert (seen.first, seen.result) == (1, USER)


def test_structs_of_two_words_by_value(tmp_path: Path) -> None:
    """What stands behind a `sockptr_t` is one word further on."""
    value = "s.result = bpf.cast(bpf.UserPtr[i32], optval).value"
    source = both(
        "tcp_setsockopt", "sk, level, optname, optval, optlen", "s.first = i64(optname) * 100 + optlen", value
    )

    def act() -> None:
        with socket.socket() as endpoint:
            endpoint.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 777)

    for seen in seen_by_both(source, tmp_path, act):
        assert (seen.first, seen.result) == (socket.TCP_MAXSEG * 100 + 4, 777)


def test_enumerations(tmp_path: Path) -> None:
    enum = "from pybpfc.vmlinux import hrtimer_mode\n"
    statements = ("s.first = i64(mode == hrtimer_mode.HRTIMER_MODE_REL)", "s.result = rqtp")
    source = enum + both("hrtimer_nanosleep", "rqtp: i64, mode, clockid", *statements)

    class Time(ctypes.Structure):
        _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))

    def act() -> None:
        LIBC.nanosleep(ctypes.byref(Time(0, 1_234_567)), None)

    for seen in seen_by_both(source, tmp_path, act):
        assert (seen.first, seen.result) == (1, 1_234_567)


def test_several_functions(tmp_path: Path) -> None:
    entry = program('kprobe_multi("do_unlinka*")', "dfd: i32, name: filename", "s.first = dfd", "s.name = name.name")
    elf = made(entry + program('kprobe_multi("do_unlinka*", retprobe=True)', "ret: i32", "s.result = ret", key=1))
    if not have_hook("kprobe.multi"):
        pytest.skip("this kernel has no links to several functions")
    doomed = tmp_path / "doomed"

    def act() -> None:
        with pytest.raises(FileNotFoundError):
            os.unlink(doomed)

    found = seen_by(elf, tmp_path, act)
    assert (found[0].first, found[0].name) == (AT_FDCWD, str(doomed)[:63])
    assert found[1].result == -2
    path = tmp_path / "hooks.o"
    with bpf.load(str(path), attach=False) as obj:
        assert obj.programs["prog_0"].attach().functions == ("do_unlinkat",)
        link = obj.programs["prog_0"].attach("do_unlink*")
        assert len(link.functions) >= 1
        with pytest.raises(bpf.AttachError, match="could not be attached") as failure:
            obj.programs["prog_0"].attach("no_function_is_called_so*")
        assert "can be traced" in (failure.value.cause or "")


def test_within_a_function(tmp_path: Path) -> None:
    """Behind its landing pad or behind the call for tracing: the arguments are still there."""
    at = {4: "s.result = 4", 5: "s.result = 5"}
    objects = {
        offset: made(
            program(f'kprobe("do_unlinkat", offset={offset})', "dfd, name: filename", result, "s.name = name.name")
        )
        for offset, result in at.items()
    }
    require_kprobes()
    doomed = tmp_path / "doomed"
    done = 0
    for offset, elf in objects.items():
        doomed.touch()
        try:
            found = seen_by(elf, tmp_path, lambda: os.unlink(doomed))
        except bpf.AttachError:
            continue  # in the middle of an instruction
        assert (found[0].result, found[0].name) == (offset, str(doomed)[:63])
        done += 1
    assert done >= 1
