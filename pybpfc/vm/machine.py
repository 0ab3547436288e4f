"""The machine: runs the programs of an object, keeping maps and globals from run to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pybpfc.abi import insn as i
from pybpfc.abi.program_types import match_section
from pybpfc.formats.link import LinkedProgram, link_program
from pybpfc.formats.spec import ObjectSpec
from pybpfc.vm.context import make_context
from pybpfc.vm.decode import Step, compile_insn, number
from pybpfc.vm.helpers import HELPER_FUNCTIONS, Call
from pybpfc.vm.maps import VmMap
from pybpfc.vm.memory import (
    MASK,
    FunctionReference,
    MapReference,
    Pointer,
    Region,
    Value,
    VmError,
)

BUDGET = 20_000_000
"""Instructions after which a run is taken for endless."""


@dataclass(eq=False, slots=True)
class Frame:
    """One function's registers and stack."""

    r: list[Any]
    stack: Region
    back: int = -1


@dataclass(slots=True)
class Run:
    """What helpers see of a run under way."""

    machine: Machine
    program: str
    context: Pointer
    packet: Region | None
    trace: list[str] = field(default_factory=list)
    reservations: dict[int, tuple[str, Region]] = field(default_factory=dict)
    tail_call: str | None = None
    cpu: int = 0


class _Exit(Exception):
    pass


class Machine:
    """Runs an object's programs. `helpers` replace kernel helpers by name; `memory` is what probe reads find."""

    def __init__(
        self,
        spec: ObjectSpec,
        *,
        helpers: Mapping[str, Callable[..., Any]] | None = None,
        memory: Mapping[int, bytes] | None = None,
        cpus: int = 1,
        seed: int = 0,
    ) -> None:
        import random

        self.spec = spec
        self.overrides = dict(helpers or {})
        self.memory = dict(memory or {})
        self.maps = {name: VmMap(m, cpus) for name, m in spec.maps.items()}
        self.random = random.Random(seed)
        self.program_slots: dict[str, dict[int, str]] = {}
        self.clock = 1_000_000_000
        self._code: dict[str, _Code] = {}

    def code(self, name: str) -> _Code:
        """A program's instructions, decoded once."""
        if name not in self._code:
            self._code[name] = _Code(self.spec, link_program(self.spec, name), self.maps)
        return self._code[name]

    def run(self, name: str, data: bytes = b"", ctx: Any = None) -> tuple[int, Run]:
        """Run a program once: its result and what happened; raises `VmError` with the Python line."""
        if name not in self.spec.programs:
            known = ", ".join(self.spec.programs) or "none"
            raise VmError(f"there is no program `{name}`; the object has {known}")
        kind = match_section(self.spec.programs[name].section)
        context, packet = make_context(kind, self.spec, name, data, ctx)
        run = Run(self, name, Pointer(context), packet)
        for _ in range(33):
            result = _Execution(self, self.code(run.program), run).go()
            if run.tail_call is None:
                break
            run.program, run.tail_call = run.tail_call, None
        if run.reservations:
            reserved = next(iter(run.reservations.values()))[0]
            raise VmError(f"`{run.program}` ends without submitting or discarding a reservation of `{reserved}`")
        return result, run


class _Code:
    """A linked program as closures."""

    def __init__(self, spec: ObjectSpec, linked: LinkedProgram, maps: Mapping[str, VmMap]) -> None:
        self.linked = linked
        self.order = "big" if spec.big_endian else "little"
        self.insns = i.decode(linked.insns, big_endian=spec.big_endian)
        self.lines = {line.index: line for line in linked.line_info}
        relocations = {r.index: r for r in linked.relocations}
        self.immediates: dict[int, Value] = {}
        for index, insn in enumerate(self.insns):
            if insn.op == i.LD_IMM64:
                self.immediates[index] = self._immediate(index, insn, relocations, maps)
        self.steps: list[Step | None] = [None] * len(self.insns)

    def _immediate(self, index: int, insn: i.Insn, relocations: Mapping[int, Any], maps: Mapping[str, VmMap]) -> Value:
        relocation = relocations.get(index)
        if relocation is not None and relocation.kind == "map":
            return MapReference(relocation.symbol)
        if relocation is not None and relocation.kind == "data":
            return Pointer(maps[relocation.symbol].entries[bytes(4)][0], relocation.addend)
        if relocation is not None:
            raise VmError(f"`{relocation.symbol}` is a kernel symbol, which the VM does not have")
        if insn.src == i.BPF_PSEUDO_FUNC:
            return FunctionReference(index + 1 + insn.imm)
        if index + 1 >= len(self.insns):
            raise VmError("the last instruction is half of a 64-bit load")
        return (self.insns[index + 1].imm & 0xFFFFFFFF) << 32 | insn.imm & 0xFFFFFFFF

    def place(self, index: int) -> dict[str, Any]:
        """The Python line of an instruction."""
        for at in range(index, -1, -1):
            line = self.lines.get(at)
            if line is not None and line.line:
                return {"file": line.file, "line": line.line, "text": line.text}
        return {}


