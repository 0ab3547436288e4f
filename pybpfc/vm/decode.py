"""Instructions as Python functions: each is compiled once, to a closure that gives the next instruction's index."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pybpfc.abi import insn as i
from pybpfc.vm.memory import MASK, Pointer, Value, VmError, load, signed, store

if TYPE_CHECKING:
    from pybpfc.vm.machine import Frame

Step = Callable[["Frame"], int]

LOW = 0xFFFFFFFF


def compile_insn(insn: i.Insn, index: int, order: str) -> Step:
    """The closure of an instruction; calls, exits and immediate loads are the machine's."""
    match insn.cls:
        case i.BPF_ALU | i.BPF_ALU64:
            return _alu(insn, index + 1, order)
        case i.BPF_JMP | i.BPF_JMP32:
            return _jump(insn, index + 1)
        case i.BPF_LDX:
            return _load(insn, index + 1, order)
        case i.BPF_ST | i.BPF_STX:
            return _store(insn, index + 1, order)
        case _:
            raise VmError(f"unknown instruction {insn.op:#04x}")


def number(value: Value, what: str = "arithmetic") -> int:
    """A register's number; pointers are refused."""
    if isinstance(value, int):
        return value
    raise VmError(f"{what} on a pointer")


# ---------------------------------------------------------------------------------- arithmetic


def divide(a: int, b: int) -> int:
    """As the machine defines it: by zero is zero."""
    return a // b if b else 0


def modulo(a: int, b: int) -> int:
    """As the machine defines it: by zero is the dividend."""
    return a % b if b else a


def signed_divide(a: int, b: int, bits: int) -> int:
    """Truncating signed division."""
    x, y = signed(a, bits), signed(b, bits)
    if not y:
        return 0
    quotient = abs(x) // abs(y)
    return -quotient if (x < 0) != (y < 0) else quotient


def signed_modulo(a: int, b: int, bits: int) -> int:
    """The rest of truncating signed division."""
    x, y = signed(a, bits), signed(b, bits)
    if not y:
        return x
    rest = abs(x) % abs(y)
    return -rest if x < 0 else rest


def _operation(insn: i.Insn, bits: int) -> Callable[[int, int], int]:
    """The two-operand arithmetic of an instruction, before it is cut to its width."""
    shift = bits - 1
    op = insn.op & 0xF0
    if insn.off == 1 and op in (i.BPF_DIV, i.BPF_MOD):
        return (lambda a, b: signed_divide(a, b, bits)) if op == i.BPF_DIV else (lambda a, b: signed_modulo(a, b, bits))
    table: dict[int, Callable[[int, int], int]] = {
        i.BPF_ADD: lambda a, b: a + b,
        i.BPF_SUB: lambda a, b: a - b,
        i.BPF_MUL: lambda a, b: a * b,
        i.BPF_DIV: divide,
        i.BPF_MOD: modulo,
        i.BPF_OR: lambda a, b: a | b,
        i.BPF_AND: lambda a, b: a & b,
        i.BPF_XOR: lambda a, b: a ^ b,
        i.BPF_LSH: lambda a, b: a << (b & shift),
        i.BPF_RSH: lambda a, b: a >> (b & shift),
        i.BPF_ARSH: lambda a, b: signed(a, bits) >> (b & shift),
    }
    if op not in table:
        raise VmError(f"unknown arithmetic {insn.op:#04x}")
    return table[op]


def _alu(insn: i.Insn, following: int, order: str) -> Step:
    wide = insn.cls == i.BPF_ALU64
    op = insn.op & 0xF0
    if op == i.BPF_MOV:
        return _move(insn, following, wide)
    if op == i.BPF_NEG:
        return _negate(insn, following, wide)
    if op == i.BPF_END:
        return _swap(insn, following, order, wide)
    operation = _operation(insn, 64 if wide else 32)
    dst, src, register = insn.dst, insn.src, bool(insn.op & i.BPF_X)
    constant = insn.imm & (MASK if wide else LOW)
    if not wide:

        def narrow(f: Frame) -> int:
            a = number(f.r[dst]) & LOW
            b = number(f.r[src]) & LOW if register else constant
            f.r[dst] = operation(a, b) & LOW
            return following

        return narrow
    additive = op in (i.BPF_ADD, i.BPF_SUB)

    def full(f: Frame) -> int:
        a: Value = f.r[dst]
        b: Value = f.r[src] if register else constant
        if isinstance(a, int) and isinstance(b, int):
            f.r[dst] = operation(a, b) & MASK
        elif additive:
            f.r[dst] = _pointer_sum(a, b, subtract=op == i.BPF_SUB)
        else:
            raise VmError("arithmetic on a pointer")
        return following

    return full


