"""Python's builtins and the compiler's own functions."""

from __future__ import annotations

import ast

from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check import dynptrs
from pybpfc.frontend.check.compile_time import check_offset_of, check_size_of
from pybpfc.frontend.check.containers import container
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import coerce, describe, is_optional, may_be_none, place, to_number
from pybpfc.frontend.check.printing import check_print, check_snprintf
from pybpfc.frontend.check.reductions import check_reduction
from pybpfc.frontend.symbols import ConstSequence
from pybpfc.frontend.tuples import TupleType
from pybpfc.ir.ops import ArithOp, AtomicOp, Predicate
from pybpfc.lang.types import (
    BOOL,
    ERROR,
    I64,
    Array,
    Bool,
    Error,
    Pointer,
    View,
    as_int,
    is_integer,
    size_of,
)


def check_builtin(c: FunctionChecker, node: ast.Call, name: str) -> t.Expr:
    """`min(…)`, `len(…)`, `print(…)`, …."""
    match name:
        case "sum" | "any" | "all":
            return check_reduction(c, node, name)
        case "min" | "max" if len(node.args) == 1:
            return check_reduction(c, node, name)
        case "min" | "max":
            return check_min_max(c, node, name)
        case "len":
            return _len(c, node)
        case "abs":
            return _abs(c, node)
        case "bool" | "int":
            return _to_number(c, node, name)
        case "print":
            return check_print(c, node)
        case "range":
            return c.error(catalog.NotAValue("`range` outside a `for` loop"), node)
        case "enumerate" | "zip" | "reversed":
            return c.error(catalog.NotAValue(f"`{name}` outside a `for` loop"), node)
        case _:
            return c.error(catalog.NotCallable(f"`{name}`"), node.func)


def check_min_max(c: FunctionChecker, node: ast.Call, name: str) -> t.Expr:
    """`min(a, b)`, `max(a, b, c)`."""
    from pybpfc.frontend.check.expressions import check, literal, operand_type

    if len(node.args) < 2 or node.keywords:
        return c.error(catalog.ArgumentCount(name, "2 arguments or more", len(node.args)), node)
    operands = [check(c, a) for a in node.args]
    for operand in operands:
        if isinstance(operand.type, Error):
            return operand
        if is_optional(operand):
            return may_be_none(c, operand)
        if not is_integer(operand.type):
            return c.error(catalog.NotANumber(describe(operand), name), operand.span)
    constants = [o.value for o in operands if isinstance(o, t.Literal) and o.untyped]
    if len(constants) == len(operands):
        return literal(c, node, min(constants) if name == "min" else max(constants))
    joined = operands[0]
    for operand in operands[1:]:
        type = operand_type(c, node, name, joined, operand)
        if type is None:
            return t.Invalid(c.span(node), ERROR)
        joined = t.Invalid(joined.span, as_int(type))
    type = as_int(joined.type)
    converted = tuple(coerce(c, o, type, "argument") for o in operands)
    if any(isinstance(o.type, Error) for o in converted):
        return t.Invalid(c.span(node), ERROR)
    return t.MinMax(c.span(node), type, name == "min", converted)


def _one(c: FunctionChecker, node: ast.Call, name: str) -> t.Expr:
    from pybpfc.frontend.check.expressions import check

    if len(node.args) != 1 or node.keywords:
        return c.error(catalog.ArgumentCount(name, "1 argument", len(node.args) + len(node.keywords)), node)
    return check(c, node.args[0])


def _len(c: FunctionChecker, node: ast.Call) -> t.Expr:
    from pybpfc.frontend.check.expressions import literal

    if len(node.args) == 1 and not node.keywords and (held := container(c, node.args[0])) is not None:
        return literal(c, node, len(held.values if isinstance(held, ConstSequence) else held.items))
    operand = place(_one(c, node, "len"))
    if isinstance(operand.type, Error):
        return operand
    if isinstance(operand, t.Text):
        return literal(c, node, len(operand.value))
    if isinstance(operand.type, Array) and operand.type.view is not View.STR:
        return literal(c, node, operand.type.length)
    if isinstance(operand.type, TupleType):
        return literal(c, node, len(operand.type.fields))
    return c.error(catalog.TypeMismatch("an array", describe(operand)), node)


