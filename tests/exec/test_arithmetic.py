"""Integer arithmetic against a model in Python: in the VM, and in the kernel where bpf() is permitted."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from language import module, results

import pybpfc as bpf
from pybpfc.compiler import compile_source, import_file
from pybpfc.diagnostics.errors import CompileError
from pybpfc.lang.types import Int
from pybpfc.runtime import features
from pybpfc.vm.machine import Machine

TYPES = {name: Int(int(name[1:]), name[0] == "i") for name in ("u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64")}


def floor_division(a: int, b: int) -> int:
    return a // b if b else 0


def floor_modulo(a: int, b: int) -> int:
    return a % b if b else a


OPERATIONS: dict[str, tuple[str, Callable[[int, int, Int], int]]] = {
    "add": ("a + b", lambda a, b, t: t.wrap(a + b)),
    "sub": ("a - b", lambda a, b, t: t.wrap(a - b)),
    "mul": ("a * b", lambda a, b, t: t.wrap(a * b)),
    "div": ("a // b", lambda a, b, t: t.wrap(floor_division(a, b))),
    "mod": ("a % b", lambda a, b, t: t.wrap(floor_modulo(a, b))),
    "div7": ("a // 7", lambda a, b, t: t.wrap(a // 7)),
    "mod8": ("a % 8", lambda a, b, t: t.wrap(a % 8)),
    "and_": ("a & b", lambda a, b, t: t.wrap(a & b)),
    "or_": ("a | b", lambda a, b, t: t.wrap(a | b)),
    "xor": ("a ^ b", lambda a, b, t: t.wrap(a ^ b)),
    "inv": ("~a", lambda a, b, t: t.wrap(~a)),
    "lsh": ("a << b", lambda a, b, t: t.wrap(a << (b & (t.bits - 1)))),
    "rsh": ("a >> b", lambda a, b, t: t.wrap(a >> (b & (t.bits - 1)))),
    "low": ("min(a, b)", lambda a, b, t: min(a, b)),
    "high": ("max(a, b)", lambda a, b, t: max(a, b)),
    "pick": ("a if a < b else b", lambda a, b, t: a if a < b else b),
}


def module_for(type_name: str, folder: Path) -> ModuleType:
    """A module with one program that computes everything from the globals `left` and `right`."""
    lines = ["import pybpfc as bpf", f"from pybpfc import {type_name}", "LICENSE = 'GPL'"]
    lines += [f"left: bpf.Global[{type_name}] = 1", f"right: bpf.Global[{type_name}] = 1"]
    lines += [f"r_{name}: bpf.Global[{type_name}] = 0" for name in OPERATIONS]
    lines += ["@bpf.xdp", "def compute(ctx: bpf.XdpContext) -> int:"]
    lines += [f"    global {', '.join('r_' + name for name in OPERATIONS)}", "    a = left", "    b = right"]
    lines += [f"    r_{name} = {text}" for name, (text, _) in OPERATIONS.items()]
    lines += ["    return 2", ""]
    path = folder / f"arithmetic_{type_name}.py"
    path.write_text("\n".join(lines))
    return import_file(str(path))


def operands(t: Int) -> list[tuple[int, int]]:
    edges = sorted(
        {t.min, t.min + 1, -2, -1, 0, 1, 2, 7, 8, t.max - 1, t.max} & set(range(t.min, t.max + 1))
        if t.bits <= 16
        else {v for v in (t.min, t.min + 1, -2, -1, 0, 1, 2, 7, 8, t.max // 3, t.max - 1, t.max) if t.min <= v <= t.max}
    )
    rng = random.Random(t.bits * 2 + t.signed)
    return [(a, b) for a in edges for b in edges] + [
        (rng.randint(t.min, t.max), rng.randint(t.min, t.max)) for _ in range(40)
    ]


def expected(a: int, b: int, t: Int) -> dict[str, int]:
    return {name: model(a, b, t) for name, (_, model) in OPERATIONS.items()}


@pytest.mark.parametrize("cpu", ["v1", "v2", "v3", "v4"])
@pytest.mark.parametrize("type_name", TYPES)
def test_vm_computes_what_python_does(type_name: str, cpu: str, tmp_path: Path) -> None:
    t = TYPES[type_name]
    made = compile_source(module_for(type_name, tmp_path), cpu=cpu)
    machine = Machine(made.spec)
    for a, b in operands(t)[:: 1 if cpu == "v3" else 5]:
        for name, value in (("left", a), ("right", b)):
            machine.globals[name] = t.wrap(value)
        assert machine.run("compute", bytes(64)).retval == 2
        found = machine.globals
        assert {n: found["r_" + n] for n in OPERATIONS} == expected(a, b, t), (a, b)


@pytest.mark.skipif(features.refusal() is not None, reason="bpf() is not permitted here")
@pytest.mark.parametrize("type_name", TYPES)
def test_kernel_computes_what_python_does(type_name: str, tmp_path: Path) -> None:
    t = TYPES[type_name]
    with bpf.load(module_for(type_name, tmp_path), attach=False) as obj:
        for a, b in operands(t):
            obj.globals.left, obj.globals.right = a, b
            assert obj.compute.test_run(data=bytes(64)).retval == 2
            assert {n: getattr(obj.globals, "r_" + n) for n in OPERATIONS} == expected(a, b, t), (a, b)


LENGTH = """
@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    n = u32(ctx.data_end - ctx.data)
    for i in bpf.iter_num(0, n):
        if i == 70:
            return i32(n - i)
    return 1
"""


def test_the_length_of_a_packet(tmp_path: Path) -> None:
    assert set(results(tmp_path, LENGTH).values()) == {4}


@pytest.mark.parametrize("use", ["return i32(bpf.atomic_add(n, 2))", "bpf.atomic_or(n, 2)\n    return 0"])
def test_atomic_operations_that_the_instruction_set_lacks(use: str, tmp_path: Path) -> None:
    source = f"""
slots = bpf.Array[u64](max_entries=4)

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    n = slots.lookup(0)
    if n is None:
        return 0
    {use}
"""
    made = module(tmp_path, source)
    with pytest.raises(CompileError) as caught:
        compile_source(made, cpu="v2", use_cache=False)
    assert [d.code for d in caught.value.diagnostics] == ["E0429"]
    assert compile_source(made, cpu="v3", use_cache=False).elf
