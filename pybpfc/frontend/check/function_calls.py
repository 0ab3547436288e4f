"""Calls of `@bpf.func` functions and methods: arguments by position, keyword and default; types for `type[T]`."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.diagnostic import Label
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.access import symbol_value
from pybpfc.frontend.check.compile_time import named_type
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import coerce, describe, is_aggregate, may_be_none
from pybpfc.frontend.check.map_values import check_passed
from pybpfc.frontend.check.packets import check_indexed
from pybpfc.frontend.check.references import check_not_released, check_tail_call
from pybpfc.frontend.contexts import ContextType
from pybpfc.frontend.instances import Conflict, bind_type
from pybpfc.frontend.signatures import evaluate
from pybpfc.frontend.symbols import Formal, FunctionSymbol, Parameter, TypeArguments
from pybpfc.lang.types import ERROR, Array, Error, Pointer, Space, Struct, Type

Bound = dict[str, ast.expr]
"""The arguments of a call by the parameters' names; those left to a default are not in it."""


def call_function(c: FunctionChecker, node: ast.Call, symbol: FunctionSymbol, receiver: t.Expr | None = None) -> t.Expr:
    """A call of a function, or of a method on `receiver`."""
    from pybpfc.frontend.check.functions import check_instance

    function, invalid = symbol.function, t.Invalid(c.span(node), ERROR)
    formals = c.unit.formals(function)
    if formals is None:
        return invalid
    bound = bind_arguments(c, node, function.name, formals[1:] if receiver is not None else formals)
    if bound is None:
        if (wrongly_called := c.unit.require(function)) is not None:
            check_instance(c.unit, wrongly_called)  # its own mistakes count too
        return invalid
    values = {
        formal.name: receiver if receiver is not None and index == 0 else _argument(c, node, formal, bound)
        for index, formal in enumerate(formals)
        if formal.variable is None
    }
    types = _type_arguments(c, formals, bound, values)
    signature = c.unit.signature(function, types) if types is not None else None
    if types is None or signature is None:
        return invalid
    key = c.unit.request(function, c.span(node), c.caller, types)
    checked = check_instance(c.unit, key)
    args = [pass_argument(c, values[parameter.name], parameter) for parameter in signature.params]
    if any(isinstance(a.type, Error) for a in args):
        return invalid
    if (stale := _apply_effects(c, node, key.name, args)) is not None:
        return stale
    return t.CallFunction(c.span(node), checked.result if checked is not None else signature.result, key, tuple(args))


def _apply_effects(c: FunctionChecker, node: ast.Call, name: str, args: Sequence[t.Expr]) -> t.Expr | None:
    """What the call does to what is known here; an error when an argument does not outlive what the function does."""
    effects = c.unit.effects.get(name)
    if effects is None:
        return None
    for index, (used, moved, helper) in effects.stale_params.items():
        passed = args[index].type
        if isinstance(passed, Pointer) and passed.space is Space.PACKET:
            labels = [Label(moved, f"`{helper}` may move the packet"), Label(used, "used afterwards")]
            what = catalog.StalePacketPointer(c.sink.sources.text(args[index].span), helper)
            return c.error(what, args[index].span, label="passed here", labels=labels)
    if (misplaced := check_passed(c, effects.map_values, args)) is not None:
        return misplaced
    if (in_packet := check_indexed(c, name, effects.indexed, args)) is not None:
        return in_packet
    if effects.tail_call is not None:
        check_tail_call(c, c.span(node), effects.tail_call)
    if effects.moves_packet is not None:
        inside, helper = effects.moves_packet
        c.invalidate_packets(c.span(node), helper, [Label(inside, f"`{name}` calls `{helper}`")])
    return None


