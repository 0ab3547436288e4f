"""Kernel functions and symbols: Python's programs and clang's, with what this kernel has and what it lacks."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kernel_support import from_c, from_python, no_leak, require

from pybpfc.abi.kfuncs import KFUNCS
from pybpfc.abi.versions import running
from pybpfc.diagnostics.errors import LoadError, VerifierError
from pybpfc.lang.kernel_btf import vmlinux_btf
from pybpfc.runtime.ksyms import kernel_address
from pybpfc.runtime.loader import load_object

DECLARED = """
import pybpfc as bpf
from pybpfc import i32, u32, u64
from pybpfc.stdlib import task as tasks
from pybpfc.uapi import TC_ACT_OK, TC_ACT_SHOT


@bpf.kernel_struct
class task_struct:
    pid: i32
    tgid: i32
    real_parent: "task_struct"


@bpf.kernel_struct
class cpumask:
    bits: bpf.Ptr[u64]


@bpf.kernel_struct
class bpf_cpumask:
    cpumask: bpf.Embedded[cpumask]


@bpf.kfunc(since="6.2", acquire=True)
def bpf_task_from_pid(pid: i32) -> task_struct | None: ...


@bpf.kfunc(since="6.2", release=True)
def bpf_task_release(p: task_struct) -> None: ...


@bpf.kfunc(acquire=True)
def bpf_cpumask_create() -> bpf_cpumask | None: ...


@bpf.kfunc(release=True)
def bpf_cpumask_release(mask: bpf_cpumask) -> None: ...


@bpf.kfunc
def bpf_cpumask_set_cpu(cpu: u32, mask: bpf_cpumask) -> None: ...


@bpf.kfunc
def bpf_cpumask_test_cpu(cpu: u32, mask: cpumask) -> bool: ...


@bpf.kfunc
def bpf_cpumask_weight(mask: cpumask) -> u32: ...


@bpf.kfunc
def bpf_never_heard_of(x: u32) -> u32: ...


wanted: bpf.Const[i32] = 0
ppid: bpf.Global[i32] = 0
seen: bpf.Global[u32] = 0
"""

TASKS = """

@bpf.tc
def prog(ctx: bpf.SkBuff) -> int:
    global ppid, seen
    task = bpf_task_from_pid(wanted)
    if task is None:
        return TC_ACT_SHOT
    ppid = task.real_parent.tgid
    bpf_task_release(task)
    with bpf.rcu_read_lock():
        if ppid:
            return TC_ACT_OK
        seen |= 1
    return TC_ACT_SHOT
"""

MASKS = """

@bpf.tp_btf("sys_enter")
def masks(regs, number: u64):
    global seen
    if tasks.current_pid() != u32(wanted) or number != GETPID:
        return
    mask = bpf_cpumask_create()
    if mask is None:
        return
    bpf_cpumask_set_cpu(0, mask)
    if bpf_cpumask_test_cpu(0, mask):
        seen |= u32(1) << bpf_cpumask_weight(mask)
    bpf_cpumask_release(mask)
"""

ASKED = """

@bpf.tc
def asks(ctx: bpf.SkBuff) -> int:
    global seen
    if bpf.ksym_exists(bpf_never_heard_of):
        seen |= bpf_never_heard_of(3)
    else:
        seen |= 2
    if bpf.ksym_exists(bpf_task_from_pid):
        task = bpf_task_from_pid(wanted)
        if task is not None:
            seen |= 4
            bpf_task_release(task)
    else:
        seen |= 8
    return TC_ACT_OK
