"""All stages one after the other: analysis, lowering, passes, code generation."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

from pybpfc.abi.helpers import HELPERS
from pybpfc.backend.codegen import Artifacts, generate
from pybpfc.backend.errors import BackendError
from pybpfc.backend.reports import diagnose
from pybpfc.backend.stack import check_stack
from pybpfc.backend.worker import CodegenWorker
from pybpfc.compiler import Options, Source
from pybpfc.diagnostics.errors import CompileError, CompilerBug
from pybpfc.diagnostics.sink import DiagnosticSink
from pybpfc.frontend.analyze import Analysis, analyze
from pybpfc.frontend.lower.module import lower_unit
from pybpfc.frontend.weight import HEAVY, heaviest, verify_apart
from pybpfc.ir.module import Module, Target
from pybpfc.ir.passes.pipeline import run_checks, run_passes
from pybpfc.ir.printer import print_module
from pybpfc.lang.fingerprint import Dependencies
from pybpfc.records import frozen


@frozen
class Built:
    """A finished compilation."""

    elf: bytes
    dependencies: Dependencies
    warnings: tuple[Any, ...]


@frozen
class _Finished:
    """What the stages made; `sink` holds the warnings."""

    analysis: Analysis
    module: Module
    made: Artifacts
    sink: DiagnosticSink


def build(source: Source, options: Options, worker: CodegenWorker) -> Built:
    """Compile; raises `CompileError`."""
    target = Target(options.cpu, options.big_endian, options.kernel)
    done = _compile(source, target, worker, ("object",))
    return Built(done.made.elf, done.analysis.dependencies, done.sink.warnings)


_LIGHTER = ((True, False, HEAVY), (True, True, None), (False, True, None), (True, False, None))
"""The ways in order: functions apart, loops spared, and how heavy the outcome may be for the way to be taken."""


def _compile(source: Source, target: Target, worker: CodegenWorker, emit: tuple[str, ...]) -> _Finished:
    """All stages; raises `CompileError`.

    What is heavy for the verifier is compiled so that it walks less: functions verified on their own, more loops left
    to `bpf_loop`, or both, where that fits the limits of calls and the stack.
    """
    sink = DiagnosticSink()
    analysis = check(source, sink)
    since = HELPERS["bpf_loop"].since
    if heaviest(analysis.unit.functions) < HEAVY or (target.kernel or since) < since:
        return _finish(analysis, target, worker, sink, emit)
    for apart, sparing, most in _LIGHTER:
        spared = DiagnosticSink(sink.sources)
        lighter = check(source, spared, sparing=sparing)
        if apart:
            verify_apart(lighter.unit.functions)
        if most is not None and heaviest(lighter.unit.functions) >= most:
            continue
        with contextlib.suppress(CompileError), CodegenWorker() as another:
            return _finish(lighter, target, another, spared, (*emit, "object"))
    return _finish(analysis, target, worker, sink, emit)


def _finish(
    analysis: Analysis, target: Target, worker: CodegenWorker, sink: DiagnosticSink, emit: tuple[str, ...]
) -> _Finished:
    module = lower(analysis, target, sink)
    return _Finished(analysis, module, _generate(worker, module, target, sink, emit), sink)


def check(source: Source, sink: DiagnosticSink, *, sparing: bool = False) -> Analysis:
    """The frontend alone; raises `CompileError`."""
    analysis = analyze(source.namespace, source.name, source.file, sink, source.programs, sparing=sparing)
    sink.raise_if_errors()
    if analysis is None:
        raise CompilerBug("the checker failed without a diagnostic")
    return analysis


def lower(analysis: Analysis, target: Target, sink: DiagnosticSink) -> Module:
    """The IR after all passes and checks; raises `CompileError`.

    `PYBPFC_DUMP=DIR` writes it after each pass; `PYBPFC_VERIFY=0` skips the verification between.
    """
    module = lower_unit(analysis.unit, target)
    dump = os.environ.get("PYBPFC_DUMP")
    verify = os.environ.get("PYBPFC_VERIFY", "1") != "0"
    run_passes(module, target, verify=verify, dump=Path(dump) if dump else None)
    run_checks(module, target, sink)
    sink.raise_if_errors()
    return module


def check_without_code(source: Source, options: Options, sink: DiagnosticSink) -> None:
    """Find everything that can be found without generating code; it is in the sink then."""
    errors = len(sink.errors)
    analysis = analyze(source.namespace, source.name, source.file, sink, source.programs, unreached=True)
    if analysis is None or len(sink.errors) > errors:
        return
    target = Target(options.cpu, options.big_endian, options.kernel)
    run_checks(run_passes(lower_unit(analysis.unit, target), target), target, sink)


def _generate(
    worker: CodegenWorker, module: Module, target: Target, sink: DiagnosticSink, emit: tuple[str, ...]
) -> Artifacts:
    try:
        made = generate(worker, module, target, emit)
    except BackendError as error:
        raise CompileError([diagnose(str(error), module)], sink.warnings, 0, sink.sources) from error
    if made.elf:
        check_stack(made.frames, made.elf, module, target, sink)
        if target.kernel is not None:
            from pybpfc.backend.requirements import check_requirements

            check_requirements(made.elf, module, target, sink)
        sink.raise_if_errors()
    return made


def dump_stages(
    source: Source, wanted: frozenset[str], options: Options, worker: CodegenWorker
) -> dict[str, str | bytes]:
    """The outputs of stages by name."""
    target = Target(options.cpu, options.big_endian, options.kernel)
    finished = wanted & {"asm", "object", "btf"}
    done = _compile(source, target, worker, ("object", "asm") if finished else ())
    out: dict[str, str | bytes] = {"llvm": done.made.llvm, "asm": done.made.asm, "object": done.made.elf}
    if "desugared" in wanted:
        from pybpfc.frontend.desugar import to_source

        out["desugared"] = "\n".join(to_source(node) for node in done.analysis.desugared)
    if "typed" in wanted:
        from pybpfc.frontend.typed_printer import print_unit

        out["typed"] = print_unit(done.analysis.unit)
    if "ir" in wanted:
        out["ir"] = print_module(lower_unit(done.analysis.unit, target))
    if "btf" in wanted:
        out["btf"] = _btf(done.made.elf)
    return {name: content for name, content in out.items() if name in wanted}


def _btf(elf: bytes) -> str:
    from pybpfc.formats.btf_c import print_c
    from pybpfc.formats.object_reader import parse_object

    spec = parse_object(elf)
    return print_c(spec.btf) if spec.btf is not None else ""
