"""Checking expressions: each syntax node becomes a typed one or a diagnostic."""

from __future__ import annotations

import ast
from collections.abc import Callable

from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.diagnostic import Label
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check import access, calls, conditions, tuples
from pybpfc.frontend.check import numbers as n
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import (
    FOREIGN,
    MEMORY,
    coerce,
    describe,
    is_optional,
    may_be_none,
    reference,
    to_number,
)
from pybpfc.frontend.tuples import TupleType
from pybpfc.ir.ops import ArithOp, Predicate
from pybpfc.lang.types import (
    BOOL,
    ERROR,
    VOID,
    Array,
    Bool,
    Enum,
    Error,
    Int,
    Pointer,
    Space,
    Struct,
    Type,
    View,
    as_int,
    is_integer,
)

OPERATORS: dict[type[ast.operator], ArithOp] = {
    ast.Add: ArithOp.ADD,
    ast.Sub: ArithOp.SUB,
    ast.Mult: ArithOp.MUL,
    ast.FloorDiv: ArithOp.FLOORDIV,
    ast.Mod: ArithOp.FLOORMOD,
    ast.BitAnd: ArithOp.AND,
    ast.BitOr: ArithOp.OR,
    ast.BitXor: ArithOp.XOR,
    ast.LShift: ArithOp.LSH,
    ast.RShift: ArithOp.RSH,
}

SYMBOLS = {
    ArithOp.ADD: "+",
    ArithOp.SUB: "-",
    ArithOp.MUL: "*",
    ArithOp.FLOORDIV: "//",
    ArithOp.FLOORMOD: "%",
    ArithOp.AND: "&",
    ArithOp.OR: "|",
    ArithOp.XOR: "^",
    ArithOp.LSH: "<<",
    ArithOp.RSH: ">>",
}

PREDICATES: dict[type[ast.cmpop], Predicate] = {
    ast.Eq: Predicate.EQ,
    ast.NotEq: Predicate.NE,
    ast.Lt: Predicate.LT,
    ast.LtE: Predicate.LE,
    ast.Gt: Predicate.GT,
    ast.GtE: Predicate.GE,
}


def check(c: FunctionChecker, node: ast.expr) -> t.Expr:
    """The typed form of an expression."""
    handler = _HANDLERS.get(type(node))
    if handler is None:
        return refuse(c, node)
    return handler(c, node)


def check_value(c: FunctionChecker, node: ast.expr, to: Type, what: str) -> t.Expr:
    """An expression converted to `to` where that loses nothing; `what` names its use in the diagnostic."""
    return coerce(c, check(c, node), to, what)


def refuse(c: FunctionChecker, node: ast.expr) -> t.Expr:
    """The diagnostic of an expression that has no meaning in a BPF program."""
    kinds: dict[type[ast.expr], type[catalog.ErrorClass]] = {
        ast.Lambda: catalog.LambdaExpression,
        ast.ListComp: catalog.Comprehension,
        ast.SetComp: catalog.Comprehension,
        ast.DictComp: catalog.Comprehension,
        ast.GeneratorExp: catalog.Comprehension,
        ast.Yield: catalog.YieldExpression,
        ast.YieldFrom: catalog.YieldExpression,
        ast.Await: catalog.AsyncCode,
        ast.Dict: catalog.ContainerLiteral,
        ast.Set: catalog.ContainerLiteral,
        ast.Starred: catalog.StarExpression,
    }
    kind = kinds.get(type(node))
    if kind is None:
        return c.error(catalog.Unsupported(_article(type(node).__name__)), node)
    return c.error(kind(), node)


def _article(name: str) -> str:
    return f"the expression `{name}`"


# ---------------------------------------------------------------------------------- constants


def _constant(c: FunctionChecker, node: ast.expr) -> t.Expr:
    assert isinstance(node, ast.Constant)
    span, value = c.span(node), node.value
    match value:
        case bool():
            return t.Literal(span, BOOL, int(value))
        case int():
            return literal(c, node, value)
        case str():
            return t.Text(span, Array(Int(8, True), len(value.encode()) + 1, View.STR), value.encode(), True)
        case bytes():
            return t.Text(span, Array(Int(8, False), len(value), View.BYTES), value, False)
        case None:
            return t.NoneValue(span, VOID)
        case float() | complex():
            return c.error(catalog.FloatingPoint(), node)
        case _:
            return c.error(catalog.Unsupported("the literal `...`"), node)


def literal(c: FunctionChecker, node: ast.AST, value: int) -> t.Expr:
    """A constant that still takes the type of what it is used with."""
    if not -(1 << 63) <= value < 1 << 64:
        return c.error(catalog.LiteralTooLarge(value), node)
    return t.Literal(c.span(node), n.natural_type(value), value, untyped=True)


def _name(c: FunctionChecker, node: ast.expr) -> t.Expr:
    assert isinstance(node, ast.Name)
    if node.id in c.local_names:
        return c.read_variable(node.id, c.span(node))
    return access.symbol_value(c, node, access.resolve(c, node))


# ---------------------------------------------------------------------------------- operators


