"""Small BPF programs for the machine's tests, written as one short call for each instruction."""

from __future__ import annotations

from pybpfc.abi import insn as isa
from pybpfc.abi.helpers import HELPERS
from pybpfc.abi.insn import Insn, encode
from pybpfc.formats.spec import FunctionSpec, LineInfo, MapSpec, ObjectSpec, Relocation, RelocationKind
from pybpfc.vm import Machine, SimulationResult

B, H, W, DW = isa.BPF_B, isa.BPF_H, isa.BPF_W, isa.BPF_DW
FILE = "probe.py"


def mov(dst: int, value: int) -> Insn:
    return Insn(isa.BPF_ALU64 | isa.BPF_MOV, dst, imm=value)


def movr(dst: int, src: int) -> Insn:
    return Insn(isa.BPF_ALU64 | isa.BPF_MOV | isa.BPF_X, dst, src)


def alu(op: int, dst: int, value: int) -> Insn:
    return Insn(isa.BPF_ALU64 | op, dst, imm=value)


def alur(op: int, dst: int, src: int) -> Insn:
    return Insn(isa.BPF_ALU64 | op | isa.BPF_X, dst, src)


def add(dst: int, value: int) -> Insn:
    return alu(isa.BPF_ADD, dst, value)


def load(size: int, dst: int, src: int, off: int = 0) -> Insn:
    return Insn(isa.BPF_LDX | isa.BPF_MEM | size, dst, src, off)


def store(size: int, dst: int, off: int, src: int) -> Insn:
    return Insn(isa.BPF_STX | isa.BPF_MEM | size, dst, src, off)


def put(size: int, dst: int, off: int, value: int) -> Insn:
    return Insn(isa.BPF_ST | isa.BPF_MEM | size, dst, 0, off, value)


def jump(op: int, dst: int, value: int, off: int) -> Insn:
    return Insn(isa.BPF_JMP | op, dst, 0, off, value)


def goto(off: int) -> Insn:
    return Insn(isa.BPF_JMP | isa.BPF_JA, 0, 0, off)


def call(name: str) -> Insn:
    return Insn(isa.CALL, imm=HELPERS[name].id)


def local_call(distance: int) -> Insn:
    return Insn(isa.CALL, src=isa.BPF_PSEUDO_CALL, imm=distance)


def exit_() -> Insn:
    return Insn(isa.EXIT)


def address(
    dst: int, kind: RelocationKind, symbol: str, addend: int = 0
) -> tuple[Insn, Insn, tuple[RelocationKind, str, int]]:
    """A 64-bit load of something's address."""
    return Insn(isa.LD_IMM64, dst), Insn(0), (kind, symbol, addend)


def map_address(dst: int, name: str) -> tuple[Insn, Insn, tuple[RelocationKind, str, int]]:
    return address(dst, "map", name)


def function_address(dst: int, distance: int) -> tuple[Insn, Insn]:
    return Insn(isa.LD_IMM64, dst, isa.BPF_PSEUDO_FUNC, 0, distance), Insn(0)


def stack_pointer(dst: int, off: int) -> tuple[Insn, Insn]:
    return movr(dst, 10), add(dst, off)


Part = Insn | tuple[object, ...]


def build(
    *parts: Part, section: str = "xdp", maps: tuple[MapSpec, ...] = (), license: str = "GPL", name: str = "prog"
) -> ObjectSpec:
    """An object with one program; each part is an instruction or several. Line n of the source is instruction n."""
    insns: list[Insn] = []
    relocations: list[Relocation] = []
    for part in parts:
        start = len(insns)
        for item in (part,) if isinstance(part, Insn) else part:
            if isinstance(item, Insn):
                insns.append(item)
            elif isinstance(item, tuple):
                kind, symbol, addend = item
                relocations.append(Relocation(start, kind, symbol, addend))
    lines = tuple(LineInfo(i, FILE, i + 1, 1, f"line {i + 1}") for i in range(len(insns)))
    function = FunctionSpec(name, section, encode(insns), tuple(relocations), line_info=lines)
    return ObjectSpec({name: function}, {}, {m.name: m for m in maps}, {}, None, license)


def run(*parts: Part, data: bytes = bytes(64), ctx: object = None, **options: object) -> SimulationResult:
    """Build and run once; options of `build` and of `Machine`."""
    known = {k: options.pop(k) for k in ("section", "maps") if k in options}
    return Machine(build(*parts, **known), **options).run("prog", data, ctx)  # type: ignore[arg-type]


def hash_map(
    name: str = "hash", key: int = 4, value: int = 8, entries: int = 4, kind: int = 1, flags: int = 0
) -> MapSpec:
    return MapSpec(name, kind, key, value, entries, flags)


def array_map(name: str = "array", value: int = 8, entries: int = 4, kind: int = 2) -> MapSpec:
    return MapSpec(name, kind, 4, value, entries)


def data_section(name: str, contents: bytes) -> MapSpec:
    return MapSpec(name, 2, 4, len(contents), 1, section=name, initial=contents)
