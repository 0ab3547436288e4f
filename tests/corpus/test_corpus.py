"""C programs of every kind: what libbpf loads on this kernel our loader loads; what both refuse, ours explains.

Each program is compiled in the run, loaded by `bpftool prog loadall` and by our loader, attached by neither.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pybpfc.diagnostics.errors import LoadError
from pybpfc.runtime import features
from pybpfc.runtime.loader import load_object

PROGRAMS = sorted((Path(__file__).parent / "programs").glob("*.c"))
CLANG = next((found for found in map(shutil.which, ("clang-22", "clang")) if found), "")

NO_TRAMPOLINE = "the kernel does not permit loading `prog`"
REFUSED = {
    "hook_fentry": NO_TRAMPOLINE,
    "hook_fexit_sleepable": NO_TRAMPOLINE,
    "hook_fmod_ret": NO_TRAMPOLINE,
    "hook_lsm": NO_TRAMPOLINE,
    "hook_lirc": "this kernel has no programs of type BPF_PROG_TYPE_LIRC_MODE2",
    "kfunc_missing": "`prog` uses `bpf_no_such_kfunc`, but this kernel has no function of that name",
    "kconfig_missing": "is not set in this kernel, and the object takes it for granted",
    "ksyms_missing": "`prog` uses `no_such_symbol`, but this kernel has no symbol of that name",
    "ksyms_typed": "failed to find the address for kernel symbol 'bpf_prog_active'",
    "map_arena": "arena's user address must be set via map_extra or mmap()",
    "rejected": "an ordinary number is used as an address",
    "unknown_section": "neither programs nor maps",
}
"""What our loader must say where both refuse; programs that neither is known to refuse anywhere have no place here."""

PENDING: dict[str, str] = {}
"""What is known to be missing in our loader; the tests tell when it is there."""


@pytest.fixture(scope="module")
def bpffs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    place = tmp_path_factory.mktemp("bpffs")
    mounted = subprocess.run(["mount", "-t", "bpf", "bpf", place], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no BPF file system can be mounted: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def compile_c(source: Path, target: Path) -> Path:
    includes = f"-I/usr/include/{os.uname().machine}-linux-gnu"
    command = [CLANG, "-target", "bpf", "-g", "-O2", includes, "-c", str(source), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def loaded_by_libbpf(path: Path, pins: Path) -> str:
    """What libbpf says against an object; nothing if it loads it."""
    command = ["bpftool", "prog", "loadall", str(path), str(pins)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    shutil.rmtree(pins, ignore_errors=True)
    # a program that is not to be loaded can't be pinned: bpftool fails there, libbpf has loaded the rest
    unpinned = "can't pin program that wasn't loaded" in done.stderr
    return (done.stderr or "refused") if done.returncode and not unpinned else ""


def refused_by_us(path: Path) -> str:
    """What our loader says against an object; nothing if it loads it."""
    try:
        load_object(path, attach=False).close()
    except LoadError as error:
        return str(error)
    return ""


def test_the_corpus_is_complete() -> None:
    names = {path.stem for path in PROGRAMS}
    assert len(names) >= 60
    assert set(REFUSED) | set(PENDING) <= names


@pytest.mark.skipif(not CLANG or not shutil.which("bpftool"), reason="clang or bpftool is missing")
@pytest.mark.skipif(features.refusal() is not None, reason="bpf() is not permitted here")
@pytest.mark.parametrize("source", PROGRAMS, ids=lambda path: path.stem)
def test_loads_what_libbpf_loads(source: Path, tmp_path: Path, bpffs: Path, request: pytest.FixtureRequest) -> None:
    name = source.stem
    if name in PENDING:
        request.applymarker(pytest.mark.xfail(reason=PENDING[name], strict=True))
    path = compile_c(source, tmp_path / f"{name}.o")
    theirs, ours = loaded_by_libbpf(path, bpffs / name), refused_by_us(path)
    if not theirs:
        assert ours == ""
    elif ours:
        assert name in REFUSED, f"both refuse it, ours without an expected message:\n{ours}\n{theirs}"
        assert REFUSED[name] in ours
    elif name in PENDING:
        pytest.fail(f"libbpf refuses what ours loads: {theirs}")


@pytest.mark.skipif(not CLANG, reason="clang is missing")
@pytest.mark.skipif(features.refusal() is not None, reason="bpf() is not permitted here")
def test_kernel_symbols_have_their_values(tmp_path: Path) -> None:
    path = compile_c(PROGRAMS[0].parent / "externs_run.c", tmp_path / "externs_run.o")
    symbols = (line.split() for line in Path("/proc/kallsyms").read_text().splitlines())
    address = next(int(parts[0], 16) for parts in symbols if parts[2] == "_stext")
    with load_object(path, attach=False) as loaded:
        assert loaded.programs["prog"].test_run(b"").retval == 7
        assert loaded.globals.address == address