def bind_arguments(c: FunctionChecker, node: ast.Call, name: str, formals: tuple[Formal, ...]) -> Bound | None:
    """Which argument is for which parameter; None after a diagnostic."""
    positional = [formal for formal in formals if formal.positional]
    if len(node.args) > len(positional):
        plural = "s" if len(positional) != 1 else ""
        by_position = " by position" if len(positional) < len(formals) else ""
        expected = f"{len(positional)} argument{plural}{by_position}"
        c.refuse_call(catalog.ArgumentCount(name, expected, len(node.args)), node, node)
        return None
    given = {formal.name: argument for formal, argument in zip(positional, node.args, strict=False)}
    names = [formal.name for formal in formals if formal.keyword]
    for keyword in node.keywords:
        where = c.name_span(keyword)
        if keyword.arg not in names:
            helps = catalog.did_you_mean(keyword.arg or "", names, where)
            c.refuse_call(catalog.UnknownKeyword(name, keyword.arg or ""), where, node, helps)
            return None
        if keyword.arg in given:
            c.refuse_call(catalog.RepeatedArgument(name, keyword.arg), where, node)
            return None
        given[keyword.arg] = keyword.value
    missing = next((f.name for f in formals if f.name not in given and f.default is None), None)
    if missing is not None:
        c.refuse_call(catalog.MissingArgument(name, missing), node, node)
        return None
    return given


def _argument(c: FunctionChecker, node: ast.Call, formal: Formal, bound: Bound) -> t.Expr:
    from pybpfc.frontend.check.expressions import check

    if formal.name in bound:
        return check(c, bound[formal.name])
    assert formal.default is not None
    return symbol_value(c, node, formal.default)


def _type_arguments(
    c: FunctionChecker, formals: tuple[Formal, ...], bound: Bound, values: dict[str, t.Expr]
) -> TypeArguments | None:
    """What the call makes an instance for; None after a diagnostic."""
    types: list[tuple[str, type | Type]] = []
    known: dict[Any, type] = {}
    for formal in formals:
        found: type | Type | None = None
        if formal.open is not None:
            found = _open_argument(c, formal.open, values[formal.name])
        elif formal.variable is not None:
            found = _class_argument(c, formal, bound[formal.name], known)
        else:
            continue
        if found is None:
            return None
        types.append((formal.name, found))
    return tuple(types)


def _class_argument(c: FunctionChecker, formal: Formal, node: ast.expr, known: dict[Any, type]) -> type | None:
    """The class given to a `type[T]` parameter; None after a diagnostic."""
    given = evaluate(c.captured, node) if named_type(c, node) is not None else None
    if not isinstance(given, type):
        c.error(catalog.TypeExpected(formal.name), node)
        return None
    try:
        bind_type(formal, given, known)
    except Conflict as conflict:
        c.error(catalog.TypeArgument(formal.name, str(conflict)), node)
        return None
    return given


def _open_argument(c: FunctionChecker, wanted: type, value: t.Expr) -> Type | None:
    """The type of an argument for a parameter that takes any context, or a view of any; None after a diagnostic."""
    type = value.type
    if isinstance(type, Error):
        return None
    python = None
    if isinstance(type, Pointer) and isinstance(type.to, ContextType):
        python = type.to.python
    elif isinstance(type, Pointer) and isinstance(type.to, Struct):
        python = type.to.cls
    if python is not None and issubclass(python, wanted):
        return type
    c.error(catalog.TypeMismatch(f"`{wanted.__name__}`", describe(value)), value.span)
    return None


def pass_argument(c: FunctionChecker, value: t.Expr, parameter: Parameter) -> t.Expr:
    """An argument as the parameter takes it; aggregates go by reference."""
    from pybpfc.frontend.check.calls import fit

    to, what = parameter.type, f"parameter `{parameter.name}`"
    if isinstance(value.type, Error) or not check_not_released(c, value):
        return t.Invalid(value.span, ERROR)
    if isinstance(to, Pointer) and is_aggregate(to.to):
        if isinstance(value, t.Text) and isinstance(to.to, Array):
            stored = fit(c, value, to.to, what)
            if isinstance(stored.type, Error):
                return stored
            value = t.NewArray(value.span, to.to, stored)
        given = value.type
        if isinstance(given, Pointer) and given.to == to.to:
            return may_be_none(c, value) if given.nullable and not to.nullable else value
    return coerce(c, value, to, what)
