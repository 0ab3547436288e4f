"""Arithmetic and comparisons of the ISA as Python expressions over registers.

Registers hold 0 to 2**64-1. Signed comparisons flip the sign bits and compare unsigned; sign extension is
`(x ^ s) - s`. Pointers in registers answer operators themselves (see `values`), so `MASK64` must stay the last thing
applied to a 64-bit sum and difference.
"""

from __future__ import annotations

from collections.abc import Callable

from pybpfc.abi import insn as isa
from pybpfc.abi.insn import Insn
from pybpfc.vm.values import MASK32, MASK64, SIGN64, NonScalar, Pointer, signed32, signed64

M64, M32 = f"{MASK64:#x}", f"{MASK32:#x}"
S64, S32 = f"{SIGN64:#x}", "0x80000000"


# ------------------------------------------------------------------- what needs a function


def sdiv64(a: int, b: int) -> int:
    """Signed division that truncates; by zero is zero."""
    x, y = signed64(a), signed64(b)
    quotient = abs(x) // abs(y) if y else 0
    return (-quotient if (x < 0) != (y < 0) else quotient) & MASK64


def smod64(a: int, b: int) -> int:
    """The rest of signed division, with the dividend's sign; by zero is the dividend."""
    x, y = signed64(a), signed64(b)
    rest = abs(x) % abs(y) if y else abs(x)
    return (-rest if x < 0 else rest) & MASK64


def sdiv32(a: int, b: int) -> int:
    """`sdiv64` on the lower halves."""
    return sdiv64(signed32(a & MASK32), signed32(b & MASK32)) & MASK32


def smod32(a: int, b: int) -> int:
    """`smod64` on the lower halves."""
    return smod64(signed32(a & MASK32), signed32(b & MASK32)) & MASK32


def _swapper(size: int) -> Callable[[int], int]:
    mask = (1 << 8 * size) - 1

    def swap(value: int) -> int:
        return int.from_bytes((value & mask).to_bytes(size, "little"), "big")

    return swap


def low(value: object) -> int:
    """The lower half of a register, for a test whether it is zero: a pointer's never is, as compilers take it."""
    if isinstance(value, int):
        return value & MASK32
    if isinstance(value, Pointer):
        return 1
    assert isinstance(value, NonScalar)
    return value.refuse()


FUNCTIONS: dict[str, Callable[..., int]] = {
    "sdiv64": sdiv64,
    "smod64": smod64,
    "sdiv32": sdiv32,
    "smod32": smod32,
    "low": low,
    "swap16": _swapper(2),
    "swap32": _swapper(4),
    "swap64": _swapper(8),
}

# ------------------------------------------------------------------------------ arithmetic

# `{d}` and `{s}` are the operands; immediates are sign-extended numbers written unsigned, `{n}` written signed
_WIDE: dict[int, str] = {
    isa.BPF_ADD: "{d} + {n} & " + M64,
    isa.BPF_SUB: "{d} - {n} & " + M64,
    isa.BPF_MUL: "{d} * {s} & " + M64,
    isa.BPF_DIV: "{d} // {s} if {s} else {d} * 0",
    isa.BPF_MOD: "{d} % {s} if {s} else {d} ^ 0",
    isa.BPF_OR: "{d} | {s}",
    isa.BPF_AND: "{d} & {s}",
    isa.BPF_XOR: "{d} ^ {s}",
    isa.BPF_LSH: "{d} << ({s} & 63) & " + M64,
    isa.BPF_RSH: "{d} >> ({s} & 63)",
    isa.BPF_ARSH: f"(({{d}} ^ {S64}) - {S64} >> ({{s}} & 63)) & {M64}",
}
_NARROW: dict[int, str] = {
    isa.BPF_ADD: "{d} + {n} & " + M32,
    isa.BPF_SUB: "{d} - {n} & " + M32,
    isa.BPF_MUL: "{d} * {s} & " + M32,
    isa.BPF_DIV: f"({{d}} & {M32}) // ({{s}} & {M32}) if {{s}} & {M32} else {{d}} * 0",
    isa.BPF_MOD: f"({{d}} & {M32}) % ({{s}} & {M32}) if {{s}} & {M32} else {{d}} & {M32}",
    isa.BPF_OR: "({d} | {s}) & " + M32,
    isa.BPF_AND: f"{{d}} & {M32} & {{s}}",
    isa.BPF_XOR: "({d} ^ {s}) & " + M32,
    isa.BPF_LSH: "{d} << ({s} & 31) & " + M32,
    isa.BPF_RSH: f"({{d}} & {M32}) >> ({{s}} & 31)",
    isa.BPF_ARSH: f"(({{d}} & {M32} ^ {S32}) - {S32} >> ({{s}} & 31)) & {M32}",
}
_SIGNED = {isa.BPF_DIV: "sdiv", isa.BPF_MOD: "smod"}


