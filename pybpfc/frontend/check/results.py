"""What functions return, and programs: there the hook decides what is accepted."""

from __future__ import annotations

import ast

from pybpfc.abi.program_types import ReturnRule, match_section, result_rule
from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.span import Span
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import coerce, describe
from pybpfc.frontend.check.expressions import check
from pybpfc.frontend.check.ranges import value_range
from pybpfc.frontend.check.references import check_released
from pybpfc.frontend.check.texts import check_text_source
from pybpfc.frontend.check.tuples import check_tuple
from pybpfc.frontend.tuples import TupleType
from pybpfc.lang.types import Array, Error, View, Void, is_integer


def check_return(c: FunctionChecker, node: ast.stmt) -> list[t.Stmt]:
    """`return` and `return value`."""
    assert isinstance(node, ast.Return)
    value: t.Expr | None = None
    if isinstance(node.value, ast.Tuple) and isinstance(c.result, TupleType):
        value = check_tuple(c, node.value, returned=True)
    elif node.value is not None:
        value = check(c, node.value)
    if value is not None and isinstance(value, t.NoneValue) and isinstance(c.result, Void):
        value = None
    check_released(c, c.span(node))
    if value is None:
        if c.implied_result is not None:
            node.value = ast.copy_location(ast.Constant(c.implied_result), node)
            return [_implied(c, c.span(node))]
        c.flow = None
        if not isinstance(c.result, Void):
            c.error(catalog.MissingReturn(c.node.name, str(c.result)), node)
            return []
        return [t.Return(c.span(node), None)]
    if isinstance(value.type, Error) or isinstance(c.result, Void):
        c.flow = None
        if not isinstance(value.type, Error):
            c.error(catalog.ReturnsNothing(c.node.name, "None", describe(value)), node)
        return []
    if isinstance(c.result, Array) and c.result.view is not View.LIST:
        result = check_text_source(c, value, c.result)
        if isinstance(result, t.Text):
            result = t.NewArray(value.span, c.result, result)
    else:
        result = coerce(c, value, c.result, "return value")
    if isinstance(result.type, Error):
        c.flow = None
        return []
    c.results.append(bounds := value_range(c, result) if is_integer(result.type) else None)
    c.flow = None
    check_result(c, result, bounds)
    return [t.Return(c.span(node), result)]


def implied_return(c: FunctionChecker, where: Span) -> t.Stmt:
    """The end of a program that does not say what it returns."""
    last = ast.Return(ast.Constant(c.implied_result))
    c.node.body.append(ast.fix_missing_locations(ast.copy_location(last, c.node.body[-1])))
    return _implied(c, where)


def _implied(c: FunctionChecker, where: Span) -> t.Stmt:
    assert c.implied_result is not None
    c.results.append((c.implied_result, c.implied_result))
    c.flow = None
    return t.Return(where, t.Literal(where, c.result, c.implied_result))


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
