"""From a linked program to functions whose jumps are known to be sound: the first step to Python code."""

from __future__ import annotations

from dataclasses import dataclass, field

from pybpfc.abi import insn as isa
from pybpfc.abi.helpers import HELPER_NAMES
from pybpfc.abi.insn import Insn
from pybpfc.formats.link import LinkedProgram
from pybpfc.vm.errors import Place, VmError

_CALLX = isa.CALL | isa.BPF_X


@dataclass(slots=True)
class FunctionCode:
    """One function: instructions `start` to `end` of its program, and where jumps lead within it."""

    name: str
    start: int
    end: int
    targets: set[int] = field(default_factory=set)
    headers: set[int] = field(default_factory=set)


@dataclass(slots=True)
class ProgramCode:
    """A program's instructions and functions, the main one first."""

    linked: LinkedProgram
    insns: list[Insn]
    functions: list[FunctionCode]
    second_halves: frozenset[int]

    def function_at(self, index: int) -> FunctionCode:
        """The function that holds an instruction."""
        return next(f for f in self.functions if f.start <= index < f.end)

    def place(self, index: int) -> Place:
        """Where an instruction comes from."""
        function = self.function_at(index)
        best = None
        for line in self.linked.line_info:
            if function.start <= line.index <= index and (best is None or line.index >= best.index):
                best = line
        insn = self.insns[index]
        name = HELPER_NAMES.get(insn.imm, "") if insn.op == isa.CALL and not insn.src else ""
        if best is None:
            return Place(function.name, index, call=name)
        return Place(function.name, index, best.file, best.line, best.column, best.text, name)

    def fail(self, index: int, message: str, remedy: str = "") -> VmError:
        """An error at an instruction."""
        error = VmError(message, remedy=remedy)
        error.locate((self.place(min(index, len(self.insns) - 1)),))
        return error


def decode_program(linked: LinkedProgram, *, big_endian: bool = False) -> ProgramCode:
    """Decode and check; raises `VmError` for code that no kernel would take for well formed."""
    try:
        insns = isa.decode(linked.insns, big_endian=big_endian)
    except ValueError as error:
        raise VmError(f"`{linked.name}`: {error}") from None
    if not insns:
        raise VmError(f"`{linked.name}` has no instructions")
    halves = _second_halves(insns)
    names = dict(linked.functions) or {0: linked.name}
    starts = sorted({0, *names, *_local_calls(insns, halves)})
    functions = [
        FunctionCode(names.get(start, f"function_{start}"), start, end)
        for start, end in zip(starts, [*starts[1:], len(insns)], strict=True)
        if start < len(insns)
    ]
    code = ProgramCode(linked, insns, functions, frozenset(halves))
    for function in functions:
        _check_function(code, function)
    return code


def _second_halves(insns: list[Insn]) -> set[int]:
    """The indexes of the upper halves of 64-bit immediate loads."""
    found: set[int] = set()
    index = 0
    while index < len(insns):
        if insns[index].op == isa.LD_IMM64:
            found.add(index + 1)
            index += 1
        index += 1
    return found


def _local_calls(insns: list[Insn], halves: set[int]) -> set[int]:
    """Where functions begin, judging by who calls them or takes their address."""
    found: set[int] = set()
    for index, insn in enumerate(insns):
        if index in halves:
            continue
        called = insn.op == isa.CALL and insn.src == isa.BPF_PSEUDO_CALL
        taken = insn.op == isa.LD_IMM64 and insn.src == isa.BPF_PSEUDO_FUNC
        target = index + 1 + insn.imm
        if (called or taken) and 0 <= target < len(insns) and target not in halves:
            found.add(target)
    return found


def jump_target(insn: Insn, index: int) -> int | None:
    """Where a jump leads; None for every other instruction, calls and exits included."""
    if insn.cls not in (isa.BPF_JMP, isa.BPF_JMP32):
        return None
    kind = insn.op & 0xF0
    if kind in (isa.BPF_CALL, isa.BPF_EXIT):
        return None
    return index + 1 + (insn.imm if insn.op == isa.GOTOL else insn.off)


def _check_function(code: ProgramCode, function: FunctionCode) -> None:
    """Check registers, jumps and the end; note where jumps lead."""
    for index in range(function.start, function.end):
        if index in code.second_halves:
            continue
        insn = code.insns[index]
        if insn.dst > 10 or insn.src > 10:
            raise code.fail(index, f"there is no register r{max(insn.dst, insn.src)}")
        if insn.op == isa.LD_IMM64 and (index + 1 >= function.end or code.insns[index + 1].op):
            raise code.fail(index, "a 64-bit immediate load lacks its second half")
        if insn.op == _CALLX:
            raise code.fail(index, "calls through a register are not part of what the kernel runs")
        target = jump_target(insn, index)
        if target is None:
            continue
        if not function.start <= target < function.end or target in code.second_halves:
            raise code.fail(
                index, f"a jump leads to {target}, outside `{function.name}` or into an instruction's middle"
            )
        function.targets.add(target)
        if target <= index:
            function.headers.add(target)
    last = code.insns[function.end - 1]
    ends = last.op == isa.EXIT or last.op in (isa.BPF_JMP | isa.BPF_JA, isa.GOTOL)
    if not ends or function.end - 1 in code.second_halves:
        raise code.fail(function.end - 1, f"`{function.name}` does not end with an exit or a jump")
