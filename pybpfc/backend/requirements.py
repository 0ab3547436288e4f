"""What finished code needs of old kernels: functions, jumps backwards, tail calls beside functions.

Only the finished code shows which functions LLVM left standing and which loops it did not unroll.
"""

from __future__ import annotations

from pybpfc.abi import insn as i
from pybpfc.abi.helpers import HELPERS
from pybpfc.abi.versions import FEATURE_SINCE
from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.sink import DiagnosticSink
from pybpfc.diagnostics.span import Span
from pybpfc.formats.object_reader import parse_object
from pybpfc.formats.spec import FunctionSpec, ObjectSpec
from pybpfc.ir.module import Module, Target

NEWEST = max(FEATURE_SINCE[name] for name in ("calls", "loops", "tail calls in functions"))
"""From this kernel on there is nothing to check."""


def check_requirements(elf: bytes, module: Module, target: Target, sink: DiagnosticSink) -> None:
    """Report what the kernel compiled for does not have."""
    if target.kernel is None or target.kernel >= NEWEST:
        return
    spec = parse_object(elf)
    for function in (*spec.programs.values(), *spec.functions.values()):
        for feature, what, help, index in _needs(function, spec):
            if FEATURE_SINCE[feature] > target.kernel:
                kind = catalog.FeatureTooNew(what, str(FEATURE_SINCE[feature]), str(target.kernel))
                sink.emit(kind.at(_place(function, index, module), helps=[help]))
                break


def _needs(function: FunctionSpec, spec: ObjectSpec) -> list[tuple[str, str, str, int]]:
    """Features that a function needs: name, what it is in words, what helps, and the instruction."""
    found: list[tuple[str, str, str, int]] = []
    for index, insn in enumerate(i.decode(function.insns, big_endian=spec.big_endian)):
        cls, kind = insn.op & 7, insn.op & 0xF0
        if insn.op == i.CALL and insn.src == i.BPF_PSEUDO_CALL:
            found.append(
                ("calls", "a function that is called", "put it into its caller: `@bpf.func(inline=True)`", index)
            )
        elif insn.op == i.CALL and insn.imm == HELPERS["bpf_tail_call"].id and spec.functions:
            help = "put the functions into their callers: `@bpf.func(inline=True)`"
            found.append(("tail calls in functions", "a tail call in a program with functions", help, index))
        elif cls in (i.BPF_JMP, i.BPF_JMP32) and kind not in (i.BPF_CALL, i.BPF_EXIT):
            offset = insn.imm if insn.op == i.GOTOL else insn.off
            if offset < 0:
                found.append(("loops", "a loop that is not unrolled", "give it fewer rounds, or write them out", index))
    return found


def _place(function: FunctionSpec, index: int, module: Module) -> Span:
    """The Python line that an instruction comes from."""
    line = next((line for line in reversed(function.line_info) if line.index <= index and line.line), None)
    if line is None:
        return module.function(function.name).span
    start = len(line.text) - len(line.text.lstrip()) + 1
    return Span(line.file, line.line, start, line.line, len(line.text) + 1)