def _binary(c: FunctionChecker, node: ast.expr) -> t.Expr:
    assert isinstance(node, ast.BinOp)
    if isinstance(node.op, ast.Div):
        return c.error(catalog.TrueDivision(), node)
    if isinstance(node.op, ast.MatMult):
        return c.error(catalog.Unsupported("the operator `@`"), node)
    lhs, rhs = check(c, node.left), check(c, node.right)
    if isinstance(node.op, ast.Pow):
        if _is_untyped(lhs) and _is_untyped(rhs) and isinstance(rhs, t.Literal) and 0 <= rhs.value < 4096:
            assert isinstance(lhs, t.Literal)
            return literal(c, node, lhs.value**rhs.value)
        return c.error(catalog.VariablePower(), node)
    return arithmetic(c, node, OPERATORS[type(node.op)], lhs, rhs)


def arithmetic(c: FunctionChecker, node: ast.AST, op: ArithOp, lhs: t.Expr, rhs: t.Expr) -> t.Expr:
    """`lhs op rhs` by the rules of LANGUAGE §3."""
    if isinstance(lhs.type, Error) or isinstance(rhs.type, Error):
        return t.Invalid(c.span(node), ERROR)
    if isinstance(lhs, t.Literal) and isinstance(rhs, t.Literal) and lhs.untyped and rhs.untyped:
        value = n.fold(op, lhs.value, rhs.value)
        if value is None:
            return c.error(catalog.DivisionByZero() if rhs.value == 0 else catalog.ShiftCount(rhs.value, 64), node)
        return literal(c, node, value)
    for operand in (lhs, rhs):
        if is_optional(operand):
            return may_be_none(c, operand)
        if isinstance(operand.type, Pointer) and operand.type.space not in FOREIGN:
            if isinstance(operand.type.to, Array | Struct) and not operand.type.nullable:
                return c.error(catalog.NotANumber(describe(operand), SYMBOLS[op]), operand.span)
            return c.error(catalog.PointerArithmetic(SYMBOLS[op]), node)
        if not is_integer(operand.type) and not isinstance(operand.type, Pointer):
            return c.error(catalog.NotANumber(describe(operand), SYMBOLS[op]), operand.span)
    lhs, rhs = to_number(lhs), to_number(rhs)
    if op in (ArithOp.LSH, ArithOp.RSH):
        return _shift(c, node, op, lhs, rhs)
    type = operand_type(c, node, SYMBOLS[op], lhs, rhs)
    if type is None:
        return t.Invalid(c.span(node), ERROR)
    if isinstance(type, Bool) and op not in (ArithOp.AND, ArithOp.OR, ArithOp.XOR):
        type = Int(64, True)
    if op in (ArithOp.FLOORDIV, ArithOp.FLOORMOD) and isinstance(rhs, t.Literal) and rhs.value == 0:
        return c.error(catalog.DivisionByZero(), node)
    lhs, rhs = coerce(c, lhs, type, "operand"), coerce(c, rhs, type, "operand")
    return t.Arithmetic(c.span(node), type, op, lhs, rhs)


def operand_type(c: FunctionChecker, node: ast.AST, operator: str, lhs: t.Expr, rhs: t.Expr) -> Type | None:
    """The type two numbers are computed or compared in; None after a diagnostic."""
    if isinstance(lhs, t.Literal) and lhs.untyped and isinstance(rhs, t.Literal) and rhs.untyped:
        return n.join_types(lhs.type, rhs.type) or Int(64, True)
    for one, other in ((lhs, rhs), (rhs, lhs)):
        if isinstance(one, t.Literal) and one.untyped:
            if n.fits(one.value, other.type) or isinstance(other.type, Error):
                return other.type if isinstance(other.type, Bool) else as_int(other.type)
            if isinstance(other.type, Bool):
                return Int(64, True)
            c.error(catalog.LiteralDoesNotFit(one.value, str(other.type)), one.span)
            return None
    joined = n.join_types(lhs.type, rhs.type)
    if joined is None:
        c.error(catalog.MixedSign(operator, str(lhs.type), str(rhs.type)), node)
    return as_int(joined) if isinstance(joined, Enum) else joined


def _shift(c: FunctionChecker, node: ast.AST, op: ArithOp, lhs: t.Expr, rhs: t.Expr) -> t.Expr:
    if isinstance(lhs.type, Bool) or (isinstance(lhs, t.Literal) and lhs.untyped):
        lhs = coerce(c, lhs, Int(64, True) if isinstance(lhs.type, Bool) else lhs.type, "operand")
    type = as_int(lhs.type)
    lhs = coerce(c, lhs, type, "operand")
    if isinstance(rhs, t.Literal):
        if not 0 <= rhs.value < type.bits:
            return c.error(catalog.ShiftCount(rhs.value, type.bits), rhs.span)
        count: t.Expr = t.Literal(rhs.span, type, rhs.value)
    else:
        mask = t.Literal(rhs.span, type, type.bits - 1)
        count = t.Arithmetic(rhs.span, type, ArithOp.AND, t.Convert(rhs.span, type, rhs, explicit=True), mask)
    if op is ArithOp.RSH and type.signed:
        op = ArithOp.ARSH
    return t.Arithmetic(c.span(node), type, op, lhs, count)


