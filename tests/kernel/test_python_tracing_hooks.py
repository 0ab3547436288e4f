"""Hooks of tracing, each by a program in Python that sees what this process does."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hook_proofs import HEAD, program, proves
from kernel_support import from_python, getppid, native_library, no_leak, require, require_hook, require_lsm

from pybpfc.diagnostics.errors import AttachError, VerifierError
from pybpfc.runtime import load_object, tracefs

OWN = """
own: Const[u32] = 0


@bpf.func
def is_own() -> bool:
    return u32(bpf_get_current_pid_tgid() >> 32) == own
"""

TIMES = 5


def counting(hook: str, parameters: str, *body: str, result: str = "0") -> bytes:
    """A program that counts its events in this process, with statements of its own behind that."""
    lines = ["global count, seen", "if is_own():", "    count += 1", *(f"    {line}" for line in body)]
    text = "\n".join(f"    {line}" for line in (*lines, f"return {result}"))
    return from_python(f"{HEAD}{OWN}\n\n@bpf.{hook}\ndef prog({parameters}) -> int:\n{text}\n")


def watch(elf: bytes, act: Callable[[], object], times: int = 1, **options: Any) -> Any:
    """The globals after `act`; nothing more is counted once the program is detached."""
    with no_leak(), load_object(elf, attach=False, consts={"own": os.getpid()}) as obj:
        with obj.prog.attach(**options):
            act()
        counted, seen = obj.globals.count, obj.globals.seen
        assert counted == times
        act()
        assert obj.globals.count == counted
        return seen


def require_patterns() -> None:
    """Skip where the kernel does not tell which functions it can trace: lockdown forbids even root to read that."""
    try:
        tracefs.read("available_filter_functions")
    except OSError as error:
        pytest.skip(f"this kernel does not tell which functions it can trace: {error}")


GETPGID = f"__{'x64' if os.uname().machine == 'x86_64' else 'arm64'}_sys_getpgid"


def getpgid(times: int = TIMES) -> None:
    """Ask the kernel for a number, so often."""
    for _ in range(times):
        os.getpgid(0)


# ------------------------------------------------------------------------------- kernel functions


@proves("kprobe", "kretprobe", "ksyscall", "kretsyscall")
@pytest.mark.parametrize("section", ["kprobe", "kretprobe", "ksyscall", "kretsyscall"])
def test_probes_of_functions(section: str) -> None:
    target = "getpgid" if "syscall" in section else GETPGID
    parameter, seen = ("ret: i64", "ret") if "ret" in section else ("ctx: bpf.KprobeContext", "0")
    elf = counting(f'{section}("{target}")', parameter, f"seen = u64({seen})")
    require_hook(section)
    assert watch(elf, getpgid, TIMES) == (os.getpgid(0) if "ret" in section else 0)


def test_a_probe_behind_the_entry() -> None:
    elf = counting(f'kprobe("{GETPGID}", offset=1)', "ctx: bpf.KprobeContext", "seen = ctx.ip")
    require_hook("kprobe")
    found: dict[int, int] = {}
    for offset in range(1, 16):  # where the instructions lie is the kernel's compiler's choice
        try:
            found[offset] = watch(elf, getpgid, TIMES, function=GETPGID, offset=offset)
        except AttachError as error:
            assert error.errno in (errno.EILSEQ, errno.EINVAL), error
    assert len(found) >= 2, "among 16 bytes several instructions begin"
    starts = {address - offset for offset, address in found.items()}
    assert len(starts) == 1, "each was hit in its own place"


@proves("kprobe.multi", "kretprobe.multi", "kprobe.session")
@pytest.mark.parametrize("section", ["kprobe.multi", "kretprobe.multi", "kprobe.session"])
def test_probes_of_several_functions(section: str) -> None:
    options = {"kprobe.multi": "", "kretprobe.multi": ", retprobe=True", "kprobe.session": ", session=True"}[section]
    body = "seen = bpf_get_attach_cookie(ctx)"
    elf = counting(f'kprobe_multi("*_sys_getpg?d"{options})', "ctx: bpf.KprobeContext", body)
    require_hook(section)
    require_patterns()
    each = 2 if "session" in section else 1
    assert watch(elf, getpgid, TIMES * each, cookie=77) == 77
    assert watch(elf, getpgid, TIMES * each, cookies={GETPGID: 1 << 40}, cookie=3) == 1 << 40
    with load_object(elf, attach=False) as obj, pytest.raises(AttachError) as caught:
        obj.prog.attach(cookies={"do_unlinkat": 1})
    assert "does not match" in caught.value.cause


@proves("fentry", "fentry.s", "fexit", "fexit.s")
@pytest.mark.parametrize("section", ["fentry", "fentry.s", "fexit", "fexit.s"])
def test_trampolines(section: str) -> None:
    kind, _, sleepable = section.partition(".")
    parameters, seen = ("regs, ret: i64", "u64(ret)") if kind == "fexit" else ("regs", "0")
    elf = counting(f'{kind}("{GETPGID}", sleepable={bool(sleepable)})', parameters, f"seen = {seen}")
    require(section)
    with may_not_sleep():
        assert watch(elf, getpgid, TIMES) == (os.getpgid(0) if kind == "fexit" else 0)


@contextlib.contextmanager
def may_not_sleep() -> Iterator[None]:
    """Skip where no program may sleep in a system call, which takes CONFIG_FUNCTION_ERROR_INJECTION."""
    try:
        yield
    except VerifierError as error:
        if "is not sleepable" not in error.log:
            raise
        pytest.skip("programs at functions of this kernel may not sleep (CONFIG_FUNCTION_ERROR_INJECTION)")


@proves("fmod_ret")
def test_a_changed_result(tmp_path: Path) -> None:
    path = tmp_path / "opened"
    path.write_text("")
    elf = counting('fmod_ret("security_file_open")', "file, ret: i32", "seen = u64(file.f_flags)", result="ret")
    require("fmod_ret")
    assert watch(elf, lambda: os.close(os.open(path, os.O_RDWR | os.O_APPEND))) & os.O_APPEND


@proves("lsm", "lsm.s")
@pytest.mark.parametrize("section", ["lsm", "lsm.s"])
def test_lsm(section: str, tmp_path: Path) -> None:
    elf = counting(f'lsm("file_open", sleepable={section == "lsm.s"})', "file", "seen = u64(file.f_flags)")
    require(section)
    require_lsm()
    path = tmp_path / "opened"
    path.write_text("")

    def act() -> None:
        os.close(os.open(path, os.O_RDWR | os.O_APPEND))

    assert watch(elf, act) & os.O_APPEND


# ------------------------------------------------------------------------------------ tracepoints


@proves("tracepoint")
def test_tracepoint() -> None:
    elf = counting('tracepoint("syscalls/sys_exit_getppid")', "ctx: bpf.TracepointContext", "seen = u64(ctx.ret)")
    assert watch(elf, lambda: getppid(TIMES), TIMES) == os.getppid()


SYS_GETPPID = {"x86_64": 110, "aarch64": 173}[os.uname().machine]


@proves("raw_tracepoint", "tp_btf")
@pytest.mark.parametrize("section", ["raw_tracepoint", "tp_btf"])
def test_arguments_of_tracepoints(section: str) -> None:
    body = (f"if id == {SYS_GETPPID}:", "    seen += 1")
    elf = counting(f'{section}("sys_enter")', "regs, id: i64", *body)
    require(section)
    with no_leak(), load_object(elf, attach=False, consts={"own": os.getpid()}) as obj:
        with obj.prog.attach():
            getppid(TIMES)
        assert obj.globals.seen == TIMES
        assert obj.globals.count >= TIMES


@proves("raw_tracepoint.w")
def test_writable_arguments_are_there_where_the_kernel_has_them() -> None:
    elf = counting('raw_tracepoint("sys_enter", writable=True)', "ctx: bpf.RawTracepointContext", "seen = 1")
    require("raw_tracepoint.w")
    assert_attaches_and_counts(elf)


def assert_attaches_and_counts(elf: bytes) -> None:
    with no_leak(), load_object(elf, attach=False, consts={"own": os.getpid()}) as obj:
        with obj.prog.attach():
            getppid(TIMES)
        assert obj.globals.count >= TIMES
        assert obj.globals.seen == 1


# ------------------------------------------------------------------------------------- user space

SOURCE = """
__attribute__((noinline)) int own_one(int n) { __asm__ volatile(""); return n + 1; }
__attribute__((noinline)) int own_two(int n) { __asm__ volatile(""); return n + 2; }
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return native_library(SOURCE, tmp_path)


