"""What a program returns: the hook decides what is accepted."""

from __future__ import annotations

from pybpfc.abi.program_types import ReturnRule, match_section, result_rule
from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker


def check_result(c: FunctionChecker, value: t.Expr, bounds: tuple[int, int] | None) -> None:
    """A program's result must be one that its hook accepts, and seen to be so where the verifier demands it."""
    rule = result_rule(c.program.section) if c.program is not None else ReturnRule()
    if c.program is None or rule.min is None or rule.max is None:
        return
    low, high = bounds if bounds is not None else (None, None)
    if low is not None and high is not None and rule.allows(low) and rule.allows(high):
        return
    kind = match_section(c.program.section)
    hook, allowed = kind.name if kind is not None else c.program.section, str(rule)
    if isinstance(value, t.Literal) or (low is not None and high is not None and (high < rule.min or low > rule.max)):
        found = str(value.value) if isinstance(value, t.Literal) else f"{low} to {high}"
        c.error(catalog.ReturnRange(hook, allowed, found), value.span)
    elif rule.enforced:
        label = f"may be {low} to {high}" if low is not None else "may be any number"
        c.error(catalog.ReturnUnproven(hook, allowed), value.span, label=label, helps=_result_helps(c, value, rule))


def _result_helps(c: FunctionChecker, value: t.Expr, rule: ReturnRule) -> list[str]:
    """How a result becomes one that the hook accepts."""
    text = c.sink.sources.text(value.span)
    if rule.min == rule.max:
        return [f"return {rule.min}, the only result there is"]
    if (rule.min, rule.max) == (0, 1):
        return [f"make it 0 or 1: `1 if {text} else 0`"]
    return [f"limit it: `max(min({text}, {rule.max}), {rule.min})`"]