def _unary(c: FunctionChecker, node: ast.expr) -> t.Expr:
    assert isinstance(node, ast.UnaryOp)
    if isinstance(node.op, ast.Not):
        return conditions.check_as_value(c, node)
    operand = check(c, node.operand)
    if isinstance(operand.type, Error):
        return operand
    if isinstance(operand, t.Literal) and operand.untyped:
        value = operand.value
        return literal(
            c, node, -value if isinstance(node.op, ast.USub) else ~value if isinstance(node.op, ast.Invert) else value
        )
    if not is_integer(operand.type):
        return c.error(catalog.NotANumber(describe(operand), "-"), node)
    operand = to_number(operand)
    type = Int(64, True) if isinstance(operand.type, Bool) else as_int(operand.type)
    operand = coerce(c, operand, type, "operand")
    match node.op:
        case ast.UAdd():
            return operand
        case ast.Invert():
            return t.Invert(c.span(node), type, operand)
        case _ if not type.signed:
            return c.error(catalog.NegateUnsigned(str(type)), node)
        case _:
            zero = t.Literal(c.span(node), type, 0)
            return t.Arithmetic(c.span(node), type, ArithOp.SUB, zero, operand)


def _logical(c: FunctionChecker, node: ast.expr) -> t.Expr:
    return conditions.check_as_value(c, node)


def _conditional(c: FunctionChecker, node: ast.expr) -> t.Expr:
    assert isinstance(node, ast.IfExp)
    condition, when_true, when_false = conditions.check_condition(c, node.test)
    c.flow = when_true
    then = check(c, node.body)
    after_then, c.flow = c.flow, when_false
    otherwise = check(c, node.orelse)
    c.join(after_then, c.flow)
    return unify(c, node, condition, then, otherwise)


def unify(c: FunctionChecker, node: ast.AST, condition: t.Expr, then: t.Expr, otherwise: t.Expr) -> t.Expr:
    """A conditional whose branches are brought to one type."""
    span = c.span(node)
    if isinstance(then.type, Error) or isinstance(otherwise.type, Error):
        return t.Invalid(span, ERROR)
    if is_integer(then.type) and is_integer(otherwise.type):
        type = operand_type(c, node, "if … else", then, otherwise)
        if type is None:
            return t.Invalid(span, ERROR)
    elif then.type == otherwise.type and isinstance(then.type, Pointer):
        type = then.type
    elif (pointer := _common_pointer(then, otherwise)) is not None:
        type = pointer
    elif then.type == otherwise.type and isinstance(then.type, TupleType):
        then, otherwise = reference(then), reference(otherwise)
        type = then.type
    else:
        label = [Label(then.span, f"this is {describe(then)}")]
        return c.error(catalog.BranchTypes(describe(then), describe(otherwise)), otherwise.span, labels=label)
    then, otherwise = coerce(c, then, type, "branch"), coerce(c, otherwise, type, "branch")
    return t.Conditional(span, type, condition, then, otherwise)


def _common_pointer(then: t.Expr, otherwise: t.Expr) -> Pointer | None:
    """The type of one of two pointers, of which one may be `None`; what has to be given back is not chosen so."""
    found = [e.type for e in (then, otherwise) if isinstance(e.type, Pointer)]
    others = sum(isinstance(e, t.NoneValue) for e in (then, otherwise))
    if len(found) + others != 2 or not found or not all(p.space in MEMORY | FOREIGN for p in found):
        return None
    first, last = found[0], found[-1]
    if first.to != last.to or first.space != last.space or first.space is Space.RINGBUF:
        return None
    return Pointer(first.to, first.space, bool(others) or first.nullable or last.nullable)


def _walrus(c: FunctionChecker, node: ast.expr) -> t.Expr:
    assert isinstance(node, ast.NamedExpr)
    from pybpfc.frontend.check.statements import bind_name

    bound = bind_name(c, node.target, check(c, node.value), node)
    if bound is None:
        return t.Invalid(c.span(node), ERROR)
    return t.Assignment(c.span(node), bound.variable.type, bound.variable, bound.value)


def _joined(c: FunctionChecker, node: ast.expr) -> t.Expr:
    return c.error(catalog.FormattedString(), node)


def _tuple(c: FunctionChecker, node: ast.expr) -> t.Expr:
    assert isinstance(node, ast.Tuple)
    return tuples.check_tuple(c, node)


def _list(c: FunctionChecker, node: ast.expr) -> t.Expr:
    return c.error(catalog.SequenceValue("list"), node)


_HANDLERS: dict[type[ast.expr], Callable[[FunctionChecker, ast.expr], t.Expr]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: access.check_attribute,
    ast.Subscript: access.check_subscript,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _logical,
    ast.Compare: conditions.check_as_value,
    ast.IfExp: _conditional,
    ast.NamedExpr: _walrus,
    ast.Call: calls.check_call,
    ast.JoinedStr: _joined,
    ast.Tuple: _tuple,
    ast.List: _list,
}


def _is_untyped(e: t.Expr) -> bool:
    return isinstance(e, t.Literal) and e.untyped
