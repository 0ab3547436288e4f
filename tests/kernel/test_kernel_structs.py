"""Programs read the kernel's structs: what they find is what /proc and the kernel's own description say."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import kernel_structs_programs as programs
import pytest
from kernel_support import LIBC, from_python

import pybpfc as bpf
from pybpfc.formats.btf import Btf
from pybpfc.formats.object_reader import parse_object
from pybpfc.runtime.kconfig import kernel_options
from pybpfc.vm import Machine

VMLINUX = Path("/sys/kernel/btf/vmlinux")
BPFTOOL = "/usr/sbin/bpftool"
NAME = "pybpfc-test"
SCHED_RESET_ON_FORK = 0x40000000
PR_SET_NAME = 15
TICK = 10**9 // os.sysconf("SC_CLK_TCK")

described = pytest.mark.skipif(not VMLINUX.exists(), reason="the kernel does not describe its types")


@contextmanager
def loaded(source: str, folder: Path, **options: Any) -> Iterator[Any]:
    path = folder / "kernel_types.o"
    path.write_bytes(from_python(source))
    with bpf.load(str(path), **options) as found:
        yield found


def wait_for(table: Any, key: int) -> Any:
    """An entry that a program makes at some system call of ours."""
    for _ in range(100):
        os.getppid()
        if (found := table.get(key)) is not None:
            return found
        time.sleep(0.01)
    raise AssertionError("the program did not run")


def stat_of(pid: int | str) -> list[str]:
    """The fields of /proc/PID/stat behind the name."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


@pytest.fixture
def named() -> Iterator[None]:
    """A name that nothing else has."""
    before = Path("/proc/self/comm").read_bytes().strip()
    LIBC.prctl(PR_SET_NAME, NAME.encode(), 0, 0, 0)
    yield
    LIBC.prctl(PR_SET_NAME, before, 0, 0, 0)


@pytest.fixture
def reset_on_fork() -> Iterator[None]:
    """A bit of this task that can be set: `sched_reset_on_fork`."""
    os.sched_setscheduler(0, os.SCHED_OTHER | SCHED_RESET_ON_FORK, os.sched_param(0))
    yield
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@described
@pytest.mark.usefixtures("named", "reset_on_fork")
@pytest.mark.parametrize("case", programs.CURRENT_TASK)
def test_the_current_task(case: str, tmp_path: Path) -> None:
    with loaded(programs.CURRENT_TASK[case], tmp_path, wanted=os.getpid()) as obj:
        row = wait_for(obj.maps["rows"], programs.KEY)
    assert row.pid == os.getpid()
    assert row.ppid == os.getppid()
    assert row.comm == NAME
    assert row.start // TICK == int(stat_of("self")[19])
    assert row.exe == Path(os.readlink("/proc/self/exe")).name[:31]
    assert row.session == os.getsid(0)
    assert row.number == os.getpid()
    assert row.reset == 1
    assert row.same & 63 == 2 | 4 | 8 | 16
    assert bool(row.same & 64) == (row.exe in ("python3.11", "python3.12", "python3.13"))


@described
@pytest.mark.parametrize("wrong", [0, 1])
def test_fields_in_conditions(wrong: int, tmp_path: Path) -> None:
    with loaded(programs.CONDITIONS, tmp_path, parent=os.getpid() + wrong) as obj:
        with subprocess.Popen(["/bin/true"]) as child:
            child.wait()
        assert [row.pid for row in obj.maps["rows"].values()] == ([] if wrong else [child.pid])


@described
def test_loads_are_direct() -> None:
    """What the verifier follows needs no helper but for text, bit-fields and variable indices."""
    calls = {case: _calls(from_python(source)) for case, source in programs.CURRENT_TASK.items()}
    assert calls["loads, declared"] == calls["loads, from BTF"]
    assert calls["probes, declared"] == calls["probes, from BTF"]
    assert calls["loads, declared"]["bpf_probe_read_kernel"] < calls["probes, declared"]["bpf_probe_read_kernel"]


@described
def test_annotations_keep_what_the_verifier_knows() -> None:
    assert "bpf_probe_read_kernel" not in _calls(from_python(programs.ITERATORS))


def _calls(elf: bytes) -> dict[str, int]:
    from pybpfc.abi.helpers import HELPERS

    numbers = {helper.id: name for name, helper in HELPERS.items()}
    out: dict[str, int] = {}
    for program in parse_object(elf).programs.values():
        for at in range(0, len(program.insns), 8):
            op, registers, _, imm = struct.unpack_from("<BBhi", program.insns, at)
            if op == 0x85 and registers >> 4 == 0:
                out[numbers[imm]] = out.get(numbers[imm], 0) + 1
    return out


@described
@pytest.mark.parametrize("case", programs.EXECS)
def test_arguments_of_tracepoints(case: str, tmp_path: Path) -> None:
    with loaded(programs.EXECS[case], tmp_path, wanted=os.getpid()) as obj:
        with subprocess.Popen(["/bin/true"]) as child:
            child.wait()
        found = {key: obj.maps["execs"][key] for key in (1, 2)}
    for row in found.values():
        assert (row.pid, row.before, row.filename) == (child.pid, child.pid, "/bin/true")


LINE = struct.Struct("<iiiiQ16s")


