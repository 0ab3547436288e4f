"""Calls of kernel functions: their prototypes decide what each argument may be."""

from __future__ import annotations

import ast

from pybpfc.abi.program_types import match_section
from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import FOREIGN, coerce, describe, is_aggregate, may_be_none, place, space_of
from pybpfc.frontend.check.helpers import memory_reference
from pybpfc.frontend.check.kernel_types import same_kernel_type
from pybpfc.frontend.check.references import check_not_released, release
from pybpfc.frontend.symbols import Foreign, Symbol
from pybpfc.lang.functions import Kfunc
from pybpfc.lang.kernel_names import KernelFunction
from pybpfc.lang.kfuncs import KernelFunctionType, KfuncParameter
from pybpfc.lang.types import (
    BOOL,
    CHAR,
    ERROR,
    U32,
    U64,
    Error,
    Int,
    Pointer,
    Space,
    Type,
    Void,
    is_kernel,
    is_scalar,
    size_of,
)


def kernel_function(symbol: Symbol) -> Kfunc | KernelFunction | None:
    """The kernel function that a name stands for."""
    match symbol:
        case Foreign(value=Kfunc() | KernelFunction() as function):
            return function
        case _:
            return None


def find(c: FunctionChecker, node: ast.AST, function: Kfunc | KernelFunction) -> KernelFunctionType | None:
    """How it is called; None after a diagnostic."""
    found = c.unit.kernel_function(function)
    if isinstance(found, catalog.ErrorClass):
        c.error(found, node)
        return None
    return found


def check_kfunc(c: FunctionChecker, node: ast.Call, function: Kfunc | KernelFunction) -> t.Expr:
    """`bpf_task_from_pid(pid)`."""
    invalid = t.Invalid(c.span(node), ERROR)
    found = find(c, node.func, function)
    given = _bind(c, node, found) if found is not None else None
    if found is None or given is None or not _may_call(c, node, found):
        return invalid
    args: list[t.Expr] = []
    for param in found.params:
        if param.is_ignored:
            args.append(t.Literal(c.span(node), U64 if isinstance(param.type, Pointer) else param.type, 0))
        elif param.is_size:
            room = args[-1].type.to if args and isinstance(args[-1].type, Pointer) else None
            args.append(t.Literal(c.span(node), U32, size_of(room) if room is not None else 0))
        elif found.flags.releases and not args:
            value = given[param.name]
            invalid_value = isinstance(value.type, Error) or not release(c, c.span(node), value, found.name)
            args.append(t.Invalid(value.span, ERROR) if invalid_value else value)
        else:
            args.append(_argument(c, param, given[param.name]))
    if any(isinstance(a.type, Error) for a in args):
        return invalid
    return t.CallKernel(c.span(node), _result(c, found), found, tuple(args))


def check_exists(c: FunctionChecker, node: ast.Call) -> t.Expr:
    """`bpf.ksym_exists(bpf_task_from_pid)`."""
    from pybpfc.frontend.check.access import resolve_static

    if len(node.args) != 1 or node.keywords:
        expected = "a kernel function"
        return c.error(catalog.ArgumentCount("ksym_exists", expected, len(node.args) + len(node.keywords)), node)
    symbol = resolve_static(c, node.args[0])
    function = kernel_function(symbol) if symbol is not None else None
    if function is None:
        return c.error(catalog.KernelFunctionExpected(), node.args[0])
    found = find(c, node.args[0], function)
    return t.KernelSymbolExists(c.span(node), BOOL, found) if found is not None else t.Invalid(c.span(node), ERROR)


def _may_call(c: FunctionChecker, node: ast.Call, function: KernelFunctionType) -> bool:
    for param in function.params:
        if param.special:
            c.error(catalog.KernelFunctionArgument(function.name, param.name, param.special), node)
            return False
    section = match_section(c.program.section) if c.program is not None else None
    if function.flags.sleepable and section is not None and not section.sleepable:
        c.error(catalog.HelperNeedsSleep(function.name), node)
        return False
    if not c.unit.gpl_compatible:
        c.error(catalog.HelperNeedsGpl(function.name, c.unit.license), node)
        return False
    return True


