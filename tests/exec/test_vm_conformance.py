"""Every instruction of the ISA in the machine and in the kernel, on the operands where mistakes hide."""

from __future__ import annotations

import itertools
import random
import struct

import pytest
from oracle import assembled, both, kernel_takes, load64

from pybpfc.abi import insn as isa
from pybpfc.abi.insn import Insn
from pybpfc.formats.spec import ObjectSpec
from pybpfc.vm import Machine

BATCH = 160
"""Operand pairs in one packet."""

EDGES = (
    0, 1, 2, 7, 31, 32, 33, 63, 64, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF,
    0x100000000, 0x123456789ABCDEF0, 0x7FFFFFFFFFFFFFFF, 0x8000000000000000, 0xFFFFFFFF80000000, 0xFFFFFFFFFFFFFFFE,
    0xFFFFFFFFFFFFFFFF,
)  # fmt: skip
IMMEDIATES = (0, 1, 2, 5, 31, 32, 63, 0x7F, 0x80, 0xFFFF, 0x7FFFFFFF, -1, -2, -0x80, -0x8000, -0x80000000)

_rng = random.Random(20)
PAIRS = [*itertools.product(EDGES, EDGES)] + [(_rng.getrandbits(64), _rng.getrandbits(64)) for _ in range(96)]

ARITHMETIC = {
    "add": isa.BPF_ADD,
    "sub": isa.BPF_SUB,
    "mul": isa.BPF_MUL,
    "div": isa.BPF_DIV,
    "or": isa.BPF_OR,
    "and": isa.BPF_AND,
    "lsh": isa.BPF_LSH,
    "rsh": isa.BPF_RSH,
    "mod": isa.BPF_MOD,
    "xor": isa.BPF_XOR,
    "mov": isa.BPF_MOV,
    "arsh": isa.BPF_ARSH,
}
JUMPS = {name: value for value, name in isa.JUMP_NAMES.items() if name not in ("ja", "call", "exit", "jcond")}
WIDE, NARROW = isa.BPF_ALU64, isa.BPF_ALU


def packet_of(pairs: list[tuple[int, int]]) -> bytes:
    return b"".join(struct.pack("<QQ", *pair) for pair in pairs)


def over_pairs(body: list[Insn], count: int) -> ObjectSpec:
    """A program that runs `body` on r1, r2 of each pair of the packet, and stores r1 and r2 back."""
    insns = [
        Insn(isa.BPF_LDX | isa.BPF_MEM | isa.BPF_W, 7, 1, 4),
        Insn(isa.BPF_LDX | isa.BPF_MEM | isa.BPF_W, 6, 1, 0),
        Insn(isa.BPF_ALU64 | isa.BPF_MOV | isa.BPF_X, 2, 6),
        Insn(isa.BPF_ALU64 | isa.BPF_ADD, 2, imm=16 * count),
        Insn(isa.BPF_JMP | isa.BPF_JLE | isa.BPF_X, 2, 7, 2),
        Insn(isa.BPF_ALU64 | isa.BPF_MOV, 0, imm=1),
        Insn(isa.EXIT),
    ]
    for index in range(count):
        insns += [
            Insn(isa.BPF_LDX | isa.BPF_MEM | isa.BPF_DW, 1, 6, 16 * index),
            Insn(isa.BPF_LDX | isa.BPF_MEM | isa.BPF_DW, 2, 6, 16 * index + 8),
            *body,
            Insn(isa.BPF_STX | isa.BPF_MEM | isa.BPF_DW, 6, 1, 16 * index),
            Insn(isa.BPF_STX | isa.BPF_MEM | isa.BPF_DW, 6, 2, 16 * index + 8),
        ]
    insns += [Insn(isa.BPF_ALU64 | isa.BPF_MOV, 0, imm=2), Insn(isa.EXIT)]
    return assembled(insns)


def check(body: list[Insn], pairs: list[tuple[int, int]]) -> None:
    size = min(BATCH, len(pairs))
    batches = [pairs[i : i + size] for i in range(0, len(pairs), size)]
    batches[-1] += pairs[: size - len(batches[-1])]
    with both(over_pairs(body, size)) as machines:
        for batch in batches:
            result = machines.run("prog", packet_of(batch))
            assert result.retval == 2


@pytest.mark.parametrize("cls", [WIDE, NARROW], ids=["64", "32"])
@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_on_registers(name: str, cls: int) -> None:
    check([Insn(cls | ARITHMETIC[name] | isa.BPF_X, 1, 2)], PAIRS)


