"""Disassembly in the notation of the kernel's verifier and of LLVM, with source lines above."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pybpfc.abi import insn as i
from pybpfc.abi.helpers import HELPER_NAMES
from pybpfc.formats.spec import FunctionSpec, LineInfo, ObjectSpec

_OPERATORS = {
    i.BPF_ADD: "+=",
    i.BPF_SUB: "-=",
    i.BPF_MUL: "*=",
    i.BPF_DIV: "/=",
    i.BPF_OR: "|=",
    i.BPF_AND: "&=",
    i.BPF_LSH: "<<=",
    i.BPF_RSH: ">>=",
    i.BPF_MOD: "%=",
    i.BPF_XOR: "^=",
    i.BPF_MOV: "=",
    i.BPF_ARSH: "s>>=",
}
_COMPARISONS = {
    i.BPF_JEQ: "==",
    i.BPF_JGT: ">",
    i.BPF_JGE: ">=",
    i.BPF_JSET: "&",
    i.BPF_JNE: "!=",
    i.BPF_JSGT: "s>",
    i.BPF_JSGE: "s>=",
    i.BPF_JLT: "<",
    i.BPF_JLE: "<=",
    i.BPF_JSLT: "s<",
    i.BPF_JSLE: "s<=",
}
_TYPES = {i.BPF_B: "u8", i.BPF_H: "u16", i.BPF_W: "u32", i.BPF_DW: "u64"}
_ATOMICS = {i.BPF_ADD: "add", i.BPF_OR: "or", i.BPF_AND: "and", i.BPF_XOR: "xor"}


def disassemble(
    insns: bytes,
    *,
    line_info: Iterable[LineInfo] = (),
    symbols: Mapping[int, str] | None = None,
    big_endian: bool = False,
) -> str:
    """Instructions as text; `symbols` names what the instruction at an index refers to."""
    lines = {line.index: line for line in line_info}
    names = symbols or {}
    out: list[str] = []
    decoded = i.decode(insns, big_endian=big_endian)
    skip = False
    for index, insn in enumerate(decoded):
        line = lines.get(index)
        if line is not None:
            out.append(f"; {line.text.strip()} @ {line.file.rpartition('/')[2]}:{line.line}")
        if skip:
            skip = False
            continue
        following = decoded[index + 1] if index + 1 < len(decoded) else None
        skip = insn.op == i.LD_IMM64
        out.append(f"{index:5}: {text_of(insn, following, names.get(index), index)}")
    return "\n".join(out) + "\n" if out else ""


def disassemble_object(spec: ObjectSpec) -> str:
    """All programs and subprograms of an object."""
    parts: list[str] = []
    for function in (*spec.programs.values(), *spec.functions.values()):
        parts.append(f"{function.name} in {function.section}:\n{disassemble_function(function, spec.big_endian)}")
    return "\n".join(parts)


def disassemble_function(function: FunctionSpec, big_endian: bool = False) -> str:
    """One function, with the names its instructions refer to."""
    symbols = {r.index: r.symbol + (f"+{r.addend}" if r.addend else "") for r in function.relocations}
    return disassemble(function.insns, line_info=function.line_info, symbols=symbols, big_endian=big_endian)


def text_of(insn: i.Insn, following: i.Insn | None, symbol: str | None, index: int) -> str:
    """One instruction as text."""
    match insn.cls:
        case i.BPF_ALU | i.BPF_ALU64:
            return _alu(insn)
        case i.BPF_JMP | i.BPF_JMP32:
            return _jump(insn, symbol, index)
        case i.BPF_LD:
            return _load_immediate(insn, following, symbol)
        case _:
            return _memory(insn)


def _register(number: int, wide: bool) -> str:
    return f"{'r' if wide else 'w'}{number}"


def _alu(insn: i.Insn) -> str:
    wide = insn.cls == i.BPF_ALU64
    op, dst = insn.op & 0xF0, _register(insn.dst, wide)
    if op == i.BPF_NEG:
        return f"{dst} = -{dst}"
    if op == i.BPF_END:
        name = "bswap" if wide else "be" if insn.op & i.BPF_X else "le"
        return f"r{insn.dst} = {name}{insn.imm} r{insn.dst}"
    source = _register(insn.src, wide) if insn.op & i.BPF_X else str(insn.imm)
    if op == i.BPF_MOV and insn.off in (8, 16, 32) and insn.op & i.BPF_X:
        return f"{dst} = (s{insn.off}){source}"
    if op not in _OPERATORS:
        return f"unknown {insn.op:#04x}"
    operator = _OPERATORS[op]
    if insn.off == 1 and op in (i.BPF_DIV, i.BPF_MOD):
        operator = "s" + operator
    return f"{dst} {operator} {source}"


def _jump(insn: i.Insn, symbol: str | None, index: int) -> str:
    op = insn.op & 0xF0
    if insn.op == i.EXIT:
        return "exit"
    if insn.op == i.CALL:
        if insn.src == i.BPF_PSEUDO_CALL:
            return f"call {symbol or f'pc{insn.imm:+}'}"
        if insn.src == i.BPF_PSEUDO_KFUNC_CALL:
            return f"call kfunc {symbol or insn.imm}"
        return f"call {HELPER_NAMES.get(insn.imm, 'unknown')}#{insn.imm}"
    if op == i.BPF_JA:
        return f"gotol {insn.imm:+}" if insn.cls == i.BPF_JMP32 else f"goto {insn.off:+}"
    if insn.op == i.MAY_GOTO:
        return f"may_goto {insn.off:+}"
    if op not in _COMPARISONS:
        return f"unknown {insn.op:#04x}"
    wide = insn.cls == i.BPF_JMP
    right = _register(insn.src, wide) if insn.op & i.BPF_X else str(insn.imm)
    return f"if {_register(insn.dst, wide)} {_COMPARISONS[op]} {right} goto {insn.off:+} <{index + 1 + insn.off}>"


def _load_immediate(insn: i.Insn, following: i.Insn | None, symbol: str | None) -> str:
    if insn.op == i.LD_IMM64:
        if symbol is not None:
            return f"r{insn.dst} = {symbol} ll"
        high = following.imm if following is not None else 0
        return f"r{insn.dst} = {(high & 0xFFFFFFFF) << 32 | insn.imm & 0xFFFFFFFF:#x} ll"
    kind = _TYPES[insn.op & 0x18]
    if insn.op & 0xE0 == i.BPF_ABS:
        return f"r0 = *({kind} *)skb[{insn.imm}]"
    if insn.op & 0xE0 == i.BPF_IND:
        return f"r0 = *({kind} *)skb[r{insn.src} + {insn.imm}]"
    return f"unknown {insn.op:#04x}"


def _memory(insn: i.Insn) -> str:
    kind, mode = _TYPES[insn.op & 0x18], insn.op & 0xE0
    place = f"r{insn.src if insn.cls == i.BPF_LDX else insn.dst} {'-' if insn.off < 0 else '+'} {abs(insn.off)}"
    if insn.cls == i.BPF_LDX and mode in (i.BPF_MEM, i.BPF_MEMSX):
        kind = kind.replace("u", "s") if mode == i.BPF_MEMSX else kind
        return f"{_register(insn.dst, kind == 'u64' or mode == i.BPF_MEMSX)} = *({kind} *)({place})"
    if mode == i.BPF_ATOMIC and insn.cls == i.BPF_STX:
        return _atomic(insn, kind, place)
    if mode == i.BPF_MEM:
        value = str(insn.imm) if insn.cls == i.BPF_ST else _register(insn.src, kind == "u64")
        return f"*({kind} *)({place}) = {value}"
    return f"unknown {insn.op:#04x}"


def _atomic(insn: i.Insn, kind: str, place: str) -> str:
    source = _register(insn.src, kind == "u64")
    if insn.imm == i.BPF_XCHG:
        return f"{source} = xchg(({kind} *)({place}), {source})"
    if insn.imm == i.BPF_CMPXCHG:
        first = _register(0, kind == "u64")
        return f"{first} = cmpxchg(({kind} *)({place}), {first}, {source})"
    operation = insn.imm & ~i.BPF_FETCH
    if operation not in _ATOMICS:
        return f"unknown atomic {insn.imm:#x}"
    if insn.imm & i.BPF_FETCH:
        return f"{source} = atomic_fetch_{_ATOMICS[operation]}(({kind} *)({place}), {source})"
    return f"lock *({kind} *)({place}) {_OPERATORS[operation]} {source}"