def _abs(c: FunctionChecker, node: ast.Call) -> t.Expr:
    from pybpfc.frontend.check.expressions import literal

    operand = _one(c, node, "abs")
    if isinstance(operand.type, Error):
        return operand
    if isinstance(operand, t.Literal) and operand.untyped:
        return literal(c, node, abs(operand.value))
    if not is_integer(operand.type) or isinstance(operand.type, Bool):
        return c.error(catalog.NotANumber(describe(operand), "abs"), operand.span)
    type = as_int(operand.type)
    operand = coerce(c, operand, type, "argument")
    if not type.signed:
        return operand
    held = c.temporary(type, operand.span)
    again = t.ReadVariable(operand.span, type, held)
    zero = t.Literal(operand.span, type, 0)
    first = t.Assignment(operand.span, type, held, operand)
    negative = t.Comparison(operand.span, BOOL, Predicate.LT, first, zero)
    negated = t.Arithmetic(operand.span, type, ArithOp.SUB, zero, again)
    return t.Conditional(c.span(node), type, negative, negated, again)


def _to_number(c: FunctionChecker, node: ast.Call, name: str) -> t.Expr:
    from pybpfc.frontend.check.calls import convert

    operand = _one(c, node, name)
    if isinstance(operand.type, Error):
        return operand
    if name == "bool":
        return convert(c, node, operand, BOOL)
    return coerce(c, to_number(operand), I64, "int()") if is_integer(operand.type) else convert(c, node, operand, I64)


# ---------------------------------------------------------------------------------- intrinsics

_ATOMICS = {
    "atomic_add": AtomicOp.ADD,
    "atomic_and": AtomicOp.AND,
    "atomic_or": AtomicOp.OR,
    "atomic_xor": AtomicOp.XOR,
    "atomic_xchg": AtomicOp.XCHG,
    "atomic_cmpxchg": AtomicOp.CMPXCHG,
}


def check_intrinsic(c: FunctionChecker, node: ast.Call, name: str) -> t.Expr:
    """`bpf.…(…)`."""
    if name == "atomic_sub" or name in _ATOMICS:
        return _atomic(c, node, name)
    if name == "printk":
        return check_print(c, node)
    if name == "snprintf":
        return check_snprintf(c, node)
    if name == "dynptr_from_mem":
        return dynptrs.from_memory(c, node)
    if name == "size_of":
        return check_size_of(c, node)
    if name == "offset_of":
        return check_offset_of(c, node)
    if name == "static_assert":
        return c.error(catalog.NotAValue("`bpf.static_assert`, a statement,"), node)
    if name == "loop":
        return c.error(catalog.LoopAsValue("bpf.loop(…)", "done = bpf.loop(n, fn, ctx)"), node)
    if name == "iter_num":
        return c.error(catalog.LoopAsValue("bpf.iter_num(…)", "for i in bpf.iter_num(a, b):"), node)
    from pybpfc.frontend.check import kernel_types, kernel_values

    if name in kernel_types.QUESTIONS:
        return kernel_types.check_question(c, node, name)
    if name == "cast":
        return kernel_types.check_cast(c, node)
    if name == "ksym_exists":
        from pybpfc.frontend.check.kfuncs import check_exists

        return check_exists(c, node)
    if name == "ksym":
        return kernel_values.check_symbol(c, node)
    if name in ("kconfig", "kernel_version"):
        return kernel_values.check_kernel_value(c, node, name)
    return c.error(catalog.Unsupported(f"`bpf.{name}`"), node.func)


def _atomic(c: FunctionChecker, node: ast.Call, name: str) -> t.Expr:
    from pybpfc.frontend.check.expressions import check
    from pybpfc.frontend.check.kernel_types import refuse_write

    count = 3 if name == "atomic_cmpxchg" else 2
    if len(node.args) != count or node.keywords:
        return c.error(catalog.ArgumentCount(name, f"{count} arguments", len(node.args)), node)
    target = check(c, node.args[0])
    if isinstance(target.type, Error):
        return target
    if isinstance(target.type, Pointer) and is_integer(target.type.to) and not target.type.nullable:
        target = t.Deref(target.span, target.type.to, target)
    if isinstance(target, t.Member) and target.field.bits is not None:
        return c.error(catalog.AtomicWidth("a bit-field"), node.args[0])
    if refuse_write(c, target):
        return t.Invalid(c.span(node), ERROR)
    if not isinstance(target, t.PLACES) or not is_integer(target.type) or size_of(target.type) < 4:
        return c.error(catalog.AtomicWidth(str(target.type)), node.args[0])
    operands = [coerce(c, check(c, a), target.type, "operand") for a in node.args[1:]]
    if any(isinstance(o.type, Error) for o in operands):
        return t.Invalid(c.span(node), ERROR)
    value, expected = operands[-1], operands[0] if count == 3 else None
    if name == "atomic_sub":
        zero = t.Literal(value.span, value.type, 0)
        value = t.Arithmetic(value.span, value.type, ArithOp.SUB, zero, value)
    op = _ATOMICS.get(name, AtomicOp.ADD)
    return t.AtomicOperation(c.span(node), target.type, op, target, value, expected, fetch=True)