def _pointer_sum(a: Value, b: Value, *, subtract: bool) -> Value:
    if isinstance(a, Pointer) and isinstance(b, int):
        return a.moved(-signed(b) if subtract else signed(b))
    if isinstance(b, Pointer) and isinstance(a, int) and not subtract:
        return b.moved(signed(a))
    if isinstance(a, Pointer) and isinstance(b, Pointer) and subtract and a.region is b.region:
        return (a.offset - b.offset) & MASK
    raise VmError("arithmetic on a pointer")


def _move(insn: i.Insn, following: int, wide: bool) -> Step:
    dst, src = insn.dst, insn.src
    if not insn.op & i.BPF_X:
        constant = insn.imm & (MASK if wide else LOW)

        def immediate(f: Frame) -> int:
            f.r[dst] = constant
            return following

        return immediate
    if insn.off in (8, 16, 32):
        bits, mask = insn.off, MASK if wide else LOW

        def extend(f: Frame) -> int:
            f.r[dst] = signed(number(f.r[src]), bits) & mask
            return following

        return extend

    def copy(f: Frame) -> int:
        value = f.r[src]
        if value is None:
            raise VmError(f"r{src} is read before it is set")
        f.r[dst] = value if wide else number(value, "a 32-bit move") & LOW
        return following

    return copy


def _negate(insn: i.Insn, following: int, wide: bool) -> Step:
    dst, mask = insn.dst, MASK if wide else LOW

    def step(f: Frame) -> int:
        f.r[dst] = -number(f.r[dst]) & mask
        return following

    return step


def _swap(insn: i.Insn, following: int, order: str, wide: bool) -> Step:
    dst, size = insn.dst, insn.imm // 8
    to_big = bool(insn.op & i.BPF_X)
    swap = wide or to_big == (order == "little")

    def step(f: Frame) -> int:
        value = number(f.r[dst]) & ((1 << 8 * size) - 1)
        f.r[dst] = int.from_bytes(value.to_bytes(size, "little"), "big") if swap else value
        return following

    return step


# --------------------------------------------------------------------------------------- jumps

_TESTS: dict[int, Callable[[int, int, int], bool]] = {
    i.BPF_JEQ: lambda a, b, n: a == b,
    i.BPF_JNE: lambda a, b, n: a != b,
    i.BPF_JGT: lambda a, b, n: a > b,
    i.BPF_JGE: lambda a, b, n: a >= b,
    i.BPF_JLT: lambda a, b, n: a < b,
    i.BPF_JLE: lambda a, b, n: a <= b,
    i.BPF_JSET: lambda a, b, n: bool(a & b),
    i.BPF_JSGT: lambda a, b, n: signed(a, n) > signed(b, n),
    i.BPF_JSGE: lambda a, b, n: signed(a, n) >= signed(b, n),
    i.BPF_JSLT: lambda a, b, n: signed(a, n) < signed(b, n),
    i.BPF_JSLE: lambda a, b, n: signed(a, n) <= signed(b, n),
}


def _jump(insn: i.Insn, following: int) -> Step:
    op = insn.op & 0xF0
    if op == i.BPF_JA:
        target = following + (insn.imm if insn.cls == i.BPF_JMP32 else insn.off)
        return lambda f: target
    if insn.op == i.MAY_GOTO:
        return lambda f: following
    if op not in _TESTS:
        raise VmError(f"unknown jump {insn.op:#04x}")
    test, target, wide = _TESTS[op], following + insn.off, insn.cls == i.BPF_JMP
    dst, src, register = insn.dst, insn.src, bool(insn.op & i.BPF_X)
    bits, mask = (64, MASK) if wide else (32, LOW)
    constant = insn.imm & mask

    def step(f: Frame) -> int:
        a: Value = f.r[dst]
        b: Value = f.r[src] if register else constant
        if isinstance(a, int) and isinstance(b, int):
            return target if test(a & mask, b & mask, bits) else following
        return target if _compare_pointers(op, a, b, wide) else following

    return step