"""

CALLED = DECLARED + "\n\n@bpf.tc\ndef calls(ctx: bpf.SkBuff) -> int:\n    return i32(bpf_never_heard_of(1))\n"


def has_task_from_pid() -> bool:
    return running() >= KFUNCS["bpf_task_from_pid"].since


@contextlib.contextmanager
def loaded(source: str) -> Iterator[Any]:
    consts = {"wanted": os.getpid()}
    vmlinux_btf()  # which stays open
    with no_leak(), load_object(from_python(DECLARED + source), attach=False, consts=consts) as obj:
        yield obj


@pytest.mark.parametrize("source", ["declared", "from BTF"])
def test_a_task_by_its_number(source: str) -> None:
    text = TASKS
    if source == "from BTF":
        names = "bpf_task_from_pid, bpf_task_release"
        text = f"\nfrom pybpfc.kfuncs import {names}\nfrom pybpfc.vmlinux import task_struct\n{TASKS}"
    if not has_task_from_pid():
        with pytest.raises(LoadError, match="`bpf_task_from_pid`, but this kernel has no function of that name"):
            load_object(from_python(DECLARED + text), attach=False)
        return
    with loaded(text) as obj:
        assert obj.programs["prog"].test_run(data=bytes(64)).retval == 0
        assert obj.globals.ppid == os.getppid()
        assert obj.globals.seen == 0


def test_masks_of_cpus() -> None:
    if running() < KFUNCS["bpf_cpumask_create"].since:
        pytest.skip("this kernel has no masks of CPUs for programs (they came with 6.3)")
    if vmlinux_btf().find("bpf_cpumask_weight", "FUNC") is None:
        pytest.skip("this kernel does not count the CPUs of a mask (that came with 6.8)")
    number = 39 if os.uname().machine == "x86_64" else 172
    with loaded(MASKS.replace("GETPID", str(number))) as obj, contextlib.closing(obj.programs["masks"].attach()):
        ctypes.CDLL(None).syscall(number)
        assert obj.globals.seen == 1 << 1


def test_what_may_be_missing() -> None:
    with loaded(ASKED) as obj:
        assert obj.programs["asks"].test_run(data=bytes(64)).retval == 0
        assert obj.globals.seen == (2 | 4 if has_task_from_pid() else 2 | 8)


def test_a_call_of_what_is_missing() -> None:
    with no_leak(), pytest.raises(LoadError, match="`bpf_never_heard_of`, but this kernel has no function") as caught:
        load_object(from_python(CALLED), attach=False)
    assert "bpf.ksym_exists" in (caught.value.remedy or "")


def test_libbpf_loads_them_too(tmp_path: Path) -> None:
    tool = shutil.which("bpftool") or "/usr/sbin/bpftool"
    if not os.path.exists(tool):
        pytest.skip("bpftool is not installed")
    if not has_task_from_pid():
        pytest.skip("this kernel has no tasks by number (they came with 6.2)")
    path, pinned = tmp_path / "kfuncs.o", f"/sys/fs/bpf/kfuncs-{os.getpid()}"
    path.write_bytes(from_python(DECLARED + TASKS + ASKED))
    try:
        done = subprocess.run([tool, "prog", "loadall", path, pinned], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        shown = subprocess.run(
            [tool, "-j", "prog", "show", "pinned", f"{pinned}/asks"], capture_output=True, check=True
        )
        assert json.loads(shown.stdout)["name"] == "asks"
    finally:
        shutil.rmtree(pinned, ignore_errors=True)


# ---------------------------------------------------------------------------- clang's objects

SYMBOLS = """
#define __ksym __attribute__((section(".ksyms")))
#define __weak __attribute__((weak))
extern const void vfs_read __ksym;
extern const void never_heard_of __ksym __weak;
extern int bpf_no_such_thing(int pid) __ksym __weak;
__u64 addr; int absent;
SEC("tc") int prog(struct __sk_buff *c) {
    addr = (__u64)&vfs_read;
    if (&never_heard_of) absent += 100;
    if (bpf_no_such_thing) absent += bpf_no_such_thing(1); else absent += 7;
    return 3;
}
"""


def test_addresses_and_weak_symbols() -> None:
    require("tc")
    with no_leak(), load_object(from_c(SYMBOLS), attach=False) as obj:
        assert obj.programs["prog"].test_run(data=bytes(64)).retval == 3
        assert obj.globals.absent == 7
        with open("/proc/kallsyms") as file:
            (address,) = (int(line.split()[0], 16) for line in file if line.split()[2:] == ["vfs_read"])
        assert obj.globals.addr == address


TYPED = """
#define __ksym __attribute__((section(".ksyms")))
extern const int NAME __ksym;
static void *(*per_cpu)(const void *, __u32) = (void *)153;
int found;
SEC("tc") int prog(struct __sk_buff *c) {
    int *value = per_cpu(&NAME, 0);
    if (value) found = 1;
    return 3;
}
"""


OF_EACH_CPU = ("bpf_prog_active", "numa_node", "cpu_number", "process_counts")
"""Variables of the kernel that are an `int` for each CPU; not all kernels tell all of them."""


def is_known_int(name: str) -> bool:
    """Whether this kernel has the variable, with a type and an address."""
    btf = vmlinux_btf()
    variable = btf.find(name, "VAR")
    kind = btf.skip_modifiers(variable.type) if variable is not None else None
    return kind is not None and kind.kind == "INT" and kind.size == 4 and bool(kernel_address(name))


def test_typed_variables() -> None:
    require("tc")
    objects = {name: from_c(TYPED.replace("NAME", name)) for name in OF_EACH_CPU}
    name = next((name for name in OF_EACH_CPU if is_known_int(name)), None)
    if name is None:
        pytest.skip("this kernel tells no types, or no addresses (CONFIG_KALLSYMS_ALL), of variables")
    with no_leak(), load_object(objects[name], attach=False) as obj:
        assert obj.programs["prog"].test_run(data=bytes(64)).retval == 3
        assert obj.globals.found == 1


def test_a_declaration_that_does_not_fit() -> None:
    if not has_task_from_pid():
        pytest.skip("this kernel has no tasks by number (they came with 6.2)")
    source = DECLARED.replace("(pid: i32) -> task_struct | None", "(pid: i32, more: u64) -> task_struct | None")
    source += TASKS.replace("bpf_task_from_pid(wanted)", "bpf_task_from_pid(wanted, 1)")
    with no_leak(), pytest.raises(LoadError, match="declared otherwise than this kernel has it") as caught:
        load_object(from_python(source), attach=False)
    assert "bpf_task_from_pid" in caught.value.message


def test_a_function_that_programs_of_this_type_may_not_call() -> None:
    if running() < KFUNCS["bpf_cpumask_create"].since:
        pytest.skip("this kernel has no masks of CPUs for programs (they came with 6.3)")
    source = "\n\n@bpf.tc\ndef prog(ctx: bpf.SkBuff) -> int:\n    mask = bpf_cpumask_create()\n"
    source += "    if mask is not None:\n        bpf_cpumask_release(mask)\n    return TC_ACT_OK\n"
    with no_leak(), pytest.raises(VerifierError, match="calling kernel function bpf_cpumask_create is not allowed"):
        load_object(from_python(DECLARED + source), attach=False)


# ------------------------------------------------------------------------- symbols in Python

ADDRESSES = """

