"""What the module uses must be there: for its program types and hooks, its licence, and the kernel it is compiled for.

This sees what the frontend does not: the helpers that other constructs became, in all functions that a program reaches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pybpfc.abi import alternatives
from pybpfc.abi.helpers import Helper
from pybpfc.abi.insn import ISA_SINCE
from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.abi.printf import printk_since
from pybpfc.abi.program_types import GPL_COMPATIBLE, match_section
from pybpfc.abi.versions import FEATURE_SINCE, KernelVersion
from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.diagnostic import Label
from pybpfc.diagnostics.sink import DiagnosticSink
from pybpfc.diagnostics.span import Span
from pybpfc.ir import ops
from pybpfc.ir.module import Function, Linkage, Module, ProgramInfo, Target

MORE = 3
"""Further uses of the same thing that a diagnostic shows."""


def check_availability(module: Module, target: Target, sink: DiagnosticSink) -> None:
    """Report helpers, hooks, maps and instructions that are not to be had."""
    for program in module.functions:
        if program.program is not None:
            reached = _reached(module, program)
            _check_helpers(module, program.program, reached, target, sink)
            _check_kernel_functions(reached, target, sink)
    _check_tail_calls(module, sink)
    if target.kernel is not None:
        _check_hooks(module, target.kernel, sink)
        _check_maps(module, target.kernel, sink)
        _check_features(module, target.kernel, sink)
    elif target.cpu in ("v1", "v2"):
        _check_atomics(module, target.cpu, sink)


def _reached(module: Module, program: Function) -> list[Function]:
    """The functions a program runs, itself first."""
    found = [program]
    for function in found:
        for op in _ops(function):
            names = [v.name for v in op.operands() if isinstance(v, ops.FunctionPointer)]
            for name in (*names, *([op.function] if isinstance(op, ops.Call) else [])):
                callee = module.function(name)
                if callee not in found:
                    found.append(callee)
    return found


def _ops(function: Function) -> Iterator[ops.Op]:
    return (op for block in function.blocks for op in block.ops)


def forbidden(helper: Helper, section_name: str, program_type: str) -> catalog.ErrorClass | None:
    """Why programs of this section may not call the helper; None when they may."""
    section = match_section(section_name)
    if not helper.usable(program_type, section.expected_attach_type if section is not None else None):
        return catalog.HelperNotAvailable(helper.name, program_type, section_name)
    if helper.sleepable_only and not (section is not None and section.sleepable):
        return catalog.HelperNeedsSleep(helper.name)
    return None


def _check_helpers(
    module: Module, program: ProgramInfo, functions: Iterable[Function], target: Target, sink: DiagnosticSink
) -> None:
    uses: dict[Helper, list[Span]] = {}
    for function in functions:
        for op in _ops(function):
            if isinstance(op, ops.HelperCall):
                uses.setdefault(op.helper, []).append(op.span)
    for helper, spans in uses.items():
        mistake = forbidden(helper, program.section, program.type.name)
        since = helper.since_in(program.type.name)
        helps: list[str] = []
        if mistake is None and helper.gpl and module.license not in GPL_COMPATIBLE:
            mistake = catalog.HelperNeedsGpl(helper.name, module.license)
        if mistake is None and target.kernel is not None and since > target.kernel:
            where = "" if since == helper.since else f" for `{program.section.partition('/')[0]}` programs"
            mistake = catalog.HelperTooNew(helper.name, str(since), str(target.kernel), where)
            instead = alternatives.HELPERS.get(helper.name)
            helps = [f"use {instead}"] if instead is not None else []
        if mistake is not None:
            sink.emit(mistake.at(spans[0], labels=_further(spans), helps=helps))


def _check_kernel_functions(functions: Iterable[Function], target: Target, sink: DiagnosticSink) -> None:
    """Kernel functions that the kernel compiled for may lack must be asked for."""
    asked: set[str] = set()
    uses: dict[str, list[ops.KernelCall]] = {}
    for function in functions:
        for op in _ops(function):
            if isinstance(op, ops.KernelSymbolExists):
                asked.add(op.function.name)
            elif isinstance(op, ops.KernelCall):
                uses.setdefault(op.function.name, []).append(op)
    for name, calls in uses.items():
        since = calls[0].function.flags.since
        if target.kernel is not None and since > target.kernel and name not in asked:
            mistake = catalog.HelperTooNew(name, str(since), str(target.kernel), "")
            helps = [f"call it where `bpf.ksym_exists({name})`"]
            sink.emit(mistake.at(calls[0].span, labels=_further([c.span for c in calls]), helps=helps))


def _check_tail_calls(module: Module, sink: DiagnosticSink) -> None:
    """All programs that call through one program array are of one type: the first one loaded decides."""
    users: dict[str, dict[tuple[str, bool], tuple[Function, Span]]] = {}
    for program in module.functions:
        section = match_section(program.program.section) if program.program is not None else None
        for function in _reached(module, program) if section is not None else ():
            for op in _ops(function):
                if isinstance(op, ops.HelperCall) and op.helper.name == "bpf_tail_call" and section is not None:
                    kind = section.program_type.removeprefix("BPF_PROG_TYPE_"), section.frags
                    for map in (a.map for a in op.args if isinstance(a, ops.MapPointer)):
                        users.setdefault(map.name, {}).setdefault(kind, (program, op.span))
    for name, kinds in users.items():
        (first, (_, where)), *others = kinds.items()
        for kind, (program, span) in others:
            labels = [Label(where, f"used by {_type_name(first)} programs here")]
            mistake = catalog.TailCallTypes(name, _type_name(first), _type_name(kind))
            sink.emit(mistake.at(span, labels=labels, notes=(f"in the program `{program.name}`",)))


def _type_name(kind: tuple[str, bool]) -> str:
    return kind[0] + (" (frags)" if kind[1] else "")


def _further(spans: list[Span]) -> list[Label]:
    """The places of further uses."""
    return [Label(span, "and here") for span in dict.fromkeys(spans) if span != spans[0]][:MORE]


def _check_hooks(module: Module, kernel: KernelVersion, sink: DiagnosticSink) -> None:
    for function in module.functions:
        section = match_section(function.program.section) if function.program is not None else None
        if function.program is not None and section is not None and section.since > kernel:
            kind = catalog.HookTooNew(section.name, str(section.since), str(kernel))
            sink.emit(kind.at(function.span))


def _check_maps(module: Module, kernel: KernelVersion, sink: DiagnosticSink) -> None:
    for found in module.maps:
        kind = MAP_TYPES.get(found.declaration.type_name)
        if kind is not None and kind.since > kernel:
            instead = alternatives.MAP_TYPES.get(kind.name)
            mistake = catalog.MapTooNew(found.name, kind.name, str(kind.since), str(kernel))
            sink.emit(mistake.at(found.span, helps=[f"use {instead}"] if instead is not None else []))


def _check_features(module: Module, kernel: KernelVersion, sink: DiagnosticSink) -> None:
    """Instructions, data sections and kinds of functions that came later."""

    def need(since: KernelVersion, what: str, spans: list[Span], help: str) -> None:
        if since > kernel:
            kind = catalog.FeatureTooNew(what, str(since), str(kernel))
            sink.emit(kind.at(spans[0], labels=_further(spans), helps=[help]))

    data: dict[str, list[Span]] = {}
    for function in module.functions:
        if function.linkage is Linkage.GLOBAL:
            help = "leave `exported=True` out"
            need(FEATURE_SINCE["exported"], "a function verified on its own", [function.span], help)
        used = _used(function)
        for op in _ops(function):
            if isinstance(op, ops.Atomic) and _is_newer(op, used):
                help = "older kernels add atomically, without giving the old value"
                need(ISA_SINCE["atomics"], "this atomic operation", [op.span], help)
            if isinstance(op, ops.HelperCall) and op.helper.name == "bpf_trace_printk":
                help = "older kernels take decimals, `x` and one text, without width"
                need(_format_since(op), "this format", [op.span], help)
            for value in op.operands():
                if isinstance(value, ops.GlobalPointer):
                    name = value.variable.name
                    what = f"the global variable `{name}`" if value.variable.exported else "constant data"
                    data.setdefault(what, []).append(op.span)
    for what, spans in data.items():
        need(FEATURE_SINCE["globals"], what, spans, "keep it in a `bpf.Array` of one entry")


def _check_atomics(module: Module, cpu: str, sink: DiagnosticSink) -> None:
    """Without a kernel named, the instruction set says what there is."""
    since = str(ISA_SINCE["atomics"])
    for function in module.functions:
        used = _used(function)
        for op in _ops(function):
            if isinstance(op, ops.Atomic) and _is_newer(op, used):
                kind = catalog.FeatureTooNew("this atomic operation", since, f"the instruction set {cpu}")
                help = "compile for v3 or v4; older ones add, without giving the old value"
                sink.emit(kind.at(op.span, helps=[help]))


def _used(function: Function) -> set[int]:
    """The results that something reads."""
    read = [v for op in _ops(function) for v in op.operands()]
    read += [v for block in function.blocks if block.terminator is not None for v in block.terminator.operands()]
    return {v.id for v in read if isinstance(v, ops.Temp)}


def _format_since(op: ops.HelperCall) -> KernelVersion:
    pattern = op.args[0]
    known = pattern.variable.initial if isinstance(pattern, ops.GlobalPointer) else None
    return printk_since(known) if isinstance(known, bytes) else op.helper.since


def _is_newer(op: ops.Atomic, used: set[int]) -> bool:
    """Whether an atomic operation is more than an addition whose result nobody wants."""
    return op.op is not ops.AtomicOp.ADD or (op.result is not None and op.result.id in used)
