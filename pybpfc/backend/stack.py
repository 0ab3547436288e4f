"""The stack of finished code: what each function takes, and what its calls add up to, as the kernel counts them.

What a function takes shows in its instructions, for r10 is the top of its frame: the lowest address made from it is the
frame's end. Only then is it known what LLVM kept in registers, and which functions it put into their callers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pybpfc.abi import insn as i
from pybpfc.abi.helpers import HELPERS
from pybpfc.abi.stack import (
    COARSE_GRANULE,
    FINE_GRANULE,
    FINE_SINCE,
    MAX_CALL_DEPTH,
    MAX_STACK,
    PRIVATE_STACK_SINCE,
    TAIL_CALL_STACK,
    has_private_stack,
    rounded,
)
from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.diagnostic import Label
from pybpfc.diagnostics.sink import DiagnosticSink
from pybpfc.formats import elf as e
from pybpfc.ir import ops
from pybpfc.ir.module import Function, Linkage, Module, Target
from pybpfc.lang.types import size_of
from pybpfc.records import frozen

Chain = tuple[str, ...]
"""The functions of a chain of calls, the program first."""

_LARGE = 32
"""Bytes from which a variable is worth naming when the stack is full."""
_FRAME_POINTER, _SLOT = 10, 8


# --------------------------------------------------------------------------------- single frames


def frame_sizes(elf: e.ElfFile) -> dict[str, int]:
    """The bytes of stack that each function of an object takes."""
    sizes: dict[str, int] = {}
    for symbol in elf.symbols:
        if symbol.type == e.STT_FUNC and 0 < symbol.section < len(elf.sections):
            code = elf.sections[symbol.section].data[symbol.value : symbol.value + symbol.size]
            sizes[symbol.name] = frame_size(code, elf.big_endian)
    return sizes


def frame_size(code: bytes, big_endian: bool = False) -> int:
    """The bytes of stack that a function's instructions take: the slots of 8 down to the lowest address made from r10.

    Addresses are followed in the order of the instructions, as LLVM makes each anew where it is used.
    """
    lowest = 0
    known: dict[int, int] = {_FRAME_POINTER: 0}
    for insn in i.decode(code, big_endian=big_endian):
        kind = insn.op & 7
        if kind == i.BPF_LDX:
            if insn.src in known:
                lowest = min(lowest, known[insn.src] + insn.off)
            known.pop(insn.dst, None)
        elif kind in (i.BPF_ST, i.BPF_STX):
            if insn.dst in known:
                lowest = min(lowest, known[insn.dst] + insn.off)
        elif insn.op == i.BPF_ALU64 | i.BPF_MOV | i.BPF_X and insn.src in known and not insn.off:
            known[insn.dst] = known[insn.src]
        elif insn.op == i.BPF_ALU64 | i.BPF_ADD | i.BPF_K and insn.dst in known:
            known[insn.dst] += insn.imm
            lowest = min(lowest, known[insn.dst])
        elif kind in (i.BPF_ALU, i.BPF_ALU64, i.BPF_LD):
            known.pop(insn.dst, None)
    return -(lowest // _SLOT) * _SLOT


# ----------------------------------------------------------------------------------- whole calls


@frozen
class Calls:
    """Who calls whom in finished code, and who makes tail calls."""

    callees: Mapping[str, tuple[str, ...]]
    tail_callers: frozenset[str]

    def reached(self, program: str) -> list[str]:
        """The functions that a program reaches, callers before callees."""
        order: list[str] = []
        seen: set[str] = set()

        def visit(name: str) -> None:
            if name not in seen:
                seen.add(name)
                for callee in self.callees.get(name, ()):
                    visit(callee)
                order.append(name)

        visit(program)
        return order[::-1]

    def longest(self, program: str, weight: Callable[[str], int]) -> dict[str, tuple[int, Chain]]:
        """For each function that a program reaches, the heaviest chain of calls that ends with it."""
        best: dict[str, tuple[int, Chain]] = {program: (weight(program), (program,))}
        for name in self.reached(program):
            total, chain = best[name]
            for callee in self.callees.get(name, ()):
                found = total + weight(callee)
                if callee not in best or best[callee][0] < found:
                    best[callee] = (found, (*chain, callee))
        return best


def check_stack(frames: Mapping[str, int], elf: bytes, module: Module, target: Target, sink: DiagnosticSink) -> None:
    """Report functions, and chains of calls, that take more stack than there is."""
    full = [name for name, size in frames.items() if size > MAX_STACK]
    for name in full:
        function = _find(module, name)
        labels = _variables(module, (name,), frames)
        sink.emit(catalog.StackTooLarge(name, frames[name]).at(function.span, labels=labels))
    all_together = sum(rounded(size, COARSE_GRANULE) for size in frames.values())
    if full or (all_together <= TAIL_CALL_STACK and len(frames) <= MAX_CALL_DEPTH):
        return
    calls = _calls(elf, module)
    for function in module.functions:
        if function.linkage is Linkage.PROGRAM:
            _check_program(function, frames, calls, module, target, sink)


def _calls(elf: bytes, module: Module) -> Calls:
    """The calls of finished code. Callbacks that the kernel runs later have a stack of their own."""
    from pybpfc.formats.object_reader import parse_object

    spec = parse_object(elf)
    later = _run_later(module)
    callees: dict[str, tuple[str, ...]] = {}
    tail_callers: set[str] = set()
    for function in (*spec.programs.values(), *spec.functions.values()):
        called = [
            r.symbol
            for r in function.relocations
            if r.kind == "call" or (r.kind == "function_address" and r.symbol not in later)
        ]
        callees[function.name] = tuple(dict.fromkeys(called))
        for insn in i.decode(function.insns, big_endian=spec.big_endian):
            if insn.op == i.CALL and not insn.src and insn.imm == HELPERS["bpf_tail_call"].id:
                tail_callers.add(function.name)
    return Calls(callees, frozenset(tail_callers))


def _run_later(module: Module) -> set[str]:
    """The callbacks of timers."""
    found: set[str] = set()
    for op in _all_ops(module.functions):
        if isinstance(op, ops.HelperCall) and op.helper.name == "bpf_timer_set_callback":
            found |= {a.name for a in op.args if isinstance(a, ops.FunctionPointer)}
    return found


def _all_ops(functions: Iterable[Function]) -> Iterable[ops.Op]:
    return (op for function in functions for block in function.blocks for op in block.ops)


def _check_program(
    program: Function, frames: Mapping[str, int], calls: Calls, module: Module, target: Target, sink: DiagnosticSink
) -> None:
    """One program: how deep its calls go, and what the stack of the deepest ones comes to."""
    name = program.name
    depth, chain = max(calls.longest(name, lambda _: 1).values())
    if depth > MAX_CALL_DEPTH:
        labels = [Label(_find(module, n).span, f"{at}. {_title(module, n)}") for at, n in enumerate(chain[1:], 2)]
        sink.emit(catalog.CallDepth(name, depth, " → ".join(chain)).at(program.span, labels=labels))
    fine = calls.longest(name, lambda n: rounded(frames[n], FINE_GRANULE))
    size, chain = max(fine.values())
    _check_tail_calls(fine, frames, calls, module, sink)
    coarse, coarse_chain = max(calls.longest(name, lambda n: rounded(frames[n], COARSE_GRANULE)).values())
    assert program.program is not None
    private = has_private_stack(program.program.section) and not calls.tail_callers & set(fine)
    kernel = target.kernel
    fits_fine = size <= MAX_STACK and (kernel is None or kernel >= FINE_SINCE)
    fits_private = private and (kernel is None or kernel >= PRIVATE_STACK_SINCE)
    if coarse <= MAX_STACK:
        return
    shown = (size, chain) if size > MAX_STACK else (coarse, coarse_chain)
    labels = _story(module, shown[1], frames)
    if not fits_fine and not fits_private:
        kind: catalog.ErrorClass = catalog.CombinedStack(name, shown[0], " → ".join(shown[1]))
    elif kernel is None:
        kind = catalog.StackNeedsNewer(name, shown[0], str(FINE_SINCE if fits_fine else PRIVATE_STACK_SINCE))
    else:
        return
    sink.emit(kind.at(program.span, label=f"{frames[name]} bytes here", labels=labels))


def _check_tail_calls(
    stacks: Mapping[str, tuple[int, Chain]],
    frames: Mapping[str, int],
    calls: Calls,
    module: Module,
    sink: DiagnosticSink,
) -> None:
    for name in calls.tail_callers:
        if name not in stacks or len(stacks[name][1]) < 2:
            continue
        total, chain = stacks[name]
        before = total - rounded(frames[name], FINE_GRANULE)
        if before >= TAIL_CALL_STACK:
            function = _find(module, name)
            where = next((op.span for op in _all_ops([function]) if _is_tail_call(op)), function.span)
            labels = _story(module, ("", *chain[:-1]), frames)
            sink.emit(catalog.TailCallStack(name, before).at(where, labels=labels))


def _is_tail_call(op: ops.Op) -> bool:
    return isinstance(op, ops.HelperCall) and op.helper.name == "bpf_tail_call"


# --------------------------------------------------------------------------------------- telling


def _find(module: Module, name: str) -> Function:
    """A function of the IR by its symbol."""
    return module.function(name)


def _title(module: Module, name: str) -> str:
    """What a function is called in a label; the bodies of loops have no name of their own."""
    return "the body of this loop" if "." in name else f"`{name}`"


def _story(module: Module, chain: Chain, frames: Mapping[str, int]) -> list[Label]:
    """What each function behind the program takes, and the largest variables."""
    called = [Label(_find(module, n).span, f"{_title(module, n)} takes {frames[n]} bytes") for n in chain[1:]]
    return [*called, *_variables(module, chain, frames)]


def _variables(module: Module, chain: Chain, frames: Mapping[str, int]) -> list[Label]:
    """The largest variables of a chain's functions, and of those that LLVM put into them."""
    found: dict[tuple[int, str], Label] = {}
    for name in filter(None, chain):
        for function in _with_inlined(module, name, frames):
            for local in function.locals:
                size = size_of(local.type)
                if size >= _LARGE:
                    found.setdefault((-size, str(local.span)), Label(local.span, f"{size} bytes"))
    return [found[key] for key in sorted(found)[:5]]


def _with_inlined(module: Module, name: str, frames: Mapping[str, int]) -> list[Function]:
    """A function, and those it calls that are none in the finished code."""
    found = [_find(module, name)]
    for function in found:
        for op in _all_ops([function]):
            if isinstance(op, ops.Call) and op.function not in frames:
                callee = _find(module, op.function)
                if callee not in found:
                    found.append(callee)
    return found
