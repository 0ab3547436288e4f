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
    loaded = subprocess.run(["bpftool", "prog", "loadall", str(path), pinned], capture_output=True, text=True, check=False)
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
