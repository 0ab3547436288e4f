"""Show the verifier that a program's result is one its hook accepts, as the checker has found.

return %4     →     %5 = bounded %4, 0, 1
                    return %5

Constants stay constants: LLVM would return what it has compared with one instead, whose value the verifier may not
know, and make a shift of 0 and -1.
"""

from __future__ import annotations

from pybpfc.abi.program_types import ReturnRule, result_rule
from pybpfc.ir import ops
from pybpfc.ir.module import Function, Module, Target
from pybpfc.lang.types import Int


def bound_results(module: Module, target: Target) -> None:
    """Bound the results of all programs of hooks that demand it."""
    for function in module.functions:
        if function.program is not None and isinstance(function.result, Int):
            rule = result_rule(function.program.section)
            if rule.enforced and rule.min is not None and rule.max is not None:
                _bound(function, rule)


def _bound(function: Function, rule: ReturnRule) -> None:
    assert rule.min is not None
    assert rule.max is not None
    for block in function.blocks:
        end = block.terminator
        if not isinstance(end, ops.Return):
            continue
        if isinstance(end.value, ops.Const):
            constant = function.new_temp(end.value.type)
            block.ops.append(ops.Opaque(end.value, span=end.span, result=constant))
            end.value = constant
        elif isinstance(end.value, ops.Temp):
            result = function.new_temp(end.value.type)
            block.ops.append(ops.Bounded(end.value, rule.min, rule.max, span=end.span, result=result))
            end.value = result