address: bpf.Global[u64] = 0
missing: bpf.Global[u64] = 7


@bpf.tc
def prog(ctx: bpf.SkBuff) -> int:
    global address, missing
    address = bpf.ksym("vfs_read")
    missing = bpf.ksym("never_heard_of", weak=True)
    return TC_ACT_OK
"""

OF_CPUS = """

from pybpfc.helpers import bpf_per_cpu_ptr, bpf_this_cpu_ptr

here: bpf.Global[i32] = -77
there: bpf.Global[i32] = -77


@bpf.tc
def prog(ctx: bpf.SkBuff) -> int:
    global here, there
    variable = bpf.ksym("NAME", i32)
    here = bpf_this_cpu_ptr(variable).value
    first = bpf_per_cpu_ptr(variable, 0)
    if first is not None:
        there = first.value
    return TC_ACT_OK
"""


def test_addresses_by_name() -> None:
    with loaded(ADDRESSES) as obj:
        assert obj.programs["prog"].test_run(data=bytes(64)).retval == 0
        assert obj.globals.address == kernel_address("vfs_read") != 0
        assert obj.globals.missing == 0
    source = DECLARED + ADDRESSES.replace(", weak=True", "")
    with no_leak(), pytest.raises(LoadError, match="`never_heard_of`, but this kernel has no symbol of that name"):
        load_object(from_python(source), attach=False)


def test_variables_of_each_cpu() -> None:
    require("tc")
    sources = {name: DECLARED + OF_CPUS.replace("NAME", name) for name in OF_EACH_CPU}
    objects = {name: from_python(source) for name, source in sources.items()}
    name = next((name for name in OF_EACH_CPU if is_known_int(name)), None)
    if name is None:
        pytest.skip("this kernel tells no types, or no addresses (CONFIG_KALLSYMS_ALL), of variables")
    with no_leak(), load_object(objects[name], attach=False) as obj:
        assert obj.programs["prog"].test_run(data=bytes(64)).retval == 0
        assert obj.globals.here != -77
        assert obj.globals.there != -77
