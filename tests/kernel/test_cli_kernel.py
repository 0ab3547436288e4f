"""`pybpfc features` and `pybpfc list`: what they say is what the kernel says, in text and in JSON."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kernel_support import with_capabilities

from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.abi.program_types import PROGRAM_TYPES, SECTIONS
from pybpfc.cli.listing import KINDS
from pybpfc.cli.main import HOOKS
from pybpfc.lang.kernel_btf import vmlinux_btf
from pybpfc.runtime import features


def pybpfc(*words: str) -> subprocess.CompletedProcess[str]:
    code = "from pybpfc.cli import main; main()"
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, timeout=60)


def lines(*words: str) -> list[str]:
    done = pybpfc(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def document(*words: str) -> Any:
    return json.loads("\n".join(lines(*words, "--json")))


# ----------------------------------------------------------------------------------- features


def test_features_as_json() -> None:
    found = document("features")
    assert found["kernel"]["release"] == Path("/proc/sys/kernel/osrelease").read_text().strip()
    assert set(found["program_types"]) == set(PROGRAM_TYPES)
    assert set(found["map_types"]) == set(MAP_TYPES)
    assert set(found["sections"]) == {section.pattern for section in SECTIONS}
    assert found["instruction_set"]["v1"] == {"available": True, "since": "3.18"}
    xdp = found["program_types"]["BPF_PROG_TYPE_XDP"]
    assert xdp["available"]
    assert {"bpf_redirect_map", "bpf_map_lookup_elem"} <= set(xdp["helpers"])
    assert "bpf_skb_load_bytes" not in xdp["helpers"]
    assert found["map_types"]["BPF_MAP_TYPE_HASH"]["available"]
    for name, answer in found["program_types"].items():
        assert bool(answer["helpers"]) == answer["available"] == bool(features.have_program_type(name)), name


def test_features_as_tables() -> None:
    shown = lines("features")
    assert shown[0].startswith("kernel ")
    assert any(line.startswith("instruction set  v1 v2") for line in shown)
    xdp = next(line for line in shown if line.startswith("xdp "))
    assert xdp.split()[1:3] == ["yes", "4.8"]
    assert (
        int(xdp.split()[3])
        == len(lines("features", "--helpers", "xdp"))
        == len(document("features", "--helpers", "xdp"))
    )
    assert lines("features", "--helpers", "BPF_PROG_TYPE_XDP") == lines("features", "--helpers", "xdp")


def test_a_wrong_program_type() -> None:
    done = pybpfc("features", "--helpers", "xpd")
    assert done.returncode == 2
    assert "did you mean xdp?" in done.stderr


def test_who_may_not_ask_is_told_so() -> None:
    code = "import sys\nimport pybpfc.cli.main, pybpfc.cli.features\nfrom pybpfc.cli import main\n#---\n"
    done = with_capabilities(code + "sys.argv[1:] = ['features']\nmain()")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "CAP_" in done.stderr


def test_instruction_sets() -> None:
    levels = {level: bool(features.have_isa(level)) for level in features.isa_levels()}
    assert levels["v1"]
    order = ["v1", "v2", "v3", "atomics", "v4"]
    assert [levels[level] for level in order] == sorted((levels[level] for level in order), reverse=True)


def test_hooks_without_events_are_not_there() -> None:
    for pattern, event in (("kprobe", "kprobe"), ("uprobe", "uprobe")):
        assert bool(features.have_hook(pattern)) == Path(f"/sys/bus/event_source/devices/{event}/type").exists()
    assert features.have_hook("xdp")
    assert not features.have_hook("fentry") or features.have_section("fentry")


# --------------------------------------------------------------------------------------- list


def test_the_kinds_are_the_choices() -> None:
    assert tuple(KINDS) == HOOKS


def test_tracepoints_have_the_languages_types() -> None:
    assert lines("list", "tracepoint", "sched/sched_process_exec") == [
        "sched/sched_process_exec",
        "    filename: str",
        "    pid: i32",
        "    old_pid: i32",
    ]
    found = document("list", "tracepoint", "syscalls/sys_enter_open*")
    assert found["syscalls/sys_enter_openat"][1:] == ["dfd: u64", "filename: UserPtr[str]", "flags: u64", "mode: u64"]
    assert "sched/sched_switch" in lines("list", "tracepoint", "sched_*")
    assert lines("list", "tracepoint", "sched/sched_switch", "--no-fields") == ["sched/sched_switch"]
    assert document("list", "ksyscall", "openat")["openat"] == found["syscalls/sys_enter_openat"][1:]


@pytest.mark.parametrize(
    ("kind", "name", "field"),
    [
        ("raw_tracepoint", "sched_switch", "struct task_struct *prev"),
        ("tp_btf", "sched_switch", "struct task_struct *next"),
        ("kprobe", "vfs_read", "struct file *file"),
        ("fentry", "vfs_read", "returns ssize_t"),
        ("lsm", "file_open", "struct file *file"),
        ("iter", "task", "struct task_struct *task"),
        ("struct_ops", "tcp_congestion_ops", "u32 (*ssthresh)(struct sock *)"),
        ("kfunc", "bpf_task_acquire", "struct task_struct *p"),
        ("perf_event", "cpu_clock", "type 1, config 0"),
    ],
)
def test_other_hooks_have_the_kernels_types(kind: str, name: str, field: str) -> None:
    if not Path("/sys/kernel/btf/vmlinux").exists():
        pytest.skip("this kernel does not tell its types")
    if kind == "kfunc" and vmlinux_btf().find("bpf_kfunc", "DECL_TAG") is None:
        pytest.skip("this kernel's types do not mark the functions that programs may call")
    assert field in document("list", kind, f"{name[:-2]}*")[name]


def test_functions_of_files() -> None:
    assert "libc:malloc" in lines("list", "uprobe", "libc:mall*")
    for pattern, words in (
        ("malloc", "PATH:GLOB"),
        ("/nowhere:x", "no file /nowhere"),
        ("/etc/hostname:x", "executable"),
    ):
        done = pybpfc("list", "uprobe", pattern)
        assert done.returncode == 1
        assert words in done.stderr
        assert "Traceback" not in done.stderr


def test_nothing_found() -> None:
    done = pybpfc("list", "tracepoint", "nothing_of_this_name")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "pybpfc: there is no tracepoint whose name matches 'nothing_of_this_name'\n"
    assert document("list", "tracepoint", "nothing_of_this_name") == {}
    assert pybpfc("list", "nonsense").returncode == 2
