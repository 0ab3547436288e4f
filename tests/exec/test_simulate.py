"""`bpf.simulate`: everything that a run can be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from language import module

import pybpfc as bpf
from pybpfc.vm import Task

PROGRAM = """
limit: bpf.Const[u32] = 0
pid: bpf.Global[u64] = 0
random: bpf.Global[u32] = 0
value: bpf.Global[u64] = 0
per_cpu = bpf.PerCpuArray[u64](max_entries=1)
counts = bpf.HashMap[u32, u64](max_entries=4)

@bpf.tracepoint("syscalls/sys_enter_openat")
def prog(ctx: bpf.TracepointContext) -> int:
    global pid, random, value
    pid = bpf_get_current_pid_tgid()
    random = bpf_get_prandom_u32()
    bpf_probe_read_kernel(value, 0xffff_8000_1000)
    per_cpu[0] += 1
    counts[limit] += u64(ctx.dfd)
    return 0
"""


@pytest.fixture(scope="module")
def prog(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return module(tmp_path_factory.mktemp("simulate"), PROGRAM).prog


def test_what_a_run_is_told(prog: Any) -> None:
    result = bpf.simulate(
        prog,
        ctx={"dfd": 5},
        maps={"counts": {7: 100}},
        helpers={"bpf_get_prandom_u32": 4},
        memory={0xFFFF_8000_1000: (77).to_bytes(8, "little")},
        task=Task(pid=12, tid=34),
        cpus=3,
        limit=7,
    )
    assert (result.retval, result.globals.pid, result.globals.random) == (0, 12 << 32 | 34, 4)
    assert result.globals.value == 77
    assert result.maps["counts"][7] == 105
    assert list(result.maps["per_cpu"][0]) == [1, 0, 0]


def test_the_seed(prog: Any) -> None:
    def random(**options: Any) -> int:
        return int(bpf.simulate(prog, **options).globals.random)

    assert random(seed=1) == random(seed=1) != random(seed=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": 4}, "`task` is a `pybpfc.vm.Task`, not 4"),
        ({"cpus": 0}, "1 to 8192 CPUs, not 0"),
        ({"cpus": "a"}, "1 to 8192 CPUs, not 'a'"),
        ({"cpus": 10**9}, "1 to 8192 CPUs, not 1000000000"),
        ({"seed": "a"}, "`seed` is an integer, not 'a'"),
        ({"externs": 3}, "`externs` is a dict, not 3"),
        ({"externs": {"CONFIG_HZ": "y"}}, "`CONFIG_HZ` is a number or bytes, not 'y'"),
        ({"externs": {"CONFIG_HZ": 1 << 64}}, "does not fit 64 bits"),
        ({"helpers": 3}, "`helpers` is a dict, not 3"),
        ({"helpers": {"bpf_ktime_get": 3}}, "there is no helper `bpf_ktime_get`"),
        ({"helpers": {"bpf_ktime_get_ns": [3]}}, r"`bpf_ktime_get_ns` is stood in for by .* not \[3\]"),
        ({"memory": 4}, "`memory` is a dict, not 4"),
        ({"maps": 4}, "`maps` gives contents by map name, as a dict, not 4"),
        ({"maps": {"nothing": {}}}, "no map `nothing`"),
        ({"nothing": 4}, "no constant or global `nothing`"),
    ],
)  # fmt: skip
def test_what_it_cannot_be_told(prog: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(bpf.VmError, match=message):
        bpf.simulate(prog, **options)


def test_programs_only(tmp_path: Path) -> None:
    wrong: Any = tmp_path
    with pytest.raises(TypeError, match="runs a decorated program, not PosixPath"):
        bpf.simulate(wrong)