@proves("uprobe", "uprobe.s", "uretprobe", "uretprobe.s")
@pytest.mark.parametrize("section", ["uprobe", "uprobe.s", "uretprobe", "uretprobe.s"])
def test_functions_of_a_library(section: str, library: Path) -> None:
    kind, _, sleepable = section.partition(".")
    elf = counting(f'{kind}("library.so:own_one", sleepable={bool(sleepable)})', "n: i32", "seen = u64(n)")
    require_hook(section)
    own = ctypes.CDLL(str(library))
    found = watch(elf, lambda: own.own_one(41), target=f"{library}:own_one", pid=os.getpid())
    assert found == (42 if kind == "uretprobe" else 41)


MULTI = {
    "uprobe.multi": "",
    "uprobe.multi.s": ", sleepable=True",
    "uretprobe.multi": ", retprobe=True",
    "uretprobe.multi.s": ", retprobe=True, sleepable=True",
    "uprobe.session": ", session=True",
    "uprobe.session.s": ", session=True, sleepable=True",
}


@proves(*MULTI)
@pytest.mark.parametrize("section", MULTI)
def test_several_functions_of_a_library(section: str, library: Path) -> None:
    body = "seen = (seen << 8) + bpf_get_attach_cookie(ctx)"
    elf = counting(f'uprobe_multi("library.so:own_*"{MULTI[section]})', "ctx: bpf.UprobeContext", body)
    require_hook(section)
    own = ctypes.CDLL(str(library))

    def act() -> None:
        own.own_one(1)
        own.own_two(1)

    where = {"target": f"{library}:own_*", "pid": os.getpid()}
    both = 4 if "session" in section else 2
    found = watch(elf, act, both, **where, cookie=7, cookies={"own_two": 9})
    assert found == (0x0707_0909 if "session" in section else 0x0709)
    with load_object(elf, attach=False) as obj, pytest.raises(AttachError) as caught:
        obj.prog.attach(f"{library}:nobody*", pid=os.getpid())
    assert "no function" in caught.value.cause


