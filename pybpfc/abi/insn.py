"""Instructions of the BPF ISA (RFC 9669): opcode fields, their names, and the 8-byte encoding."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pybpfc.abi.versions import KernelVersion

SIZE = 8

# instruction classes
BPF_LD, BPF_LDX, BPF_ST, BPF_STX, BPF_ALU, BPF_JMP, BPF_JMP32, BPF_ALU64 = range(8)

# sizes of loads and stores
BPF_W, BPF_H, BPF_B, BPF_DW = 0x00, 0x08, 0x10, 0x18

# modes of loads and stores
BPF_IMM, BPF_ABS, BPF_IND, BPF_MEM, BPF_MEMSX, BPF_ATOMIC = 0x00, 0x20, 0x40, 0x60, 0x80, 0xC0

# source operand
BPF_K, BPF_X = 0x00, 0x08

# arithmetic
BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR, BPF_AND, BPF_LSH, BPF_RSH = (n << 4 for n in range(8))
BPF_NEG, BPF_MOD, BPF_XOR, BPF_MOV, BPF_ARSH, BPF_END = (n << 4 for n in range(8, 14))

# jumps
BPF_JA, BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET, BPF_JNE, BPF_JSGT, BPF_JSGE = (n << 4 for n in range(8))
BPF_CALL, BPF_EXIT, BPF_JLT, BPF_JLE, BPF_JSLT, BPF_JSLE, BPF_JCOND = (n << 4 for n in range(8, 15))

# atomics, in the immediate
BPF_FETCH = 0x01
BPF_XCHG = 0xE0 | BPF_FETCH
BPF_CMPXCHG = 0xF0 | BPF_FETCH
BPF_LOAD_ACQ, BPF_STORE_REL = 0x100, 0x110

# what the source register of a 64-bit immediate load says about it
BPF_PSEUDO_MAP_FD = 1
BPF_PSEUDO_MAP_VALUE = 2
BPF_PSEUDO_BTF_ID = 3
BPF_PSEUDO_FUNC = 4
BPF_PSEUDO_MAP_IDX = 5
BPF_PSEUDO_MAP_IDX_VALUE = 6

# what the source register of a call says about it
BPF_PSEUDO_CALL = 1
BPF_PSEUDO_KFUNC_CALL = 2

UNRESOLVED_HELPER = 0xBAD2310
"""The helper called in place of an instruction that CO-RE could not relocate: no kernel has it; libbpf's choice."""

LD_IMM64 = BPF_LD | BPF_IMM | BPF_DW
CALL = BPF_JMP | BPF_CALL
EXIT = BPF_JMP | BPF_EXIT
GOTOL = BPF_JMP32 | BPF_JA
MAY_GOTO = BPF_JMP | BPF_JCOND

ALU_NAMES: dict[int, str] = {
    BPF_ADD: "add",
    BPF_SUB: "sub",
    BPF_MUL: "mul",
    BPF_DIV: "div",
    BPF_OR: "or",
    BPF_AND: "and",
    BPF_LSH: "lsh",
    BPF_RSH: "rsh",
    BPF_NEG: "neg",
    BPF_MOD: "mod",
    BPF_XOR: "xor",
    BPF_MOV: "mov",
    BPF_ARSH: "arsh",
    BPF_END: "end",
}
JUMP_NAMES: dict[int, str] = {
    BPF_JA: "ja",
    BPF_JEQ: "jeq",
    BPF_JGT: "jgt",
    BPF_JGE: "jge",
    BPF_JSET: "jset",
    BPF_JNE: "jne",
    BPF_JSGT: "jsgt",
    BPF_JSGE: "jsge",
    BPF_CALL: "call",
    BPF_EXIT: "exit",
    BPF_JLT: "jlt",
    BPF_JLE: "jle",
    BPF_JSLT: "jslt",
    BPF_JSLE: "jsle",
    BPF_JCOND: "jcond",
}
SIGNED_NAMES: dict[int, str] = {BPF_DIV: "sdiv", BPF_MOD: "smod", BPF_MOV: "movsx"}
"""Names of arithmetic whose offset field says that it is signed: 1 for a division, the bits for a move."""
ATOMIC_NAMES: dict[int, str] = {
    BPF_ADD: "add",
    BPF_OR: "or",
    BPF_AND: "and",
    BPF_XOR: "xor",
    BPF_ADD | BPF_FETCH: "fetch_add",
    BPF_OR | BPF_FETCH: "fetch_or",
    BPF_AND | BPF_FETCH: "fetch_and",
    BPF_XOR | BPF_FETCH: "fetch_xor",
    BPF_XCHG: "xchg",
    BPF_CMPXCHG: "cmpxchg",
    BPF_LOAD_ACQ: "load_acquire",
    BPF_STORE_REL: "store_release",
}
"""Atomic operations by the immediate."""
WIDTHS: dict[int, int] = {BPF_W: 4, BPF_H: 2, BPF_B: 1, BPF_DW: 8}
"""Bytes that a load or store of each size touches."""

ISA_SINCE: dict[str, KernelVersion] = {
    "v1": KernelVersion(3, 18),
    "v2": KernelVersion(4, 14),
    "v3": KernelVersion(5, 1),
    "atomics": KernelVersion(5, 12),
    "v4": KernelVersion(6, 6),
    "may_goto": KernelVersion(6, 9),
    "addr_space_cast": KernelVersion(6, 9),
    "load_acquire": KernelVersion(6, 15),
}
"""The first kernel with each level of the ISA (`-mcpu`), and with what came beside the levels.

v2: unsigned and signed less-than jumps; v3: 32-bit jumps; atomics: those other than a plain add; v4: signed division, sign
extension in moves and loads, `bswap`, long jumps.
"""

MAX_INSTRUCTIONS = 1_000_000


class Insn(NamedTuple):
    """One 8-byte instruction; a 64-bit immediate load takes two, the second holding the upper half."""

    op: int
    dst: int = 0
    src: int = 0
    off: int = 0
    imm: int = 0

    @property
    def cls(self) -> int:
        """The instruction class."""
        return self.op & 7


_LITTLE, _BIG = struct.Struct("<BBhi"), struct.Struct(">BBhi")


def decode(data: bytes, *, big_endian: bool = False) -> list[Insn]:
    """The instructions of `data`; raises ValueError when its length is not a multiple of 8."""
    if len(data) % SIZE:
        raise ValueError(f"{len(data)} bytes are not a whole number of instructions")
    return list(_decode(data, big_endian))


def _decode(data: bytes, big_endian: bool) -> Iterator[Insn]:
    for op, registers, off, imm in (_BIG if big_endian else _LITTLE).iter_unpack(data):
        low, high = registers & 15, registers >> 4
        yield Insn(op, high, low, off, imm) if big_endian else Insn(op, low, high, off, imm)


def encode(insns: Iterable[Insn], *, big_endian: bool = False) -> bytes:
    """The bytes of instructions."""
    if big_endian:
        return b"".join(_BIG.pack(i.op, i.dst << 4 | i.src, i.off, i.imm) for i in insns)
    return b"".join(_LITTLE.pack(i.op, i.dst | i.src << 4, i.off, i.imm) for i in insns)
