"""Calls: casts, constructors, functions, helpers, methods and builtins."""

from __future__ import annotations

import ast
from types import BuiltinFunctionType, FunctionType, MethodType

from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check import builtins, helpers
from pybpfc.frontend.check.access import (
    resolve_static,
    undefined,
)
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import (
    FOREIGN,
    coerce,
    coerce_member,
    describe,
    is_optional,
    may_be_none,
    place,
    to_number,
)
from pybpfc.frontend.check.function_calls import call_function
from pybpfc.frontend.check.kfuncs import check_kfunc, kernel_function
from pybpfc.frontend.check.map_methods import check_map_method
from pybpfc.frontend.check.references import check_not_released
from pybpfc.frontend.contexts import ContextType
from pybpfc.frontend.inner_maps import inner_map
from pybpfc.frontend.symbols import (
    BuiltinSymbol,
    Foreign,
    FunctionSymbol,
    HelperSymbol,
    IntrinsicSymbol,
    Symbol,
    TypeSymbol,
    Undefined,
)
from pybpfc.lang.programs import Program
from pybpfc.lang.types import (
    BOOL,
    ERROR,
    I64,
    Array,
    Bool,
    Enum,
    Error,
    Field,
    Int,
    Pointer,
    Space,
    Struct,
    Type,
    View,
    is_integer,
    size_of,
)


def check_call(c: FunctionChecker, node: ast.expr) -> t.Expr:
    """A call, by what is called."""
    assert isinstance(node, ast.Call)
    for argument in node.args:
        if isinstance(argument, ast.Starred):
            return c.error(catalog.StarExpression(), argument)
    for keyword in node.keywords:
        if keyword.arg is None:
            return c.error(catalog.StarExpression(), keyword.value)
    symbol = resolve_static(c, node.func)
    if symbol is not None:
        return _call_symbol(c, node, symbol)
    if isinstance(node.func, ast.Attribute):
        return _call_method(c, node, node.func)
    return c.error(catalog.NotCallable("this"), node.func)


def _call_symbol(c: FunctionChecker, node: ast.Call, symbol: Symbol) -> t.Expr:
    if (function := kernel_function(symbol)) is not None:
        return check_kfunc(c, node, function)
    match symbol:
        case TypeSymbol(type=Struct() as struct):
            return new_struct(c, node, struct)
        case TypeSymbol():
            return cast(c, node, symbol.type)
        case BuiltinSymbol():
            return builtins.check_builtin(c, node, symbol.name)
        case HelperSymbol():
            return helpers.check_helper(c, node, symbol.helper)
        case FunctionSymbol():
            return call_function(c, node, symbol)
        case IntrinsicSymbol():
            return builtins.check_intrinsic(c, node, symbol.name)
        case Undefined():
            return undefined(c, node.func, symbol)
        case Foreign():
            return c.error(_foreign_call(symbol), node.func)
        case _:
            return c.error(catalog.NotCallable(symbol.describe()), node.func)


def _foreign_call(symbol: Foreign) -> catalog.ErrorClass:
    """The mistake of calling a Python object, by what it is."""
    match symbol.value:
        case Program():
            return catalog.ProgramCalled(symbol.name)
        case BuiltinFunctionType() if symbol.value.__module__ == "builtins":
            return catalog.UnsupportedBuiltin(symbol.name)
        case type() if symbol.value.__module__ == "builtins":
            return catalog.UnsupportedBuiltin(symbol.name)
        case FunctionType() | BuiltinFunctionType() | MethodType():
            return catalog.NotBpfFunction(symbol.name)
        case _:
            return catalog.NotCallable(symbol.describe())


# ------------------------------------------------------------------------------------- casts


def cast(c: FunctionChecker, node: ast.Call, to: Type) -> t.Expr:
    """`u32(x)`: truncate or extend."""
    from pybpfc.frontend.check.expressions import check

    if len(node.args) != 1 or node.keywords:
        return c.error(catalog.ArgumentCount(str(to), "1 argument", len(node.args) + len(node.keywords)), node)
    return convert(c, node, check(c, node.args[0]), to)


def convert(c: FunctionChecker, node: ast.AST, operand: t.Expr, to: Type) -> t.Expr:
    """A written conversion: numbers to numbers, addresses to integers."""
    if isinstance(operand.type, Error):
        return operand
    span = c.span(node)
    if isinstance(to, Int) and to.big_endian:
        to = to.host
    if isinstance(operand, t.Literal) and isinstance(to, Int):
        return t.Literal(span, to, to.wrap(operand.value))
    if isinstance(operand.type, Pointer) and operand.type.space in FOREIGN:
        operand = to_number(operand)
    if is_optional(operand):
        return may_be_none(c, operand)
    if not is_integer(operand.type):
        return c.error(catalog.NotANumber(describe(operand), str(to)), operand.span)
    if isinstance(to, Bool):
        return t.Truth(span, BOOL, operand) if not isinstance(operand.type, Bool) else operand
    if isinstance(to, Int | Enum):
        return t.Convert(span, to, operand, explicit=True)
    return c.error(catalog.NotCallable(f"`{to}`"), node)


# -------------------------------------------------------------------------------- constructors