def arithmetic(insn: Insn, big_endian: bool) -> str | None:
    """The expression of an ALU instruction's result; None when there is no such instruction."""
    wide = insn.cls == isa.BPF_ALU64
    kind = insn.op & 0xF0
    if kind == isa.BPF_MOV:
        return _move(insn, wide)
    if kind == isa.BPF_NEG:
        return None if insn.op & isa.BPF_X else f"-r{insn.dst} & {M64 if wide else M32}"
    if kind == isa.BPF_END:
        return _swap(insn, wide, big_endian)
    source, number = operand(insn)
    if insn.off == 1 and kind in _SIGNED:
        return f"{_SIGNED[kind]}{64 if wide else 32}(r{insn.dst}, {source})"
    template = (_WIDE if wide else _NARROW).get(kind)
    if template is None or insn.off:
        return None
    return template.format(d=f"r{insn.dst}", s=source, n=number)


def operand(insn: Insn) -> tuple[str, str]:
    """The second operand: as an unsigned 64-bit number, and as it is most easily added."""
    if insn.op & isa.BPF_X:
        return f"r{insn.src}", f"r{insn.src}"
    return str(insn.imm & MASK64), f"({insn.imm})" if insn.imm < 0 else str(insn.imm)


def _move(insn: Insn, wide: bool) -> str | None:
    mask = M64 if wide else M32
    if not insn.op & isa.BPF_X:
        return None if insn.off else str(insn.imm & (MASK64 if wide else MASK32))
    if insn.off == 0:
        return f"r{insn.src}" if wide else f"r{insn.src} & {M32}"
    if insn.off in (8, 16) or (insn.off == 32 and wide):
        low, sign = (1 << insn.off) - 1, 1 << (insn.off - 1)
        return f"(r{insn.src} & {low} ^ {sign}) - {sign} & {mask}"
    return None


def _swap(insn: Insn, wide: bool, big_endian: bool) -> str | None:
    """`le` and `be` cut to their width and swap where the machine's order differs; `bswap` always swaps."""
    if insn.imm not in (16, 32, 64) or (wide and insn.op & isa.BPF_X):
        return None
    to_big = bool(insn.op & isa.BPF_X)
    if wide or to_big != big_endian:
        return f"swap{insn.imm}(r{insn.dst})"
    return f"r{insn.dst} & {(1 << insn.imm) - 1}" if insn.imm < 64 else f"r{insn.dst} ^ 0"


# ----------------------------------------------------------------------------- comparisons

_TESTS: dict[int, tuple[str, bool]] = {
    isa.BPF_JEQ: ("==", False),
    isa.BPF_JNE: ("!=", False),
    isa.BPF_JGT: (">", False),
    isa.BPF_JGE: (">=", False),
    isa.BPF_JLT: ("<", False),
    isa.BPF_JLE: ("<=", False),
    isa.BPF_JSET: ("&", False),
    isa.BPF_JSGT: (">", True),
    isa.BPF_JSGE: (">=", True),
    isa.BPF_JSLT: ("<", True),
    isa.BPF_JSLE: ("<=", True),
}


def condition(insn: Insn) -> str | None:
    """The expression that is true when a conditional jump is taken; None when there is no such jump."""
    found = _TESTS.get(insn.op & 0xF0)
    if found is None:
        return None
    sign, signed = found
    wide = insn.cls == isa.BPF_JMP
    flip = S64 if wide else S32
    left = f"r{insn.dst}" if wide else f"(r{insn.dst} & {M32})"
    left = f"({left} ^ {flip})" if signed else left
    if not insn.op & isa.BPF_X:
        if not wide and not insn.imm and sign in ("==", "!="):
            left = f"({left} if r{insn.dst}.__class__ is int else low(r{insn.dst}))"
        constant = insn.imm & (MASK64 if wide else MASK32)
        return f"{left} {sign} {constant ^ int(flip, 16) if signed else constant}"
    right = f"r{insn.src}" if wide else f"(r{insn.src} & {M32})"
    return f"{left} {sign} ({right} ^ {flip})" if signed else f"{left} {sign} {right}"
