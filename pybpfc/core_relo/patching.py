"""Putting a resolved value into an instruction: its immediate, or its offset and the size that it loads or stores."""

from __future__ import annotations

from pybpfc.abi import insn as i
from pybpfc.abi.insn import Insn
from pybpfc.core_relo.values import Resolution, Value
from pybpfc.formats.errors import BadObject

_POISONED = Insn(i.CALL, imm=i.UNRESOLVED_HELPER)
_SIZES = {width: size for size, width in i.WIDTHS.items()}


def poison(code: list[Insn], at: int) -> None:
    """Make an instruction one that the verifier refuses, if the program can get there at all."""
    if code[at].op == i.LD_IMM64 and at + 1 < len(code):
        code[at + 1] = _POISONED
    code[at] = _POISONED


def patch(code: list[Insn], at: int, change: Resolution) -> bool:
    """Change instruction `at`; False when it had to be poisoned. Raises BadObject for what is not to be relocated."""
    if not 0 <= at < len(code):
        raise BadObject(f"a CO-RE record is about instruction {at} of {len(code)}")
    if change.new is None:
        poison(code, at)
        return False
    match code[at].cls:
        case i.BPF_ALU | i.BPF_ALU64:
            code[at] = _arithmetic(code[at], change.old, change.new)
        case i.BPF_LDX | i.BPF_ST | i.BPF_STX:
            _check(code[at].off, change.old)
            if change.new.number > 0x7FFF:
                raise BadObject(f"the offset {change.new.number} does not fit into a load or store")
            if not change.resizable:
                poison(code, at)
                return False
            code[at] = _memory(code[at], change.old, change.new)
        case i.BPF_LD:
            code[at : at + 2] = _wide(code[at : at + 2], change.old, change.new)
        case _:
            raise BadObject(f"a CO-RE record is about an instruction {code[at].op:#x}, which holds nothing to relocate")
    return True


def _check(held: int, old: Value) -> None:
    """What the compiler put there must be what its own types say, or record and code do not belong together."""
    if old.sure and held != old.number:
        raise BadObject(f"the instruction to relocate holds {held}, but the object's types say {old.number}")


def _arithmetic(insn: Insn, old: Value, new: Value) -> Insn:
    if insn.op & i.BPF_X:
        raise BadObject("a CO-RE record is about an instruction without an immediate")
    _check(insn.imm, old)
    limit = 1 << 32 if insn.cls == i.BPF_ALU else 1 << 31  # 64-bit arithmetic extends the sign
    if not -(1 << 31) <= new.number < limit:
        raise BadObject(f"{new.number} does not fit into the instruction")
    return insn._replace(imm=_signed(new.number, 32))


def _memory(insn: Insn, old: Value, new: Value) -> Insn:
    op = insn.op
    if old.width != new.width:
        moved = i.WIDTHS[op & 0x18]
        if moved != old.width:
            raise BadObject(f"a field of {old.width} bytes is loaded or stored by {moved} bytes")
        size = _SIZES.get(new.width)
        if size is None:
            raise BadObject(f"no load or store is {new.width} bytes wide")
        op = op & ~0x18 | size
    return insn._replace(op=op, off=new.number)


def _wide(pair: list[Insn], old: Value, new: Value) -> list[Insn]:
    first = pair[0]
    if first.op != i.LD_IMM64 or first.src or first.off or len(pair) < 2 or pair[1]._replace(imm=0) != Insn(0):
        raise BadObject("a CO-RE record is about an instruction that does not load a plain number")
    held = first.imm & 0xFFFFFFFF | pair[1].imm << 32
    _check(held, Value(_signed(old.number, 64), old.sure))
    if not -(1 << 63) <= new.number < 1 << 64:
        raise BadObject(f"{new.number} does not fit into the instruction")
    low, high = _signed(new.number, 32), _signed(new.number >> 32, 32)
    return [first._replace(imm=low), pair[1]._replace(imm=high)]


def _signed(number: int, bits: int) -> int:
    number &= (1 << bits) - 1
    return number - (1 << bits) if number >> bits - 1 else number
