"""Linking one program: its instructions, those of the subprograms it reaches behind them, and the calls between."""

from __future__ import annotations

import struct

from pybpfc.abi.insn import BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC, SIZE
from pybpfc.formats.errors import BadObject
from pybpfc.formats.spec import CoreRelocation, FunctionSpec, LineInfo, ObjectSpec, Poison, Relocation
from pybpfc.records import frozen, replace


@frozen
class LinkedProgram:
    """A program ready but for what only the kernel knows: file descriptors of maps, kernel symbols.

    All indexes count instructions from the start of `insns`. `func_info` pairs them with BTF type ids.
    """

    name: str
    section: str
    insns: bytes
    relocations: tuple[Relocation, ...]
    func_info: tuple[tuple[int, int], ...]
    line_info: tuple[LineInfo, ...]
    core_relos: tuple[CoreRelocation, ...]
    poisoned: tuple[Poison, ...]
    functions: tuple[tuple[int, str], ...]


def link_program(spec: ObjectSpec, name: str) -> LinkedProgram:
    """Link the program called `name`; raises `BadObject` when it refers to what is not there."""
    main = spec.programs.get(name)
    if main is None:
        raise BadObject(f"the object has no program {name}")
    order = _reachable(spec, main)
    starts: dict[str, int] = {}
    at = 0
    for function in order:
        starts[function.name] = at
        at += len(function.insns) // SIZE
    code = bytearray().join(f.insns for f in order)
    relocations: list[Relocation] = []
    lines: list[LineInfo] = []
    core: list[CoreRelocation] = []
    poisoned: list[Poison] = []
    for function in order:
        start = starts[function.name]
        for r in function.relocations:
            moved = replace(r, index=r.index + start)
            if r.kind in ("call", "function_address"):
                _patch(code, moved, starts[r.symbol], spec.big_endian)
            else:
                relocations.append(moved)
        lines.extend(replace(line, index=line.index + start) for line in function.line_info)
        core.extend(replace(c, index=c.index + start) for c in function.core_relos)
        poisoned.extend(replace(p, index=p.index + start) for p in function.poisoned)
    info = tuple((starts[f.name], f.func_type_id) for f in order)
    if not all(type_id for _, type_id in info):
        info = ()
    places = tuple((starts[f.name], f.name) for f in order)
    records = tuple(lines), tuple(core), tuple(poisoned)
    return LinkedProgram(name, main.section, bytes(code), tuple(relocations), info, *records, places)


def _reachable(spec: ObjectSpec, main: FunctionSpec) -> list[FunctionSpec]:
    order: list[FunctionSpec] = [main]
    seen = {main.name}
    for function in order:
        for r in function.relocations:
            if r.kind in ("call", "function_address") and r.symbol not in seen:
                callee = spec.function(r.symbol)
                if callee is None:
                    raise BadObject(f"{function.name} calls {r.symbol}, which is not there")
                seen.add(r.symbol)
                order.append(callee)
    return order


def _patch(code: bytearray, r: Relocation, target: int, big_endian: bool) -> None:
    """A call's immediate is relative to the next instruction."""
    at = r.index * SIZE
    if at + SIZE > len(code):
        raise BadObject(f"a reference to {r.symbol} lies outside the code")
    struct.pack_into(">i" if big_endian else "<i", code, at + 4, target - r.index - 1)
    source = BPF_PSEUDO_CALL if r.kind == "call" else BPF_PSEUDO_FUNC
    registers = code[at + 1]
    code[at + 1] = (registers & 0xF0 | source) if big_endian else (registers & 0x0F | source << 4)