class _Execution:
    """One program on its way."""

    def __init__(self, machine: Machine, code: _Code, run: Run) -> None:
        self.machine = machine
        self.code = code
        self.run = run
        self.left = BUDGET
        self.depth = 0

    def go(self) -> int:
        """From the first instruction to the exit."""
        result = self.call(0, [self.run.context])
        return number(result, "the program's result") & 0xFFFFFFFF

    def call(self, start: int, args: list[Any]) -> Value:
        """Run a function and give its result."""
        if self.depth >= i.MAX_CALL_DEPTH:
            raise VmError(f"calls are more than {i.MAX_CALL_DEPTH} deep")
        self.depth += 1
        size = i.MAX_STACK
        stack = Region("the stack", bytearray(size), initialised=bytearray(size), keeps_pointers=True)
        frame = Frame([None] * 11, stack)
        frame.r[1 : 1 + len(args)] = args
        frame.r[10] = Pointer(stack, size)
        pc = start
        try:
            while True:
                pc = self._step(frame, pc)
                self.left -= 1
                if not self.left:
                    raise VmError(f"the program did not end within {BUDGET} instructions")
        except _Exit:
            return self._result(frame)
        except VmError as error:
            if not error.file:
                raise VmError(error.message, **self.code.place(self._pc)) from None
            raise
        finally:
            self.depth -= 1

    _pc = 0

    def _result(self, frame: Frame) -> Value:
        value: Value | None = frame.r[0]
        return 0 if value is None else value

    def _step(self, frame: Frame, pc: int) -> int:
        if not 0 <= pc < len(self.code.insns):
            raise VmError(f"the program runs out of its code at {pc}")
        self._pc = pc
        step = self.code.steps[pc]
        if step is None:
            insn = self.code.insns[pc]
            if insn.op in (i.EXIT, i.CALL, i.LD_IMM64) or insn.cls == i.BPF_LD:
                return self._special(frame, pc, insn)
            step = self.code.steps[pc] = compile_insn(insn, pc, self.code.order)
        try:
            return step(frame)
        except (TypeError, AttributeError):
            bad = next((n for n in (self.code.insns[pc].dst, self.code.insns[pc].src) if frame.r[n] is None), None)
            raise VmError(f"r{bad} is read before it is set" if bad is not None else "a pointer is misused") from None

    def _special(self, frame: Frame, pc: int, insn: i.Insn) -> int:
        if insn.op == i.EXIT:
            raise _Exit
        if insn.op == i.LD_IMM64:
            frame.r[insn.dst] = self.code.immediates[pc]
            return pc + 2
        if insn.op == i.CALL:
            return self._call(frame, pc, insn)
        return self._packet_load(frame, pc, insn)

    def _call(self, frame: Frame, pc: int, insn: i.Insn) -> int:
        if insn.src == i.BPF_PSEUDO_CALL:
            frame.r[0] = self.call(pc + 1 + insn.imm, frame.r[1:6])
            self._pc = pc
        elif insn.src:
            raise VmError("kernel functions (kfuncs) do not exist in the VM")
        else:
            frame.r[0] = self._helper(frame, insn.imm)
            if self.run.tail_call is not None:
                raise _Exit
        frame.r[1:6] = [None] * 5
        return pc + 1

    def _helper(self, frame: Frame, id: int) -> Value:
        from pybpfc.abi.helpers import HELPER_NAMES, HELPERS

        name = HELPER_NAMES.get(id)
        if name is None:
            raise VmError(f"there is no helper {id}")
        args = frame.r[1 : 1 + len(HELPERS[name].params)]
        if any(a is None for a in args):
            raise VmError(f"an argument of `{name}` is not set")
        call = Call(self.run, name, args, self.call)
        override = self.machine.overrides.get(name)
        if override is not None:
            result = override(*args)
            return result if isinstance(result, Pointer) else int(result or 0) & MASK
        function = HELPER_FUNCTIONS.get(name)
        if function is None:
            raise VmError(f'the VM has no `{name}`; give one: `helpers={{"{name}": function}}`')
        answer = function(call)
        return answer & MASK if isinstance(answer, int) else answer

    def _packet_load(self, frame: Frame, pc: int, insn: i.Insn) -> int:
        """The legacy loads of socket filters: network order, and the program ends outside the packet."""
        mode, size = insn.op & 0xE0, i.WIDTHS[insn.op & 0x18]
        if mode not in (i.BPF_ABS, i.BPF_IND) or self.run.packet is None:
            raise VmError(f"unknown instruction {insn.op:#04x}")
        at = insn.imm + (number(frame.r[insn.src]) & 0xFFFFFFFF if mode == i.BPF_IND else 0)
        data = self.run.packet.data
        if at < 0 or at + size > len(data):
            frame.r[0] = 0
            raise _Exit
        frame.r[0] = int.from_bytes(data[at : at + size], "big")
        return pc + 1