@bpf.struct
class Line:
    pid: bpf.i32
    others: Annotated[bytes, 20]
    comm: Annotated[str, 16]


@bpf.struct
class Odd:
    part: Annotated[bytes, 4099]


@described
@pytest.mark.parametrize("name", ["by_context", "by_name"])
def test_iterators(name: str, tmp_path: Path) -> None:
    with loaded(programs.ITERATORS, tmp_path, attach=False) as obj, obj.programs[name].attach() as link:
        seen = {line[0]: line for line in LINE.iter_unpack(link.read())}
        assert {record.pid for record in link.records(Line)} >= {os.getpid(), os.getppid()}
        with pytest.raises(bpf.CodecError, match="`Odd` of 4099 bytes"):
            link.records(Odd)
    compared = 0
    for pid in [int(p) for p in os.listdir("/proc") if p.isdigit()]:
        try:
            stat = stat_of(pid)
        except OSError:
            continue  # it is gone
        if pid in seen:
            _, tgid, _, _, start, _ = seen[pid]
            assert (tgid, start // TICK) == (pid, int(stat[19]))
            compared += 1
    assert compared > 3
    _, _, ppid, _, _, comm = seen[os.getpid()]
    assert (ppid, comm.rstrip(b"\0")) == (os.getppid(), Path("/proc/self/comm").read_bytes().strip())


@described
def test_questions(tmp_path: Path) -> None:
    with loaded(programs.QUESTIONS, tmp_path, wanted=os.getpid()) as obj:
        a = wait_for(obj.maps["answers"], 0)
    btf = Btf(VMLINUX.read_bytes())
    task, signal = btf.find("task_struct", "STRUCT"), btf.find("signal_struct", "STRUCT")
    kinds = btf.find("pid_type", "ENUM")
    assert task is not None
    assert signal is not None
    assert kinds is not None
    members = {m.name: m for m in task.members}
    assert a.state >> 32 == (2 if "__state" in members else 1)
    assert (a.never, a.struct, a.none, a.unheard) == (0, 0, 0, 2)
    assert a.session == dict(kinds.enumerators)["PIDTYPE_SID"]
    assert (a.size, a.offset, a.comm) == (task.size, members["comm"].offset // 8, 16)
    assert a.inner == next(m.offset // 8 for m in signal.members if m.name == "pids")
    assert a.id == task.id
    assert (a.like, a.unlike) == (1, 0)


@pytest.mark.skipif(not os.path.exists(BPFTOOL), reason="no bpftool")
@pytest.mark.parametrize(
    "source", [*programs.CURRENT_TASK.values(), programs.QUESTIONS, programs.KCONFIG], ids=lambda s: str(len(s))
)
def test_libbpf_loads_the_objects(source: str, tmp_path: Path) -> None:
    path, pin = tmp_path / "made.o", Path(f"/sys/fs/bpf/pybpfc-test-{os.getpid()}")
    path.write_bytes(from_python(source))
    done = subprocess.run([BPFTOOL, "prog", "load", str(path), str(pin)], capture_output=True, text=True, check=False)
    pin.unlink(missing_ok=True)
    assert done.returncode == 0, done.stderr


def options_of_kernel() -> dict[str, str]:
    """The kernel's build options; skips where it does not tell."""
    try:
        return kernel_options()
    except bpf.LoadError as error:
        pytest.skip(error.message)


def test_kconfig(tmp_path: Path) -> None:
    options = options_of_kernel()
    numbers = re.findall(r"\d+", os.uname().release)[:3]
    version = int(numbers[0]) << 16 | int(numbers[1]) << 8 | min(int(numbers[2]), 255)
    with loaded(programs.KCONFIG, tmp_path, attach=False) as obj:
        assert obj.programs["prog"].test_run(data=bytes(64)).retval == 2
        found = obj.globals
        assert (found.hz, found.version, found.bits) == (int(options["CONFIG_HZ"]), version, 1 | 4)
        assert (chr(found.letter), found.text) == ("y", options.get("CONFIG_DEFAULT_HOSTNAME", "").strip('"'))
        assert int(options["CONFIG_HZ"]) == found.CONFIG_HZ
        assert found.CONFIG_BPF_SYSCALL is True


def test_kconfig_in_the_machine() -> None:
    given = {"CONFIG_HZ": 0, "CONFIG_BPF_SYSCALL": 0, "CONFIG_NEVER_HEARD_OF": 1, "CONFIG_BPF": ord("m")}
    machine = Machine(
        parse_object(from_python(programs.KCONFIG)), externs={**given, "CONFIG_DEFAULT_HOSTNAME": bytes(32)}
    )
    assert machine.run("prog", data=bytes(64)).retval == 1


def test_a_value_that_does_not_fit(tmp_path: Path) -> None:
    source = programs.KCONFIG.replace('bpf.kconfig("CONFIG_BPF", u8)', 'u8(bpf.kconfig("CONFIG_BPF", u32))')
    from_python(source)
    options_of_kernel()
    failing = pytest.raises(bpf.LoadError, match="`CONFIG_BPF` is `y` in this kernel")
    with failing as failure, loaded(source, tmp_path, attach=False):
        pass
    assert "`bool`" in (failure.value.remedy or "")