@pytest.mark.parametrize("cls", [WIDE, NARROW], ids=["64", "32"])
@pytest.mark.parametrize("name", ARITHMETIC)
def test_arithmetic_with_immediates(name: str, cls: int) -> None:
    width = 64 if cls == WIDE else 32
    values = [(a, 0) for a in EDGES]
    body: list[Insn] = []
    for imm in IMMEDIATES:
        if name in ("div", "mod") and imm == 0:
            continue  # no kernel takes a constant division by zero
        if name in ("lsh", "rsh", "arsh") and not 0 <= imm < width:
            continue  # nor a constant shift by more than the width
        body += [
            Insn(isa.BPF_ALU64 | isa.BPF_MOV | isa.BPF_X, 3, 1),
            Insn(cls | ARITHMETIC[name], 3, imm=imm),
            Insn(isa.BPF_ALU64 | isa.BPF_MUL, 2, imm=31),
            Insn(isa.BPF_ALU64 | isa.BPF_XOR | isa.BPF_X, 2, 3),
        ]
    check(body, values)


@pytest.mark.parametrize("cls", [WIDE, NARROW], ids=["64", "32"])
@pytest.mark.parametrize("name", ["div", "mod"])
def test_signed_division(name: str, cls: int) -> None:
    require_v4()
    check([Insn(cls | ARITHMETIC[name] | isa.BPF_X, 1, 2, 1)], PAIRS)
    for imm in (1, -1, 2, -2, 7, -7, 0x7FFFFFFF, -0x80000000):
        check([Insn(cls | ARITHMETIC[name], 1, off=1, imm=imm)], [(a, 0) for a in EDGES])


def require(*insns: Insn) -> None:
    """Skip where the kernel does not know these instructions."""
    if not kernel_takes((Insn(isa.BPF_ALU64 | isa.BPF_MOV, 0), *insns, Insn(isa.EXIT))):
        pytest.skip("this kernel does not know these instructions")


def require_v4() -> None:
    """Skip where the kernel does not know the instructions of cpu v4 (kernel 6.6)."""
    require(Insn(WIDE | isa.BPF_END, 0, imm=16))


@pytest.mark.parametrize(
    "body",
    [
        [Insn(WIDE | isa.BPF_NEG, 1)],
        [Insn(NARROW | isa.BPF_NEG, 1)],
        *[[Insn(NARROW | isa.BPF_END | side, 1, imm=n)] for side in (0, isa.BPF_X) for n in (16, 32, 64)],
    ],
    ids=["neg64", "neg32", "le16", "le32", "le64", "be16", "be32", "be64"],
)
def test_unary(body: list[Insn]) -> None:
    check(body, [(a, 0) for a, _ in PAIRS])


@pytest.mark.parametrize(
    "body",
    [
        *[[Insn(WIDE | isa.BPF_END, 1, imm=n)] for n in (16, 32, 64)],
        *[[Insn(WIDE | isa.BPF_MOV | isa.BPF_X, 1, 2, n)] for n in (8, 16, 32)],
        *[[Insn(NARROW | isa.BPF_MOV | isa.BPF_X, 1, 2, n)] for n in (8, 16)],
    ],
    ids=["bswap16", "bswap32", "bswap64", "movsx8", "movsx16", "movsx32", "movsx8w", "movsx16w"],
)
def test_unary_of_v4(body: list[Insn]) -> None:
    require_v4()
    check(body, PAIRS)


@pytest.mark.parametrize("cls", [isa.BPF_JMP, isa.BPF_JMP32], ids=["64", "32"])
@pytest.mark.parametrize("name", JUMPS)
def test_conditional_jumps(name: str, cls: int) -> None:
    body = [
        Insn(isa.BPF_ALU64 | isa.BPF_MOV, 3, imm=1),
        Insn(cls | JUMPS[name] | isa.BPF_X, 1, 2, 1),
        Insn(isa.BPF_ALU64 | isa.BPF_MOV, 3, imm=0),
        Insn(isa.BPF_ALU64 | isa.BPF_MOV | isa.BPF_X, 1, 3),
    ]
    check(body, PAIRS)


@pytest.mark.parametrize("cls", [isa.BPF_JMP, isa.BPF_JMP32], ids=["64", "32"])
@pytest.mark.parametrize("name", JUMPS)
def test_conditional_jumps_on_immediates(name: str, cls: int) -> None:
    body: list[Insn] = []
    for imm in IMMEDIATES:
        body += [
            Insn(isa.BPF_ALU64 | isa.BPF_LSH, 2, imm=1),
            Insn(cls | JUMPS[name], 1, off=1, imm=imm),
            Insn(isa.BPF_ALU64 | isa.BPF_OR, 2, imm=1),
        ]
    check(body, [(a, 0) for a in EDGES])


