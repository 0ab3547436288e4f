"""All passes, in order, in one place; and the runner that verifies, times and dumps between them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pybpfc.diagnostics.errors import CompilerBug
from pybpfc.diagnostics.sink import DiagnosticSink
from pybpfc.ir.module import Module, Target
from pybpfc.ir.passes.availability import check_availability
from pybpfc.ir.passes.bound_results import bound_results
from pybpfc.ir.passes.locks import check_locks
from pybpfc.ir.passes.lower_division import lower_division
from pybpfc.ir.passes.lower_maps import lower_maps
from pybpfc.ir.passes.lower_packets import lower_packets
from pybpfc.ir.passes.lower_print import lower_print
from pybpfc.ir.passes.unreachable import remove_unreachable
from pybpfc.ir.printer import print_module
from pybpfc.ir.verify import verify_module
from pybpfc.records import frozen


@frozen
class Pass:
    """One transformation. After a `lowers_all` pass no high-level op is left."""

    name: str
    run: Callable[[Module, Target], None]
    lowers_all: bool = False


PASSES: tuple[Pass, ...] = (
    Pass("unreachable", remove_unreachable),
    Pass("print", lower_print),
    Pass("maps", lower_maps),
    Pass("packets", lower_packets, lowers_all=True),
    Pass("results", bound_results, lowers_all=True),
    Pass("division", lower_division, lowers_all=True),
)

CHECKS: tuple[Callable[[Module, Target, DiagnosticSink], None], ...] = (check_availability, check_locks)
"""What is checked of the module after all passes."""


def run_checks(module: Module, target: Target, sink: DiagnosticSink) -> None:
    """Report what only the finished module shows to be wrong."""
    for check in CHECKS:
        check(module, target, sink)


def run_passes(module: Module, target: Target, *, verify: bool = True, dump: Path | None = None) -> Module:
    """Run all passes on `module` in place; raises `CompilerBug` when one leaves it wrong.

    With `dump`, the IR before the first pass and after each is written there as `NN-name.ir`.
    """
    if dump is not None:
        dump.mkdir(parents=True, exist_ok=True)
        (dump / "00-lowered.ir").write_text(print_module(module))
    if verify:
        _verify(module, "lowering", high_level=True)
    for number, step in enumerate(PASSES, 1):
        step.run(module, target)
        if dump is not None:
            (dump / f"{number:02}-{step.name}.ir").write_text(print_module(module))
        if verify:
            _verify(module, step.name, high_level=not step.lowers_all)
    return module


def _verify(module: Module, stage: str, *, high_level: bool) -> None:
    problems = verify_module(module, high_level=high_level)
    if problems:
        raise CompilerBug(f"after {stage}: {'; '.join(problems[:5])}")
