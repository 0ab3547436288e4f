"""The objects of the examples under libbpf (bpftool): they load, and the kernel quotes their Python lines."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from pybpfc.compiler import compile_source, import_file

EXAMPLES = Path(__file__).parents[2] / "examples"
QUOTED = {
    "opensnoop": "opens[pid] += 1",
    "execsnoop": "event.argc = u32(i + 1)",
    "syscount": "calls[u64(ctx.id)] += 1",
    "xdp_count": "packets[protocol] += 1",
}

pytestmark = pytest.mark.skipif(shutil.which("bpftool") is None, reason="bpftool is not installed")


@pytest.mark.parametrize("name", QUOTED)
def test_bpftool_loads_the_object_and_quotes_python(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.o"
    made = compile_source(import_file(str(EXAMPLES / f"{name}.py")))
    made.write(path)
    pinned = f"/sys/fs/bpf/pybpfc-test-{os.getpid()}-{name}"
    loaded = subprocess.run(
        ["bpftool", "prog", "loadall", str(path), pinned], capture_output=True, text=True, check=False
    )
    try:
        assert loaded.returncode == 0, loaded.stderr
        program = next(iter(made.programs))
        shown = subprocess.run(
            ["bpftool", "prog", "dump", "xlated", "pinned", f"{pinned}/{program}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert f"; {QUOTED[name]}" in shown
    finally:
        shutil.rmtree(pinned, ignore_errors=True)


LOOPS = """
import pybpfc as bpf
from pybpfc import u32, u64

counts = bpf.HashMap[u32, u64](max_entries=16)


@bpf.func
def add(i: u32) -> int:
    counts[i] += 1
    return 0


@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    total = u64(0)
    for key, value in counts.items():
        for i in bpf.iter_num(0, key):
            total += value + i
            if total > 1000:
                return 1
    bpf.loop(ctx.len, add)
    while total > 10:
        total >>= 1
        print(f"{total}")
    return u32(total)
"""


def test_libbpf_takes_the_callbacks_of_loops(tmp_path: Path) -> None:
    source, path = tmp_path / "loops.py", tmp_path / "loops.o"
    source.write_text(LOOPS)
    made = compile_source(import_file(str(source)), use_cache=False)
    made.write(path)
    assert len([r for f in made.programs.values() for r in f.relocations if r.kind == "function_address"]) == 3
    pinned = f"/sys/fs/bpf/pybpfc-test-{os.getpid()}-loops"
    command = ["bpftool", "prog", "loadall", str(path), pinned]
    loaded = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        assert loaded.returncode == 0, loaded.stderr
    finally:
        shutil.rmtree(pinned, ignore_errors=True)


@pytest.mark.parametrize("cpu", ["v1", "v2", "v3", "v4"])
@pytest.mark.parametrize("big_endian", [False, True])
def test_objects_hold_no_dwarf(cpu: str, big_endian: bool) -> None:
    from pybpfc.formats.elf import read_elf

    made = compile_source(import_file(str(EXAMPLES / "opensnoop.py")), cpu=cpu, big_endian=big_endian)
    elf = read_elf(made.elf)
    names = [s.name for s in elf.sections]
    assert elf.big_endian == big_endian
    assert not [n for n in names if n.startswith((".debug", ".rel.debug", ".eh_frame", ".llvm"))]
    assert {".BTF", ".BTF.ext", ".maps", "license"} <= set(names)
