"""BPF functions as Python source: registers are local variables, straight runs of instructions straight code.

A run begins at every place that jumps lead to; within it a conditional jump leaves by `b = N; continue`. The loop
around the runs finds run `b` by a binary tree of comparisons:

    def f0(vm, r1, r2, r3, r4, r5):
        n = vm.enter()
        r0 = r6 = r7 = r8 = r9 = U
        r10 = frame()
        b = 0
        while True:
            if b < 1:
                n -= 5
                r1 = ld4(r1, 0)
                …

`n` is what is left of the instruction budget; it is compared where loops begin. Each generated line is known to come
from one instruction, so that a traceback says where the program was, at no cost while it runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from pybpfc.abi import insn as isa
from pybpfc.abi.helpers import ArgKind, RetKind, helper_by_id
from pybpfc.abi.insn import Insn
from pybpfc.formats.spec import Relocation
from pybpfc.vm.arithmetic import arithmetic, condition
from pybpfc.vm.decode import FunctionCode, ProgramCode, jump_target
from pybpfc.vm.values import MASK64

TAIL_CALL = 12
MAY_GOTO_LIMIT = 1 << 23
_CALL_CLOBBERS = "r1 = r2 = r3 = r4 = r5 = U"


@dataclass(slots=True)
class Source:
    """Python source under way, with the instruction behind each of its lines."""

    lines: list[str] = field(default_factory=list)
    indexes: list[int] = field(default_factory=list)

    def add(self, depth: int, text: str, index: int) -> None:
        """Append one line."""
        self.lines.append("    " * depth + text)
        self.indexes.append(index)

    @property
    def text(self) -> str:
        """The whole source."""
        return "\n".join(self.lines) + "\n"


class Environment(Protocol):
    """What the source refers to; `objects` are its names for what is not the same for all programs."""

    big_endian: bool
    objects: dict[str, object]

    def constant(self, code: ProgramCode, index: int, relocation: Relocation | None) -> str:
        """The name of the object that a 64-bit immediate load stands for."""
        ...

    def kfunc(self, code: ProgramCode, index: int, relocation: Relocation | None) -> str:
        """The name of the kernel function that is called."""
        ...


def translate(code: ProgramCode, environment: Environment) -> Source:
    """The Python source of all functions of a program; raises `VmError` for unknown instructions."""
    source = Source()
    relocations = {r.index: r for r in code.linked.relocations}
    for function in code.functions:
        _Translator(code, function, environment, relocations, source).run()
    return source


class _Translator:
    """One function's translation."""

    def __init__(
        self,
        code: ProgramCode,
        function: FunctionCode,
        environment: Environment,
        relocations: dict[int, Relocation],
        source: Source,
    ) -> None:
        self.code = code
        self.function = function
        self.environment = environment
        self.relocations = relocations
        self.source = source
        self.starts = sorted({function.start, *function.targets})
        self.numbers = {start: number for number, start in enumerate(self.starts)}
        self.ends = [*self.starts[1:], function.end]

    def run(self) -> None:
        """Write the function."""
        start = self.function.start
        add = self.source.add
        add(0, f"def f{start}(vm, r1, r2, r3, r4, r5):", start)
        add(1, "n = vm.enter()", start)
        add(1, "r0 = r6 = r7 = r8 = r9 = U", start)
        insns = [self.code.insns[i] for i in range(start, self.function.end) if i not in self.code.second_halves]
        if any(10 in (i.dst, i.src) for i in insns):
            add(1, "r10 = frame(vm)", start)
        if any(i.op == isa.MAY_GOTO for i in insns):
            add(1, f"may = {MAY_GOTO_LIMIT}", start)
        if len(self.starts) == 1 and not self.function.targets:
            self._write_run(0, 1)
            return
        add(1, "b = 0", start)
        add(1, "while True:", start)
        self._write_tree(0, len(self.starts), 2)

    def _write_tree(self, low: int, high: int, depth: int) -> None:
        """The runs from `low` up to `high`, found by halving."""
        if high - low == 1:
            self._write_run(low, depth)
            return
        middle = (low + high) // 2
        index = self.starts[low]
        self.source.add(depth, f"if b < {middle}:", index)
        self._write_tree(low, middle, depth + 1)
        self.source.add(depth, "else:", index)
        self._write_tree(middle, high, depth + 1)

    def _write_run(self, number: int, depth: int) -> None:
        start, end = self.starts[number], self.ends[number]
        self.source.add(depth, f"n -= {end - start}", start)
        if start in self.function.headers or start == self.function.start:
            self.source.add(depth, "if n < 0: vm.exhausted()", start)
        index = start
        while index < end:
            insn = self.code.insns[index]
            if self._write(insn, index, depth):
                return
            index += 2 if insn.op == isa.LD_IMM64 else 1
        self.source.add(depth, f"b = {self.numbers[end]}", end - 1)

    # -------------------------------------------------------------------- instructions

    def _write(self, insn: Insn, index: int, depth: int) -> bool:
        """One instruction; True when nothing behind it in this run can be reached."""
        match insn.cls:
            case isa.BPF_ALU | isa.BPF_ALU64:
                self._set(insn, index, depth, arithmetic(insn, self.environment.big_endian))
            case isa.BPF_JMP | isa.BPF_JMP32:
                return self._write_jump(insn, index, depth)
            case isa.BPF_LDX:
                self._set(insn, index, depth, self._load(insn))
            case isa.BPF_ST | isa.BPF_STX:
                self._write_store(insn, index, depth)
            case _:
                self._write_special_load(insn, index, depth)
        return False

    def _unknown(self, insn: Insn, index: int) -> Exception:
        shown = f"opcode {insn.op:#04x}, offset {insn.off}, immediate {insn.imm}"
        return self.code.fail(index, f"an instruction that the ISA does not have: {shown}")

    def _set(self, insn: Insn, index: int, depth: int, expression: str | None) -> None:
        if expression is None:
            raise self._unknown(insn, index)
        if insn.dst == 10:
            raise self.code.fail(index, "r10, the frame pointer, is written to")
        self.source.add(depth, f"r{insn.dst} = {expression}", index)

    def _load(self, insn: Insn) -> str | None:
        size, mode = isa.WIDTHS[insn.op & 0x18], insn.op & 0xE0
        if mode == isa.BPF_MEM:
            return f"ld{size}(r{insn.src}, {insn.off})"
        if mode == isa.BPF_MEMSX and size < 8:
            return f"lds{size}(r{insn.src}, {insn.off})"
        return None

    def _write_store(self, insn: Insn, index: int, depth: int) -> None:
        size, mode = isa.WIDTHS[insn.op & 0x18], insn.op & 0xE0
        if mode == isa.BPF_MEM:
            value = f"r{insn.src}" if insn.cls == isa.BPF_STX else str(insn.imm & MASK64)
            self.source.add(depth, f"st{size}(r{insn.dst}, {insn.off}, {value})", index)
        elif mode == isa.BPF_ATOMIC and insn.cls == isa.BPF_STX:
            self._write_atomic(insn, index, depth, size)
        else:
            raise self._unknown(insn, index)

    def _write_atomic(self, insn: Insn, index: int, depth: int, size: int) -> None:
        add = self.source.add
        place = f"r{insn.dst}, {insn.off}"
        if insn.imm == isa.BPF_LOAD_ACQ:
            self._set(insn, index, depth, f"ld{size}(r{insn.src}, {insn.off})")
        elif insn.imm == isa.BPF_STORE_REL:
            add(depth, f"st{size}({place}, r{insn.src})", index)
        elif size < 4 or insn.imm not in ATOMICS:
            raise self._unknown(insn, index)
        elif insn.imm == isa.BPF_CMPXCHG:
            add(depth, f"r0 = exchange{size}({place}, r0, r{insn.src})", index)
        elif insn.imm & isa.BPF_FETCH:
            if insn.src == 10:
                raise self.code.fail(index, "r10, the frame pointer, is written to")
            add(depth, f"r{insn.src} = atomic{size}_{insn.imm}({place}, r{insn.src})", index)
        else:
            add(depth, f"atomic{size}_{insn.imm}({place}, r{insn.src})", index)

    def _write_special_load(self, insn: Insn, index: int, depth: int) -> None:
        """64-bit immediates and addresses; loads from packets as old BPF had them."""
        if insn.op == isa.LD_IMM64:
            upper = self.code.insns[index + 1]
            relocation = self.relocations.get(index)
            if relocation is None and insn.src == 0:
                value = str((upper.imm & 0xFFFFFFFF) << 32 | insn.imm & 0xFFFFFFFF)
            else:
                value = self.environment.constant(self.code, index, relocation)
            self._set(insn, index, depth, value)
            return
        mode, size = insn.op & 0xE0, isa.WIDTHS[insn.op & 0x18]
        if mode not in (isa.BPF_ABS, isa.BPF_IND) or size == 8:
            raise self._unknown(insn, index)
        offset = str(insn.imm) if mode == isa.BPF_ABS else f"{insn.imm} + r{insn.src}"
        add = self.source.add
        add(depth, f"r0 = packet(vm, r6, {offset}, {size})", index)
        add(depth, "if r0 is None:", index)
        add(depth + 1, "return vm.leave(n, 0)", index)
        add(depth, _CALL_CLOBBERS, index)

    # ------------------------------------------------------------------ jumps and calls

    def _write_jump(self, insn: Insn, index: int, depth: int) -> bool:
        add = self.source.add
        if insn.op == isa.CALL:
            self._write_call(insn, index, depth)
            return False
        if insn.op == isa.EXIT:
            add(depth, "return vm.leave(n, r0)", index)
            return True
        target = jump_target(insn, index)
        if target is None:
            raise self._unknown(insn, index)
        number = self.numbers[target]
        if insn.op in (isa.BPF_JMP | isa.BPF_JA, isa.GOTOL):
            add(depth, f"b = {number}", index)
            add(depth, "continue", index)
            return True
        may = insn.op == isa.MAY_GOTO
        test = "may == 0" if may else condition(insn)
        if test is None:
            raise self._unknown(insn, index)
        add(depth, f"if {test}:", index)
        add(depth + 1, f"b = {number}", index)
        add(depth + 1, "continue", index)
        if may:
            add(depth, "may -= 1", index)
        return False

    def _write_call(self, insn: Insn, index: int, depth: int) -> None:
        add = self.source.add
        relocation = self.relocations.get(index)
        if insn.src == isa.BPF_PSEUDO_CALL:
            target = index + 1 + insn.imm
            if all(f.start != target for f in self.code.functions):
                raise self.code.fail(index, f"a call leads to instruction {target}, where no function begins")
            add(depth, "vm.budget = n", index)
            add(depth, f"r0 = f{target}(vm, r1, r2, r3, r4, r5)", index)
            add(depth, "n = vm.budget", index)
        elif insn.src == isa.BPF_PSEUDO_KFUNC_CALL or relocation is not None:
            name = self.environment.kfunc(self.code, index, relocation)
            add(depth, f"r0 = {name}(vm, r1, r2, r3, r4, r5) & {MASK64:#x}", index)
        elif insn.src == 0:
            self._write_helper(insn.imm, index, depth)
        else:
            raise self._unknown(insn, index)
        add(depth, _CALL_CLOBBERS, index)

    def _write_helper(self, number: int, index: int, depth: int) -> None:
        add = self.source.add
        if number == isa.UNRESOLVED_HELPER:
            reasons = (p.why for p in self.code.linked.poisoned if p.index == index)
            add(depth, f"unresolved({next(reasons, '')!r})", index)
            return
        helper = helper_by_id(number)
        if helper is None:
            raise self.code.fail(index, f"there is no helper with the number {number}")
        arguments = ", ".join(f"r{i + 1}" for i in range(len(helper.params)))
        call = f"h{number}(vm, {arguments})" if arguments else f"h{number}(vm)"
        calls_back = number == TAIL_CALL or any(p.kind is ArgKind.ARG_PTR_TO_FUNC for p in helper.params)
        if calls_back:
            add(depth, "vm.budget = n", index)
        if number == TAIL_CALL:
            add(depth, f"r0 = {call}", index)
            add(depth, "if r0.__class__ is not int:", index)
            add(depth + 1, "vm.leave(n, 0)", index)
            add(depth + 1, "return r0(vm, r1, U, U, U, U)", index)
        elif helper.result.kind is RetKind.RET_VOID:
            add(depth, call, index)
            add(depth, "r0 = U", index)
        else:
            add(depth, f"r0 = {call} & {MASK64:#x}", index)
        if calls_back:
            add(depth, "n = vm.budget", index)


ATOMICS = frozenset(
    {op | fetch for op in (isa.BPF_ADD, isa.BPF_OR, isa.BPF_AND, isa.BPF_XOR) for fetch in (0, isa.BPF_FETCH)}
    | {isa.BPF_XCHG, isa.BPF_CMPXCHG}
)
"""The read-modify-write operations, by their immediates."""