def _compare_pointers(op: int, a: Value, b: Value, wide: bool) -> bool:
    """Pointers compare with null, and with pointers into the same memory."""
    if wide and isinstance(a, Pointer) and isinstance(b, Pointer):
        if a.region is b.region:
            return _TESTS[op](a.offset & MASK, b.offset & MASK, 64)
        if op in (i.BPF_JEQ, i.BPF_JNE):
            return op == i.BPF_JNE
    elif wide and op in (i.BPF_JEQ, i.BPF_JNE) and (a == 0 or b == 0):
        return op == i.BPF_JNE
    raise VmError("a pointer is compared with something it has nothing to do with")


# -------------------------------------------------------------------------------------- memory


def _load(insn: i.Insn, following: int, order: str) -> Step:
    size, mode = i.WIDTHS[insn.op & 0x18], insn.op & 0xE0
    dst, src, off = insn.dst, insn.src, insn.off
    if mode == i.BPF_MEM:

        def step(f: Frame) -> int:
            base = f.r[src]
            f.r[dst] = load(base.moved(off) if isinstance(base, Pointer) else base, size, order)
            return following

        return step
    if mode == i.BPF_MEMSX:

        def extend(f: Frame) -> int:
            base = f.r[src]
            value = load(base.moved(off) if isinstance(base, Pointer) else base, size, order)
            f.r[dst] = signed(number(value), 8 * size) & MASK
            return following

        return extend
    raise VmError(f"unknown load {insn.op:#04x}")


def _store(insn: i.Insn, following: int, order: str) -> Step:
    size, mode = i.WIDTHS[insn.op & 0x18], insn.op & 0xE0
    dst, src, off = insn.dst, insn.src, insn.off
    if mode == i.BPF_ATOMIC and insn.cls == i.BPF_STX:
        return _atomic(insn, following, size, order)
    if mode != i.BPF_MEM:
        raise VmError(f"unknown store {insn.op:#04x}")
    register, constant = insn.cls == i.BPF_STX, insn.imm & MASK

    def step(f: Frame) -> int:
        base = f.r[dst]
        value = f.r[src] if register else constant
        if value is None:
            raise VmError(f"r{src} is read before it is set")
        store(base.moved(off) if isinstance(base, Pointer) else base, size, value, order)
        return following

    return step


def _atomic(insn: i.Insn, following: int, size: int, order: str) -> Step:
    dst, src, off, kind = insn.dst, insn.src, insn.off, insn.imm
    mask = (1 << 8 * size) - 1
    if size < 4:
        raise VmError("atomic operations are 4 or 8 bytes wide")
    table: dict[int, Callable[[int, int], int]] = {
        i.BPF_ADD: lambda a, b: a + b,
        i.BPF_OR: lambda a, b: a | b,
        i.BPF_AND: lambda a, b: a & b,
        i.BPF_XOR: lambda a, b: a ^ b,
        i.BPF_XCHG & ~i.BPF_FETCH: lambda a, b: b,
    }
    fetch = bool(kind & i.BPF_FETCH)
    operation = table.get(kind & ~i.BPF_FETCH)
    if operation is None and kind != i.BPF_CMPXCHG:
        raise VmError(f"unknown atomic operation {kind:#x}")

    def step(f: Frame) -> int:
        base = f.r[dst]
        place = base.moved(off) if isinstance(base, Pointer) else base
        old = number(load(place, size, order))
        value = number(f.r[src]) & mask
        if operation is None:
            if old == number(f.r[0]) & mask:
                store(place, size, value, order)
            f.r[0] = old
            return following
        store(place, size, operation(old, value) & mask, order)
        if fetch:
            f.r[src] = old
        return following

    return step