def _bind(c: FunctionChecker, node: ast.Call, function: KernelFunctionType) -> dict[str, t.Expr] | None:
    """Arguments by the kernel's parameter names; None after a diagnostic."""
    from pybpfc.frontend.check.expressions import check

    wanted = function.given
    by_name = {p.python_name: p for p in wanted}
    if len(node.args) > len(wanted):
        expected = f"{len(wanted)} arguments ({', '.join(by_name)})" if wanted else "no arguments"
        c.refuse_call(catalog.ArgumentCount(function.name, expected, len(node.args)), node, node)
        return None
    nodes: dict[str, ast.expr] = {p.name: a for p, a in zip(wanted, node.args, strict=False)}
    for keyword in node.keywords:
        param = by_name.get(keyword.arg or "")
        if param is None:
            where = c.name_span(keyword)
            helps = catalog.did_you_mean(keyword.arg or "", by_name, where)
            c.refuse_call(catalog.UnknownKeyword(function.name, keyword.arg or ""), where, node, helps)
            return None
        nodes[param.name] = keyword.value
    missing = [p for p in wanted if p.name not in nodes]
    if missing:
        c.refuse_call(catalog.MissingArgument(function.name, missing[0].python_name), node, node)
        return None
    return {name: check(c, value) for name, value in nodes.items()}


def _argument(c: FunctionChecker, param: KfuncParameter, value: t.Expr) -> t.Expr:
    if isinstance(value.type, Error):
        return value
    if not isinstance(param.type, Pointer):
        return _number(c, param, value)
    if not check_not_released(c, value):
        return t.Invalid(value.span, ERROR)
    if isinstance(value, t.NoneValue) and param.nullable:
        return t.Literal(value.span, U64, 0)
    if isinstance(value.type, Pointer) and value.type.nullable and not param.nullable:
        return may_be_none(c, value)
    return _address(c, param, param.type, value)


def _number(c: FunctionChecker, param: KfuncParameter, value: t.Expr) -> t.Expr:
    if param.is_constant and not isinstance(value, t.Literal):
        return c.error(catalog.ConstantNeeded(f"`{param.python_name}`"), value.span)
    return coerce(c, value, param.type, f"parameter `{param.python_name}`")


def _address(c: FunctionChecker, param: KfuncParameter, wanted: Pointer, value: t.Expr) -> t.Expr:
    """An object of the kernel, the context, or memory of the program."""
    given = value.type
    expected = f"`{wanted.to}`" if not isinstance(wanted.to, Void) else "memory"
    if isinstance(given, Pointer) and given.space is Space.CTX:
        if is_kernel(wanted.to) and str(given.to) == str(wanted.to):
            return value
    elif isinstance(given, Pointer) and given.space in FOREIGN:
        if given.space is Space.BTF and (isinstance(wanted.to, Void) or _alike(given.to, wanted.to)):
            return value
        if given.space is not Space.BTF and is_kernel(wanted.to):
            helps = ["take it from the kernel's own arguments: those of `tp_btf`, `fentry`, `lsm` or a kernel function"]
            found = f"{describe(value)}, which the verifier does not know"
            return c.error(catalog.HelperArgument(param.python_name, expected, found), value.span, helps=helps)
    elif isinstance(given, Pointer):
        return value
    elif is_aggregate(place(value).type) and space_of(place(value)) not in FOREIGN:
        return memory_reference(place(value))
    return c.error(catalog.HelperArgument(param.python_name, expected, describe(value)), value.span)


def _alike(given: Type, wanted: Type) -> bool:
    """Whether one stands for the other: also the kernel's own variants, whose first member the other is."""
    return same_kernel_type(given, wanted) or (is_kernel(given) and str(given) == f"bpf_{wanted}")


def _result(c: FunctionChecker, function: KernelFunctionType) -> Type:
    """The type of a call."""
    result = function.result
    match result:
        case Pointer(to=to) if is_kernel(to):
            own = c.unit.kernel_struct(c.captured, getattr(to, "kernel_name", ""))
            return Pointer(own if own is not None else to, Space.BTF, not function.flags.never_null)
        case Pointer(to=to) if is_scalar(to) and to != CHAR:
            return Pointer(to, Space.GLOBAL, nullable=True)
        case Pointer():
            return Pointer(result.to, Space.BTF, not function.flags.never_null)
        case Int():
            return result.host
        case _:
            return result