# ----------------------------------------------------------------------------------------- others


@proves("perf_event")
def test_perf_event() -> None:
    elf = counting('perf_event(event="cpu_clock", freq=500)', "ctx: bpf.PerfEventContext", "seen = ctx.sample_period")

    def act() -> None:
        end = time.process_time() + 0.2
        while time.process_time() < end:
            pass

    with no_leak(), load_object(elf, attach=False, consts={"own": os.getpid()}) as obj:
        with obj.prog.attach(event="cpu_clock", freq=500, pid=os.getpid()):
            act()
        counted = obj.globals.count
        assert counted >= 10
        assert obj.globals.seen > 0
        act()
        assert obj.globals.count == counted


@proves("iter", "iter.s")
@pytest.mark.parametrize("section", ["iter", "iter.s"])
def test_iterator(section: str) -> None:
    body = ("task = ctx.task", "if task is not None:", "    if u32(task.tgid) == own:", "        seen += 1")
    hook = f'iter("task", sleepable={section == "iter.s"})'
    elf = program(hook, "ctx: bpf.IterContext", *body, "return 0", head=OWN)
    require(section)
    with no_leak(), load_object(elf, attach=False, consts={"own": os.getpid()}) as obj:
        with obj.prog.attach() as link:
            link.read()
        assert obj.globals.seen == len(os.listdir("/proc/self/task"))


@proves("syscall")
def test_syscall() -> None:
    elf = program("syscall", "ctx: bpf.SyscallContext", "seen = bpf_ktime_get_ns()", "return 7")
    require("syscall")
    with no_leak(), load_object(elf, attach=False) as obj:
        assert obj.prog.test_run().retval == 7
        assert obj.globals.count == 1
        assert abs(obj.globals.seen - time.clock_gettime_ns(time.CLOCK_MONOTONIC)) < 5e9