def new_struct(c: FunctionChecker, node: ast.Call, struct: Struct) -> t.Expr:
    """`S(a=1)`: a zeroed struct with some members set."""
    from pybpfc.frontend.check.expressions import check

    if struct.kernel:
        return c.error(catalog.KernelStructMade(struct.name), node)
    if node.args:
        return c.error(catalog.PositionalField(struct.name), node.args[0])
    members: list[tuple[Field, t.Expr]] = []
    failed = False
    for keyword in node.keywords:
        field = struct.find(keyword.arg or "")
        if field is None:
            where = c.name_span(keyword)
            helps = catalog.did_you_mean(keyword.arg or "", struct.by_name, where)
            c.error(catalog.UnknownField(struct.name, keyword.arg or ""), where, helps=helps)
            failed = True
            continue
        given, what = check(c, keyword.value), f"field `{field.name}`"
        value = fit(c, given, field.type, what) if field.bits is None else coerce_member(c, given, field, what)
        failed = failed or isinstance(value.type, Error)
        members.append((field, value))
    if failed:
        return t.Invalid(c.span(node), ERROR)
    return t.NewStruct(c.span(node), struct, struct, tuple(members))


def fit(c: FunctionChecker, value: t.Expr, to: Type, what: str) -> t.Expr:
    """A value for a place in memory: scalars converted, text and aggregates of the right kind."""
    from pybpfc.frontend.check.texts import check_text_source

    if isinstance(value.type, Error):
        return value
    if isinstance(to, Array) and to.view is not View.LIST:
        return check_text_source(c, value, to)
    return coerce(c, value, to.host if isinstance(to, Int) else to, what)


# ------------------------------------------------------------------------------------- methods


def _call_method(c: FunctionChecker, node: ast.Call, func: ast.Attribute) -> t.Expr:
    from pybpfc.frontend.check.expressions import check

    base = check(c, func.value)
    if isinstance(base.type, Error):
        return base
    if isinstance(base, t.MapObject):
        return check_map_method(c, node, base, func.attr)
    if inner_map(base.type) is not None:
        return may_be_none(c, base)
    if isinstance(base.type, Pointer) and isinstance(base.type.to, ContextType) and func.attr == "packet":
        return _packet(c, node, base, base.type.to)
    target = place(base)
    if isinstance(target.type, Array) and target.type.view is View.STR and func.attr == "startswith":
        return _startswith(c, node, target)
    if isinstance(target.type, Struct) and target.type.cls is not None:
        method = c.unit.method(target.type.cls, func.attr)
        if method is not None:
            check_not_released(c, base)
            return call_function(c, node, method, base)
    return c.error(catalog.NoSuchMethod(describe(target), func.attr), c.name_span(func))


def _startswith(c: FunctionChecker, node: ast.Call, base: t.Expr) -> t.Expr:
    from pybpfc.frontend.check.expressions import check

    if len(node.args) != 1 or node.keywords:
        return c.error(catalog.ArgumentCount("startswith", "1 argument", len(node.args)), node)
    prefix = check(c, node.args[0])
    if isinstance(prefix.type, Error):
        return prefix
    if not isinstance(prefix, t.Text) or not prefix.is_str:
        return c.error(catalog.TypeMismatch("a constant string", describe(prefix)), prefix.span)
    if len(prefix.value) >= size_of(base.type):
        return t.Literal(c.span(node), BOOL, 0)
    return t.TextComparison(c.span(node), BOOL, base, prefix, prefix=True)


def _packet(c: FunctionChecker, node: ast.Call, base: t.Expr, context: ContextType) -> t.Expr:
    """`ctx.packet(T, offset=0)`."""
    from pybpfc.frontend.check.expressions import check, literal

    if context.packet is None:
        return c.error(catalog.NoPacket(context.name), node)
    arguments: list[ast.expr] = list(node.args)
    keywords = {k.arg: k.value for k in node.keywords}
    offset_node = arguments[1] if len(arguments) > 1 else keywords.pop("offset", None)
    if not 1 <= len(arguments) <= 2 or keywords:
        return c.error(catalog.ArgumentCount("packet", "a type and an offset", len(arguments) + len(keywords)), node)
    symbol = resolve_static(c, arguments[0])
    if not isinstance(symbol, TypeSymbol):
        return c.error(catalog.TypeExpected("packet"), arguments[0])
    offset = check(c, offset_node) if offset_node is not None else literal(c, node, 0)
    if isinstance(offset.type, Error):
        return offset
    if not is_integer(offset.type):
        return c.error(catalog.NotAnIndex(describe(offset)), offset.span)
    from pybpfc.frontend.check.ranges import upper_bound

    bound = upper_bound(c, offset)
    if bound is None or bound > MAX_PACKET_OFFSET:
        return c.error(catalog.UnboundedOffset(MAX_PACKET_OFFSET), offset.span)
    data, end = context.packet
    type = Pointer(symbol.type, Space.PACKET, nullable=True)
    wide = coerce(c, offset, I64, "offset")
    return t.PacketAt(c.span(node), type, base, data, end, wide, size_of(symbol.type))


MAX_PACKET_OFFSET = 0x7FFF
"""The verifier follows packet offsets up to 0xffff; half of it leaves room for what is read there."""