ATOMICS = {
    "add": isa.BPF_ADD,
    "or": isa.BPF_OR,
    "and": isa.BPF_AND,
    "xor": isa.BPF_XOR,
    "fetch_add": isa.BPF_ADD | isa.BPF_FETCH,
    "fetch_or": isa.BPF_OR | isa.BPF_FETCH,
    "fetch_and": isa.BPF_AND | isa.BPF_FETCH,
    "fetch_xor": isa.BPF_XOR | isa.BPF_FETCH,
    "xchg": isa.BPF_XCHG,
}


@pytest.mark.parametrize("size", [isa.BPF_DW, isa.BPF_W], ids=["64", "32"])
@pytest.mark.parametrize("name", ATOMICS)
def test_atomics(name: str, size: int) -> None:
    body = [
        Insn(isa.BPF_STX | isa.BPF_MEM | isa.BPF_DW, 10, 1, -8),
        Insn(isa.BPF_STX | isa.BPF_ATOMIC | size, 10, 2, -8, ATOMICS[name]),
        Insn(isa.BPF_LDX | isa.BPF_MEM | isa.BPF_DW, 1, 10, -8),
    ]
    check(body, PAIRS)


@pytest.mark.parametrize("size", [isa.BPF_DW, isa.BPF_W], ids=["64", "32"])
@pytest.mark.parametrize("shift", [0, 1], ids=["equal", "unequal"])
def test_compare_and_exchange(shift: int, size: int) -> None:
    body = [
        Insn(isa.BPF_STX | isa.BPF_MEM | isa.BPF_DW, 10, 1, -8),
        Insn(isa.BPF_ALU64 | isa.BPF_MOV | isa.BPF_X, 0, 1),
        Insn(isa.BPF_ALU64 | isa.BPF_ADD, 0, imm=shift),
        Insn(isa.BPF_STX | isa.BPF_ATOMIC | size, 10, 2, -8, isa.BPF_CMPXCHG),
        Insn(isa.BPF_LDX | isa.BPF_MEM | isa.BPF_DW, 1, 10, -8),
        Insn(isa.BPF_ALU64 | isa.BPF_MOV | isa.BPF_X, 2, 0),
    ]
    check(body, PAIRS)


@pytest.mark.parametrize("size", [isa.BPF_DW, isa.BPF_W, isa.BPF_H, isa.BPF_B], ids=["64", "32", "16", "8"])
def test_loads_and_stores(size: int) -> None:
    width = isa.WIDTHS[size]
    body = [
        Insn(isa.BPF_STX | isa.BPF_MEM | isa.BPF_DW, 10, 1, -8),
        Insn(isa.BPF_STX | isa.BPF_MEM | isa.BPF_DW, 10, 2, -16),
        Insn(isa.BPF_STX | isa.BPF_MEM | size, 10, 2, -8),
        Insn(isa.BPF_ST | isa.BPF_MEM | size, 10, 0, -16, -3),
        Insn(isa.BPF_LDX | isa.BPF_MEM | size, 1, 10, -width),
        Insn(isa.BPF_LDX | isa.BPF_MEM | isa.BPF_DW, 2, 10, -8),
        Insn(isa.BPF_LDX | isa.BPF_MEM | isa.BPF_DW, 3, 10, -16),
        Insn(isa.BPF_ALU64 | isa.BPF_XOR | isa.BPF_X, 2, 3),
    ]
    check(body, PAIRS)


@pytest.mark.parametrize("size", [isa.BPF_W, isa.BPF_H, isa.BPF_B], ids=["32", "16", "8"])
def test_sign_extending_loads(size: int) -> None:
    require_v4()
    body = [
        Insn(isa.BPF_STX | isa.BPF_MEM | isa.BPF_DW, 10, 2, -8),
        Insn(isa.BPF_LDX | isa.BPF_MEMSX | size, 1, 10, -8),
    ]
    check(body, PAIRS)


def test_immediate_loads_and_long_jumps() -> None:
    require_v4()
    insns: list[Insn] = [*load64(0, 0xDEADBEEF00000001), *load64(1, 0x8000000080000000)]
    insns += [
        Insn(isa.BPF_JMP | isa.BPF_JEQ, 1, off=1, imm=0),
        Insn(isa.GOTOL, imm=1),
        Insn(isa.EXIT),
        Insn(isa.BPF_ALU64 | isa.BPF_XOR | isa.BPF_X, 0, 1),
        Insn(isa.BPF_JMP | isa.BPF_JA, off=0),
        Insn(isa.BPF_ALU64 | isa.BPF_RSH, 0, imm=32),
        Insn(isa.EXIT),
    ]
    with both(assembled(insns)) as machines:
        assert machines.run("prog", bytes(64)).retval == 0x5EADBEEF


