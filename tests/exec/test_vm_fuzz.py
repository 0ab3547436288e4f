"""Random programs: those the kernel takes must compute the same; no stream of bytes brings the machine down."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import assembled, both, load64

from pybpfc.abi import insn as isa
from pybpfc.abi.insn import Insn, encode
from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.spec import FunctionSpec, MapSpec, ObjectSpec, Relocation
from pybpfc.vm import Machine, VmError

EDGES = (
    0,
    1,
    2,
    63,
    64,
    0x80,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    1 << 32,
    (1 << 63) - 1,
    1 << 63,
    (1 << 64) - 1,
)
SLOTS = 4
OPERATIONS = (
    isa.BPF_ADD, isa.BPF_SUB, isa.BPF_MUL, isa.BPF_DIV, isa.BPF_OR, isa.BPF_AND, isa.BPF_LSH, isa.BPF_RSH, isa.BPF_MOD,
    isa.BPF_XOR, isa.BPF_MOV, isa.BPF_ARSH,
)  # fmt: skip
CONDITIONS = [value for value, name in isa.JUMP_NAMES.items() if name not in ("ja", "call", "exit", "jcond")]
SIZES = (isa.BPF_B, isa.BPF_H, isa.BPF_W, isa.BPF_DW)


class Generator:
    """Programs that the verifier can take: numbers only, forward jumps, aligned stack accesses."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def number(self) -> int:
        return self.rng.choice((self.rng.choice(EDGES), self.rng.getrandbits(64), self.rng.getrandbits(16)))

    def immediate(self) -> int:
        value = self.number() & 0xFFFFFFFF
        return value - (1 << 32) if value >> 31 else value

    def arithmetic(self) -> Insn:
        rng = self.rng
        wide = rng.random() < 0.6
        cls = isa.BPF_ALU64 if wide else isa.BPF_ALU
        op, dst = rng.choice(OPERATIONS), rng.randrange(8)
        if rng.random() < 0.1:
            return Insn(isa.BPF_ALU | isa.BPF_END | rng.choice((0, isa.BPF_X)), dst, imm=rng.choice((16, 32, 64)))
        if rng.random() < 0.08:
            return Insn(cls | isa.BPF_NEG, dst)
        if rng.random() < 0.5:
            return Insn(cls | op | isa.BPF_X, dst, rng.randrange(8))
        imm = self.immediate()
        if op in (isa.BPF_LSH, isa.BPF_RSH, isa.BPF_ARSH):
            imm = rng.randrange(64 if wide else 32)
        if op in (isa.BPF_DIV, isa.BPF_MOD) and imm == 0:
            imm = 7
        return Insn(cls | op, dst, imm=imm)

    def memory(self) -> Insn:
        rng = self.rng
        size = rng.choice(SIZES)
        width = isa.WIDTHS[size]
        off = -8 * rng.randint(1, SLOTS) + width * rng.randrange(8 // width)
        match rng.randrange(4):
            case 0:
                return Insn(isa.BPF_LDX | isa.BPF_MEM | size, rng.randrange(8), 10, off)
            case 1:
                return Insn(isa.BPF_STX | isa.BPF_MEM | size, 10, rng.randrange(8), off)
            case 2:
                return Insn(isa.BPF_ST | isa.BPF_MEM | size, 10, 0, off, self.immediate())
        wide = rng.choice((isa.BPF_W, isa.BPF_DW))
        kind = rng.choice((isa.BPF_ADD, isa.BPF_OR, isa.BPF_AND, isa.BPF_XOR, isa.BPF_XCHG - 1)) | rng.randrange(2)
        kind = kind | isa.BPF_FETCH if kind & 0xF0 == 0xE0 else kind
        return Insn(isa.BPF_STX | isa.BPF_ATOMIC | wide, 10, rng.randrange(8), -8 * rng.randint(1, SLOTS), kind)

    def jump(self, left: int) -> Insn:
        rng = self.rng
        cls, op, off = rng.choice((isa.BPF_JMP, isa.BPF_JMP32)), rng.choice(CONDITIONS), rng.randrange(min(left, 8))
        if rng.random() < 0.5:
            return Insn(cls | op | isa.BPF_X, rng.randrange(8), rng.randrange(8), off)
        return Insn(cls | op, rng.randrange(8), 0, off, self.immediate())

    def program(self, length: int = 60) -> ObjectSpec:
        insns: list[Insn] = [
            Insn(isa.BPF_LDX | isa.BPF_MEM | isa.BPF_W, 8, 1, 0),
            Insn(isa.BPF_LDX | isa.BPF_MEM | isa.BPF_W, 9, 1, 4),
            Insn(isa.BPF_ALU64 | isa.BPF_MOV | isa.BPF_X, 2, 8),
            Insn(isa.BPF_ALU64 | isa.BPF_ADD, 2, imm=96),
            Insn(isa.BPF_JMP | isa.BPF_JLE | isa.BPF_X, 2, 9, 2),
            Insn(isa.BPF_ALU64 | isa.BPF_MOV, 0, imm=1),
            Insn(isa.EXIT),
        ]
        for register in range(8):
            insns += load64(register, self.number())
        insns += [
            Insn(isa.BPF_ST | isa.BPF_MEM | isa.BPF_DW, 10, 0, -8 * (i + 1), self.immediate()) for i in range(SLOTS)
        ]
        insns += [Insn(isa.BPF_LDX | isa.BPF_MEM | isa.BPF_DW, i, 8, 8 * i) for i in range(3)]
        for index in range(length):
            pick = self.rng.random()
            left = length - index
            insns.append(
                self.arithmetic() if pick < 0.65 else self.memory() if pick < 0.85 or left < 2 else self.jump(left)
            )
        insns += [Insn(isa.BPF_STX | isa.BPF_MEM | isa.BPF_DW, 8, i, 8 * i) for i in range(8)]
        for slot in range(SLOTS):
            insns.append(Insn(isa.BPF_LDX | isa.BPF_MEM | isa.BPF_DW, 0, 10, -8 * (slot + 1)))
            insns.append(Insn(isa.BPF_STX | isa.BPF_MEM | isa.BPF_DW, 8, 0, 64 + 8 * slot))
        insns += [Insn(isa.BPF_ALU64 | isa.BPF_MOV, 0, imm=2), Insn(isa.EXIT)]
        return assembled(insns)


@pytest.mark.parametrize("seed", range(60))
def test_random_programs_compute_the_same(seed: int) -> None:
    generator = Generator(seed)
    for _ in range(4):
        with both(generator.program()) as machines:
            for _ in range(4):
                words = [generator.number().to_bytes(8, "little") for _ in range(12)]
                assert machines.run("prog", b"".join(words)).retval == 2


def test_the_generator_is_taken_by_the_kernel() -> None:
    """Were everything rejected, the comparison above would compare nothing."""
    for seed in range(20):
        with both(Generator(1000 + seed).program(20)) as machines:
            machines.run("prog", bytes(96))


# --------------------------------------------------------------------- whatever it is given

MAPS = {
    "hash": MapSpec("hash", 1, 4, 16, 4),
    "array": MapSpec("array", 2, 4, 16, 4),
    "ring": MapSpec("ring", 27, 0, 0, 4096),
    "jumps": MapSpec("jumps", 3, 4, 4, 2, values={0: "prog"}),
    ".bss": MapSpec(".bss", 2, 4, 64, 1, section=".bss", initial=bytes(64)),
}
HELPERS = (
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    12,
    14,
    16,
    25,
    26,
    28,
    44,
    65,
    93,
    94,
    105,
    113,
    115,
    130,
    131,
    132,
    133,
    164,
    165,
    181,
)

OPCODES = sorted(
    {cls | op << 4 | source for cls in (4, 5, 6, 7) for op in range(16) for source in (0, 8)}
    | {0x18, 0x20, 0x28, 0x30, 0x40, 0x48, 0x50}
    | {cls | size | mode for cls in (1, 2, 3) for size in SIZES for mode in (0x60, 0x80, 0xC0)}
)
insn = st.builds(
    Insn,
    st.one_of(st.sampled_from(OPCODES), st.integers(0, 255)),
    st.integers(0, 11),
    st.integers(0, 11),
    st.one_of(st.integers(-8, 8), st.integers(-32768, 32767)),
    st.one_of(st.sampled_from(HELPERS), st.integers(-70, 70), st.integers(-(1 << 31), (1 << 31) - 1)),
)
helpful = st.one_of(
    st.builds(lambda d, s: [Insn(isa.BPF_ALU64 | isa.BPF_MOV | isa.BPF_X, d, s)], st.integers(0, 9), st.integers(0, 10)),
    st.builds(lambda d, i: [Insn(isa.BPF_ALU64 | isa.BPF_MOV, d, 0, 0, i)], st.integers(0, 9), st.integers(-9, 99)),
    st.builds(lambda d, i: [Insn(isa.BPF_ALU64 | isa.BPF_ADD, d, 0, 0, i)], st.integers(0, 9), st.integers(-64, 64)),
    st.builds(lambda o, i: [Insn(isa.BPF_ST | isa.BPF_MEM | isa.BPF_DW, 10, 0, o, i)], st.integers(-66, 1), st.integers()
              .map(lambda n: n & 0xFFFF)),
    st.builds(lambda d: [Insn(isa.LD_IMM64, d, 15), Insn(0)], st.integers(0, 9)),
    st.builds(lambda h: [Insn(isa.CALL, imm=h)], st.sampled_from(HELPERS)),
    st.builds(lambda d: [Insn(isa.LD_IMM64, d, isa.BPF_PSEUDO_FUNC, 0, -1), Insn(0)], st.integers(1, 5)),
    st.just([Insn(isa.BPF_JMP | isa.BPF_JNE, 0, 0, 1, 0), Insn(isa.EXIT)]),
    st.just([Insn(isa.EXIT)]),
    insn.map(lambda i: [i]),
)  # fmt: skip


def build(parts: list[list[Insn]], section: str) -> ObjectSpec:
    """An object of these instructions; loads marked by source 15 become maps and data."""
    insns = [i for part in parts for i in part] + [Insn(isa.EXIT)]
    relocations, names = [], list(MAPS)
    for index, found in enumerate(insns):
        if found.op == isa.LD_IMM64 and found.src == 15:
            name = names[index % len(names)]
            relocations.append(Relocation(index, "data" if name == ".bss" else "map", name))
            insns[index] = found._replace(src=0)
    function = FunctionSpec(
        "prog", section, encode(i._replace(dst=i.dst & 15, src=i.src & 15) for i in insns), tuple(relocations)
    )
    return ObjectSpec({"prog": function}, {}, dict(MAPS), {}, None, "GPL")


def run(spec: ObjectSpec) -> None:
    try:
        machine = Machine(spec, max_instructions=3000, memory={0x7F0000000000: b"text"})
        machine.run("prog", bytes(range(64)))
        machine.run("prog", bytes(range(64)))
    except VmError as error:
        assert str(error)


COUNTS = settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))


@COUNTS
@given(st.lists(helpful, max_size=40), st.sampled_from(["xdp", "tc", "socket", "fentry/x", "kprobe/x", "syscall"]))
def test_no_program_crashes_the_machine(parts: list[list[Insn]], section: str) -> None:
    run(build(parts, section))


@COUNTS
@given(st.binary(max_size=200))
def test_no_bytes_crash_the_machine(code: bytes) -> None:
    run(ObjectSpec({"prog": FunctionSpec("prog", "xdp", code)}, {}, dict(MAPS), {}, None, "GPL"))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(helpful, min_size=3, max_size=14))
def test_what_the_kernel_takes_runs_on_the_machine(parts: list[list[Insn]]) -> None:
    """Small random programs: whatever the verifier accepts must not be an error here."""
    insns = [i for part in parts for i in part if i.src != 15 and i.op != isa.CALL]
    # root may return an address, which the machine refuses; 32-bit arithmetic on one neither of them takes
    insns += [Insn(isa.BPF_ALU | isa.BPF_AND | isa.BPF_K, 0, 0, 0, -1), Insn(isa.EXIT)]
    try:
        context = both(assembled(insns))
        with context as machines:
            machines.run("prog", bytes(range(64)))
    except LoadError:
        return
