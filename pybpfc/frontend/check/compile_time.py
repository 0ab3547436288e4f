"""What is computed while compiling: sizes and offsets of types, `bpf.static_assert`."""

from __future__ import annotations

import ast
import enum
from collections.abc import Callable

from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.access import resolve_static
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import describe
from pybpfc.frontend.symbols import BuiltinSymbol, Foreign, Namespace, TypeSymbol
from pybpfc.lang.annotations import resolve
from pybpfc.lang.errors import AnnotationError
from pybpfc.lang.types import BOOL, I64, Error, Struct, Type, size_of


def named_type(c: FunctionChecker, node: ast.expr) -> Type | None:
    """The type that a name stands for; None for anything else."""
    symbol = resolve_static(c, node)
    match symbol:
        case TypeSymbol():
            return symbol.type
        case BuiltinSymbol(name="int" | "bool"):
            return BOOL if symbol.name == "bool" else I64
        case Namespace() if not isinstance(symbol.value, enum.EnumMeta):
            return None
        case Namespace() | Foreign():
            try:
                return resolve(symbol.value)
            except AnnotationError:
                return None
    return None


def check_size_of(c: FunctionChecker, node: ast.Call) -> t.Expr:
    """`bpf.size_of(T)`."""
    from pybpfc.frontend.check.expressions import literal

    type = named_type(c, node.args[0]) if len(node.args) == 1 and not node.keywords else None
    return literal(c, node, size_of(type)) if type is not None else c.error(catalog.TypeExpected("size_of"), node)


def check_offset_of(c: FunctionChecker, node: ast.Call) -> t.Expr:
    """`bpf.offset_of(S, "field")`."""
    from pybpfc.frontend.check.expressions import check, literal

    given = len(node.args) + len(node.keywords)
    if len(node.args) != 2 or given != 2:
        return c.error(catalog.ArgumentCount("offset_of", "a struct and the name of a field", given), node)
    type = named_type(c, node.args[0])
    if not isinstance(type, Struct):
        return c.error(catalog.TypeExpected("offset_of"), node.args[0])
    name = check(c, node.args[1])
    if isinstance(name.type, Error):
        return name
    if not isinstance(name, t.Text) or not name.is_str:
        return c.error(catalog.ConstantNeeded("the field of `offset_of`"), node.args[1])
    field = type.find(name.value.decode())
    if field is None or field.bits is not None:
        helps = catalog.did_you_mean(name.value.decode(), type.by_name)
        return c.error(catalog.UnknownField(type.name, name.value.decode()), node.args[1], helps=helps)
    return literal(c, node, field.offset)


def check_static_assert(c: FunctionChecker, node: ast.Call) -> list[t.Stmt]:
    """`bpf.static_assert(condition, "message")`: nothing is left of it in the program."""
    from pybpfc.frontend.check.conditions import check_condition
    from pybpfc.frontend.check.expressions import check

    given = len(node.args) + len(node.keywords)
    if not 1 <= len(node.args) <= 2 or node.keywords:
        c.error(catalog.ArgumentCount("static_assert", "a condition and, if wanted, a message", given), node)
        return []
    flow = c.require_flow()
    condition, _, _ = check_condition(c, node.args[0])
    c.flow = flow
    message = check(c, node.args[1]) if len(node.args) > 1 else None
    if message is not None and not isinstance(message, t.Text | t.Invalid):
        c.error(catalog.ConstantNeeded("the message of `static_assert`"), node.args[1])
    elif not isinstance(condition, t.Literal):
        if not isinstance(condition.type, Error):
            c.error(catalog.ConstantNeeded("the condition of `static_assert`"), node.args[0])
    elif not condition.value:
        text = c.sink.sources.text(c.span(node.args[0]))
        if isinstance(message, t.Text):
            text = message.value.decode(errors="replace")
        c.error(catalog.StaticAssertion(text), node.args[0])
    return []


def call_constant(c: FunctionChecker, node: ast.Call, function: Callable[..., object]) -> t.Expr:
    """`net.ip4("10.0.0.1")`: a Python function of constants, called while the program is compiled."""
    from pybpfc.frontend.check.access import symbol_value
    from pybpfc.frontend.check.expressions import check

    values: list[object] = []
    for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
        value = check(c, argument)
        if isinstance(value.type, Error):
            return value
        if not isinstance(value, t.Literal | t.Text):
            return c.error(catalog.TypeMismatch("a constant", describe(value)), argument)
        values.append(value.value if isinstance(value, t.Literal) else _python_text(value))
    names = [keyword.arg or "" for keyword in node.keywords]
    try:
        result = function(*values[: len(node.args)], **dict(zip(names, values[len(node.args) :], strict=True)))
    except (TypeError, ValueError) as error:
        return c.error(catalog.ConstantCall(function.__name__, str(error)), node)
    return symbol_value(c, node, c.unit.classify(function.__name__, result, c.captured.globals))


def _python_text(text: t.Text) -> str | bytes:
    return text.value.decode() if text.is_str else text.value
