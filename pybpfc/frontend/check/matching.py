"""`match` on numbers and on text."""

from __future__ import annotations

import ast

from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.conditions import check_condition, is_text
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import coerce, describe, place, reference
from pybpfc.frontend.check.flow import Flow
from pybpfc.frontend.check.numbers import fits
from pybpfc.frontend.symbols import ConstInt
from pybpfc.lang.types import Array, Error, Int, as_int, is_integer
from pybpfc.records import frozen


@frozen
class Pattern:
    """What a pattern matches: these values, or everything; and the name that it binds."""

    values: tuple[int, ...]
    capture: ast.MatchAs | None = None


def check_match(c: FunctionChecker, node: ast.stmt) -> list[t.Stmt]:
    """`match` with literals, members of enums, `|`, captures and guards."""
    from pybpfc.frontend.check.expressions import check

    assert isinstance(node, ast.Match)
    subject = check(c, node.subject)
    if isinstance(subject.type, Error):
        return []
    if is_text(subject) and not isinstance(subject, t.Text):
        return _match_text(c, node, place(subject))
    if not is_integer(subject.type):
        c.error(catalog.NotANumber(describe(subject), "match"), subject.span)
        return []
    return _match_number(c, node, subject)


def _match_number(c: FunctionChecker, node: ast.Match, subject: t.Expr) -> list[t.Stmt]:
    from pybpfc.frontend.check.statements import check_block

    type = as_int(subject.type)
    variable = c.temporary(type, subject.span)
    c.require_flow().bind(variable)
    entry = c.require_flow()
    ends: list[Flow | None] = []
    cases: list[t.MatchCase] = []
    exhaustive = False
    for case in node.cases:
        c.flow = entry.copy()
        pattern = _pattern(c, case.pattern, type)
        capture = _capture(c, pattern, variable)
        guard = check_condition(c, case.guard) if case.guard is not None else None
        if guard is not None:
            c.flow = guard[1]
        body = check_block(c, case.body)
        ends.append(c.flow)
        if pattern is not None:
            cases.append(t.MatchCase(pattern.values, guard[0] if guard is not None else None, body, capture))
            exhaustive = exhaustive or (not pattern.values and guard is None)
    c.join(*ends, *([] if exhaustive else [entry]))
    span = c.span(node)
    return [t.Bind(span, variable, coerce(c, subject, variable.type, "match")), t.Match(span, variable, tuple(cases))]


def _capture(c: FunctionChecker, pattern: Pattern | None, subject: t.Variable) -> t.Bind | None:
    """The binding of the subject to the pattern's name."""
    from pybpfc.frontend.check.statements import bind_name

    if pattern is None or pattern.capture is None:
        return None
    node = pattern.capture
    name = ast.copy_location(ast.Name(node.name or "", ast.Store()), node)
    return bind_name(c, name, t.ReadVariable(c.span(node), subject.type, subject), node)


def _pattern(c: FunctionChecker, pattern: ast.pattern, type: Int) -> Pattern | None:
    """What a pattern matches; None after a diagnostic."""
    from pybpfc.frontend.check.expressions import check

    match pattern:
        case ast.MatchValue():
            value = check(c, pattern.value)
            if isinstance(value.type, Error):
                return None
            if not isinstance(value, t.Literal):
                c.error(catalog.MatchPattern(_pattern_kind(pattern)), pattern)
                return None
            if not fits(value.value, type):
                c.error(catalog.LiteralDoesNotFit(value.value, str(type)), pattern)
                return None
            return Pattern((value.value,))
        case ast.MatchSingleton(value=bool() as value):
            return Pattern((int(value),))
        case ast.MatchOr():
            parts = [_pattern(c, p, type) for p in pattern.patterns]
            known = [p for p in parts if p is not None]
            if len(known) < len(parts):
                return None
            if any(not p.values for p in known):
                return Pattern(())
            return Pattern(tuple(v for p in known for v in p.values))
        case ast.MatchAs(pattern=None, name=None):
            return Pattern(())
        case ast.MatchAs(name=str() as name) if isinstance(c.unit.symbol(c.captured, name), ConstInt):
            c.error(catalog.PatternShadowsConstant(name), pattern)
            return None
        case ast.MatchAs(pattern=None):
            return Pattern((), pattern)
        case ast.MatchAs(pattern=ast.pattern() as inner):
            found = _pattern(c, inner, type)
            return Pattern(found.values, pattern) if found is not None else None
        case _:
            c.error(catalog.MatchPattern(_pattern_kind(pattern)), pattern)
            return None


def _pattern_kind(pattern: ast.pattern) -> str:
    names = {
        ast.MatchSequence: "sequence",
        ast.MatchMapping: "mapping",
        ast.MatchClass: "class",
        ast.MatchStar: "star",
        ast.MatchSingleton: "None",
    }
    return names.get(type(pattern), "such")


# ---------------------------------------------------------------------------------------- text


def _match_text(c: FunctionChecker, node: ast.Match, subject: t.Expr) -> list[t.Stmt]:
    """`match name: case "bash" | "sh": …`: comparisons one after the other."""
    from pybpfc.frontend.check.statements import check_statement

    assert isinstance(subject.type, Array)
    name = f".{len(c.local_names)}m"
    c.local_names.add(name)
    variable = c.declare(name, reference(subject).type, subject.span)
    c.require_flow().bind(variable)
    held = ast.copy_location(ast.Name(name, ast.Load()), node.subject)
    chain: list[ast.stmt] = []
    for case in reversed(node.cases):
        test = _text_test(c, case.pattern, held)
        if test is None:
            return []
        if case.guard is not None:
            parts = [p for p in (test, case.guard) if not isinstance(p, ast.Constant)]
            both = ast.BoolOp(ast.And(), parts) if len(parts) > 1 else parts[0]
            test = ast.copy_location(both, case.guard)
        if isinstance(test, ast.Constant):
            chain = list(case.body)
        else:
            chain = [ast.copy_location(ast.If(test, case.body, chain), case.pattern)]
    out: list[t.Stmt] = [t.Bind(c.span(node.subject), variable, reference(subject))]
    for statement in chain:
        out += check_statement(c, statement)
    return out


def _text_test(c: FunctionChecker, pattern: ast.pattern, held: ast.expr) -> ast.expr | None:
    """A pattern as a condition, the constant True for `_`; None after a diagnostic."""
    match pattern:
        case ast.MatchValue():
            return ast.copy_location(ast.Compare(held, [ast.Eq()], [pattern.value]), pattern)
        case ast.MatchOr():
            parts = [_text_test(c, p, held) for p in pattern.patterns]
            known = [p for p in parts if p is not None]
            if len(known) < len(parts):
                return None
            return ast.copy_location(ast.BoolOp(ast.Or(), known), pattern)
        case ast.MatchAs(pattern=None, name=None):
            return ast.copy_location(ast.Constant(True), pattern)
        case _:
            c.error(
                catalog.MatchPattern("capture" if isinstance(pattern, ast.MatchAs) else _pattern_kind(pattern)), pattern
            )
            return None