def test_may_goto() -> None:
    require(Insn(isa.MAY_GOTO, off=0))
    insns = [
        Insn(isa.BPF_ALU64 | isa.BPF_MOV, 0, imm=0),
        Insn(isa.MAY_GOTO, off=3),
        Insn(isa.BPF_ALU64 | isa.BPF_ADD, 0, imm=1),
        Insn(isa.BPF_JMP | isa.BPF_JGE, 0, off=1, imm=1000),
        Insn(isa.BPF_JMP | isa.BPF_JA, off=-4),
        Insn(isa.EXIT),
    ]
    with both(assembled(insns)) as machines:
        assert machines.run("prog", bytes(64)).retval == 1000


LEGACY = [
    ("abs", isa.BPF_W, 0), ("abs", isa.BPF_H, 3), ("abs", isa.BPF_B, 49), ("abs", isa.BPF_W, 47),
    ("abs", isa.BPF_H, 1000), ("ind", isa.BPF_W, 4), ("ind", isa.BPF_B, -8), ("ind", isa.BPF_H, 49),
    ("abs", isa.BPF_W, -0x100000), ("abs", isa.BPF_W, -0x200000 + 8),
]  # fmt: skip


@pytest.mark.parametrize("section", ["tc", "socket"])
@pytest.mark.parametrize(("mode", "size", "offset"), LEGACY)
def test_legacy_packet_loads(mode: str, size: int, offset: int, section: str) -> None:
    kind = isa.BPF_ABS if mode == "abs" else isa.BPF_IND
    insns = [
        Insn(isa.BPF_ALU64 | isa.BPF_MOV | isa.BPF_X, 6, 1),
        Insn(isa.BPF_ALU64 | isa.BPF_MOV, 7, imm=6),
        Insn(isa.BPF_LD | kind | size, 0, 7 if mode == "ind" else 0, imm=offset),
        Insn(isa.EXIT),
    ]
    data = bytes(range(1, 65))
    with both(assembled(insns, section)) as machines:
        machines.run("prog", data)


def test_local_calls_and_stack_frames() -> None:
    call = isa.BPF_PSEUDO_CALL
    insns = [
        Insn(isa.BPF_ST | isa.BPF_MEM | isa.BPF_DW, 10, off=-8, imm=5),
        Insn(isa.BPF_ALU64 | isa.BPF_MOV | isa.BPF_X, 1, 10),
        Insn(isa.BPF_ALU64 | isa.BPF_ADD, 1, imm=-8),
        Insn(isa.BPF_ALU64 | isa.BPF_MOV, 6, imm=100),
        Insn(isa.CALL, src=call, imm=3),
        Insn(isa.BPF_LDX | isa.BPF_MEM | isa.BPF_DW, 1, 10, -8),
        Insn(isa.BPF_ALU64 | isa.BPF_ADD | isa.BPF_X, 0, 1),
        Insn(isa.EXIT),
        Insn(isa.BPF_LDX | isa.BPF_MEM | isa.BPF_DW, 6, 1, 0),
        Insn(isa.BPF_ALU64 | isa.BPF_MUL, 6, imm=7),
        Insn(isa.BPF_STX | isa.BPF_MEM | isa.BPF_DW, 1, 6, 0),
        Insn(isa.BPF_ALU64 | isa.BPF_MOV | isa.BPF_X, 0, 6),
        Insn(isa.EXIT),
    ]
    with both(assembled(insns)) as machines:
        assert machines.run("prog", bytes(64)).retval == 70


@pytest.mark.parametrize("name", ARITHMETIC)
def test_big_endian_objects_compute_the_same(name: str) -> None:
    """Registers know no byte order: a big-endian program on swapped operands gives swapped results."""
    from pybpfc.abi.insn import encode
    from pybpfc.formats.spec import FunctionSpec

    body = [Insn(WIDE | ARITHMETIC[name] | isa.BPF_X, 1, 2)]
    little = over_pairs(body, 4)
    insns = isa.decode(little.programs["prog"].insns)
    big = ObjectSpec(
        {"prog": FunctionSpec("prog", "xdp", encode(insns, big_endian=True))}, {}, {}, {}, None, "GPL", True
    )
    pairs = PAIRS[200:204]
    expected = Machine(little).run("prog", packet_of(pairs)).data
    swapped = struct.pack(">8Q", *struct.unpack("<8Q", packet_of(pairs)))
    found = Machine(big).run("prog", swapped).data
    assert struct.unpack(">8Q", found) == struct.unpack("<8Q", expected)
