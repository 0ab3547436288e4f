"""CO-RE in Python programs: structs that the kernel has otherwise, in the machine and in the kernel, as libbpf has it."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest
from core_cases import RAW, btf_of, target_object
from core_python_cases import CASES, Case, S, checking
from language import module
from test_core import by_libbpf, fitted, needs_kernel

import pybpfc as bpf
from pybpfc.abi.insn import decode
from pybpfc.compiler import compile_source
from pybpfc.core_relo.minimize import minimize
from pybpfc.diagnostics.errors import LoadError, VerifierError
from pybpfc.formats.link import link_program
from pybpfc.formats.object_reader import parse_object
from pybpfc.runtime.loader import load_object
from pybpfc.vm import Machine, VmError

PLACE = 0x7F00_0000_1000
cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))


@cases
@pytest.mark.parametrize("cpu", ["v1", "v2", "v3", "v4"])
def test_fields_in_the_machine(case: Case, cpu: str, tmp_path: Path) -> None:
    spec = compile_source(checking(tmp_path, case), cpu=cpu, use_cache=False).spec
    made = fitted(spec, case.target, *case.kept)
    wrong = Machine(made, consts={"place": PLACE}, memory={PLACE: RAW}).run("prog", bytes(64)).retval
    assert not wrong, case.checks[wrong - 1]


@cases
@pytest.mark.parametrize("cpu", ["v1", "v2", "v3", "v4"])
def test_fields_in_the_kernel(case: Case, cpu: str, tmp_path: Path) -> None:
    needs_kernel()
    spec = compile_source(checking(tmp_path, case), cpu=cpu, use_cache=False).spec
    btf = tmp_path / "kernel.o"
    btf.write_bytes(target_object(case.target, case.kept))
    memory = ctypes.create_string_buffer(RAW, len(RAW))
    consts = {"place": ctypes.addressof(memory)}
    with load_object(spec, attach=False, btf=str(btf), consts=consts) as loaded:
        wrong = loaded.programs["prog"].test_run(data=bytes(64)).retval
    assert not wrong, case.checks[wrong - 1]


def test_the_cases_depend_on_relocation(tmp_path: Path) -> None:
    """Programs that are right without it would test nothing."""
    for case in CASES:
        spec = compile_source(checking(tmp_path, case), use_cache=False).spec
        assert Machine(spec, consts={"place": PLACE}, memory={PLACE: RAW}).run("prog", bytes(64)).retval, case.name


@cases
@pytest.mark.parametrize("cpu", ["v1", "v3"])
def test_libbpf_fits_them_alike(case: Case, cpu: str, tmp_path: Path) -> None:
    needs_kernel()
    path, btf = tmp_path / "prog.o", tmp_path / "kernel.o"
    compiled = compile_source(checking(tmp_path, case), cpu=cpu, use_cache=False)
    compiled.write(path)
    btf.write_bytes(target_object(case.target, case.kept))
    theirs = by_libbpf(path, btf)
    assert theirs is not None
    linked = link_program(fitted(parse_object(path.read_bytes()), case.target, *case.kept), "prog")
    ours = decode(linked.insns)
    assert len(ours) == len(theirs)
    for relocation in linked.relocations:  # addresses of data
        for code in (ours, theirs):
            code[relocation.index] = code[relocation.index]._replace(src=0, imm=0)
            code[relocation.index + 1] = code[relocation.index + 1]._replace(imm=0)
    assert ours == theirs


REACHED = (
    S
    + """    a: u32
    gone: u32

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    p = bpf.cast(bpf.UserPtr[s], 0x7f0000001000)
    return i32(p.gone)
"""
)
TARGET = "struct s { u64 x; u32 a; };"


def test_simulate_fits_programs_to_given_types(tmp_path: Path) -> None:
    source = (
        S
        + "    a: u32\n\n@bpf.socket_filter\ndef prog(ctx: bpf.SkBuff) -> int:\n    return i32(bpf.field_offset(s.a) + 1)\n"
    )
    made = module(tmp_path, source)
    btf = tmp_path / "kernel.o"
    btf.write_bytes(target_object(TARGET, ("struct s",)))
    assert bpf.simulate(made.prog, data=bytes(64), btf=btf).retval == 9
    assert bpf.simulate(made.prog, data=bytes(64)).retval == 1
    with pytest.raises(LoadError, match="missing can't be read"):
        bpf.simulate(made.prog, data=bytes(64), btf=tmp_path / "missing")


def test_what_is_reached_is_told_by_its_python_line(tmp_path: Path) -> None:
    made = module(tmp_path, REACHED)
    btf = tmp_path / "kernel.o"
    btf.write_bytes(target_object(TARGET, ("struct s",)))
    lines = Path(made.__file__).read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if "p.gone" in text)
    with pytest.raises(VmError, match=r"s\.gone: byte .* has no member `gone`") as stopped:
        bpf.simulate(made.prog, data=bytes(64), btf=btf)
    assert stopped.value.line == line
    assert "bpf.field_exists(" in stopped.value.remedy
    needs_kernel()
    with pytest.raises(VerifierError) as refused:
        bpf.load(made, attach=False, btf=btf)
    assert refused.value.line == line
    for part in ("s.gone: byte offset", "has no member `gone`", f"in {btf}"):
        assert part in refused.value.explanation
    assert "bpf.field_exists(" in refused.value.remedy


def test_minimized_types_serve_for_the_kernels_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a kernel lacks BTF: the types cut down for an object fit it, as our loader and libbpf have it."""
    needs_kernel()
    case = next(case for case in CASES if case.name == "arrays")
    object_file, whole, cut = tmp_path / "prog.o", tmp_path / "kernel.o", tmp_path / "cut.btf"
    compile_source(checking(tmp_path, case), use_cache=False).write(object_file)
    whole.write_bytes(target_object(case.target, case.kept))
    cut.write_bytes(minimize(btf_of(whole.read_bytes()), [parse_object(object_file.read_bytes())]))
    assert by_libbpf(object_file, cut) == by_libbpf(object_file, whole) is not None
    memory = ctypes.create_string_buffer(RAW, len(RAW))
    monkeypatch.setenv("PYBPFC_BTF", str(cut))
    with bpf.load(object_file, attach=False, place=ctypes.addressof(memory)) as loaded:
        wrong = loaded.programs["prog"].test_run(data=bytes(64)).retval
    assert not wrong, case.checks[wrong - 1]


@pytest.mark.parametrize(
    ("types", "told"),
    [("struct s { u32 other; };", "`s.gone: byte offset` is not to be had"), (None, "can't be read")],
)
def test_run_fits_programs_to_a_file(tmp_path: Path, types: str | None, told: str) -> None:
    needs_kernel()
    btf = tmp_path / "kernel.o"
    if types is not None:
        btf.write_bytes(target_object(types, ("struct s",)))
    made = module(tmp_path, REACHED)
    command = [sys.executable, "-m", "pybpfc", "run", made.__file__, "--btf", str(btf), "--duration", "0"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode
    assert told in " ".join(done.stderr.split())
    assert str(btf) in done.stderr
    assert "Traceback" not in done.stderr
