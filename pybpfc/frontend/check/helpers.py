"""Calls of kernel helpers: the kernel's argument kinds decide what each Python argument may be.

A memory argument and the size that follows it are one argument in Python: the size is the type's.
`size=` (by the kernel's parameter name) passes another, at most that.
"""

from __future__ import annotations

import ast
import keyword as keywords

from pybpfc.abi.helpers import ArgKind, Helper, Param, RetKind
from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.span import Span
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import (
    FOREIGN,
    coerce,
    describe,
    is_aggregate,
    may_be_none,
    place,
    space_of,
)
from pybpfc.frontend.check.maps import check_key, check_stored, in_memory
from pybpfc.frontend.check.ranges import value_range
from pybpfc.frontend.check.references import check_not_released, check_tail_call, released_argument
from pybpfc.frontend.contexts import uapi_struct
from pybpfc.frontend.prototypes import kernel_struct
from pybpfc.ir.passes.availability import forbidden
from pybpfc.lang.types import (
    ERROR,
    I64,
    U32,
    U64,
    VOID,
    Array,
    Error,
    Int,
    Pointer,
    Space,
    Struct,
    Type,
    View,
    as_int,
    is_integer,
    is_kernel,
    is_scalar,
    size_of,
)

RELEASED = (ArgKind.ARG_PTR_TO_RINGBUF_MEM, ArgKind.ARG_PTR_TO_BTF_ID_SOCK_COMMON)
"""Arguments that a helper takes over and that are followed (`references`)."""
SIZES = (ArgKind.ARG_CONST_SIZE, ArgKind.ARG_CONST_SIZE_OR_ZERO)


def python_name(name: str) -> str:
    """A parameter's name in Python."""
    return name + "_" if keywords.iskeyword(name) else name


def is_size(helper: Helper, index: int) -> bool:
    """Whether parameter `index` is the size of the memory before it."""
    return helper.params[index].kind in SIZES and index > 0


def check_helper(c: FunctionChecker, node: ast.Call, helper: Helper) -> t.Expr:
    """`bpf_…(…)`."""
    if not available(c, c.span(node.func), helper):
        return t.Invalid(c.span(node), ERROR)
    given = _bind(c, node, helper)
    if given is None:
        return t.Invalid(c.span(node), ERROR)
    args: list[t.Expr] = []
    maps: list[t.MapObject] = []
    for index, param in enumerate(helper.params):
        if is_size(helper, index):
            args.append(_size(c, node, given.get(param.name), args[-1], param))
            continue
        value = given[param.name]
        if param.releases and param.kind in RELEASED:
            args.append(released_argument(c, c.span(node), helper, value))
        elif check_not_released(c, value):
            args.append(_argument(c, value, param, maps))
        else:
            args.append(t.Invalid(value.span, ERROR))
    if any(isinstance(a.type, Error) for a in args):
        return t.Invalid(c.span(node), ERROR)
    if helper.name == "bpf_tail_call":
        check_tail_call(c, c.span(node))
    if helper.invalidates_packet:
        c.invalidate_packets(c.span(node), helper.name)
    result = _of_cpu(args[0]) if helper.name in _OF_CPUS else _kernel_object(c, helper, result_type(helper, maps))
    if isinstance(result, Pointer) and helper.name == "bpf_per_cpu_ptr":
        result = Pointer(result.to, result.space, nullable=True)
    return t.CallHelper(c.span(node), result, helper, tuple(args))


_OF_CPUS = ("bpf_per_cpu_ptr", "bpf_this_cpu_ptr")


def _of_cpu(variable: t.Expr) -> Type:
    """One CPU's part of a variable of the kernel, of the type that this has."""
    if isinstance(variable.type, Pointer) and is_kernel(variable.type.to):
        return Pointer(variable.type.to, Space.BTF)
    return Pointer(variable.type.to if isinstance(variable.type, Pointer) else VOID, Space.GLOBAL)


def _kernel_object(c: FunctionChecker, helper: Helper, type: Type) -> Type:
    """The struct that a helper's result leads to, as the program declares it or the kernel describes it."""
    name = helper.result.ctype.removeprefix("struct ").rstrip(" *")
    if not isinstance(type, Pointer) or type.space is not Space.BTF or type.to != VOID or not name.isidentifier():
        return type
    declared = c.unit.kernel_struct(c.captured, name)
    return Pointer(declared if declared is not None else kernel_struct(name), Space.BTF, type.nullable)


def available(c: FunctionChecker, span: Span, helper: Helper) -> bool:
    """Whether the helper may be called here, by the program's type and the licence; a diagnostic if not."""
    if c.program is None:
        c.unit.helper_calls.setdefault(c.caller, []).append((helper, span))
    elif (mistake := forbidden(helper, c.program.section, c.program.type.name)) is not None:
        c.error(mistake, span)
        return False
    if helper.gpl and not c.unit.gpl_compatible:
        c.error(catalog.HelperNeedsGpl(helper.name, c.unit.license), span)
        return False
    return True


def _bind(c: FunctionChecker, node: ast.Call, helper: Helper) -> dict[str, t.Expr] | None:
    """Arguments by the kernel's parameter names; None after a diagnostic."""
    from pybpfc.frontend.check.expressions import check

    positional = [p for i, p in enumerate(helper.params) if not is_size(helper, i)]
    by_name = {python_name(p.name): p for p in helper.params}
    if len(node.args) > len(positional):
        listed = ", ".join(python_name(p.name) for p in positional)
        expected = f"{len(positional)} arguments ({listed})" if positional else "no arguments"
        c.refuse_call(catalog.ArgumentCount(helper.name, expected, len(node.args)), node, node)
        return None
    nodes: dict[str, ast.expr] = {p.name: a for p, a in zip(positional, node.args, strict=False)}
    for keyword in node.keywords:
        param = by_name.get(keyword.arg or "")
        if param is None:
            where = c.name_span(keyword)
            helps = catalog.did_you_mean(keyword.arg or "", by_name, where)
            c.refuse_call(catalog.UnknownKeyword(helper.name, keyword.arg or ""), where, node, helps)
            return None
        nodes[param.name] = keyword.value
    missing = [p for p in positional if p.name not in nodes]
    if missing:
        c.refuse_call(catalog.MissingArgument(helper.name, python_name(missing[0].name)), node, node)
        return None
    return {name: check(c, value) for name, value in nodes.items()}


def _argument(c: FunctionChecker, value: t.Expr, param: Param, maps: list[t.MapObject]) -> t.Expr:
    if isinstance(value.type, Error):
        return value
    match param.kind:
        case ArgKind.ARG_CONST_MAP_PTR:
            if not isinstance(value, t.MapObject):
                return c.error(catalog.HelperArgument(param.name, "a map", describe(value)), value.span)
            maps.append(value)
            return value
        case ArgKind.ARG_PTR_TO_MAP_KEY if maps:
            key = check_key(c, maps[0], value)
            return key if isinstance(key.type, Error) else in_memory(key, maps[0].map.declaration.key or U32)
        case (
            ArgKind.ARG_PTR_TO_MAP_VALUE | ArgKind.ARG_PTR_TO_UNINIT_MAP_VALUE | ArgKind.ARG_PTR_TO_MAP_VALUE_OR_NULL
        ) if maps:
            stored = check_stored(c, maps[0], value)
            return (
                stored if isinstance(stored.type, Error) else in_memory(stored, maps[0].map.declaration.value or VOID)
            )
        case _:
            return _plain_argument(c, value, param)


def _plain_argument(c: FunctionChecker, value: t.Expr, param: Param) -> t.Expr:
    name = param.kind.name
    if name in ("ARG_ANYTHING", "ARG_CONST_ALLOC_SIZE_OR_ZERO", *(k.name for k in SIZES)):
        return _number(c, value)
    if name == "ARG_PTR_TO_CTX" and isinstance(value.type, Pointer) and value.type.space is Space.CTX:
        return value
    if isinstance(value, t.NoneValue) and name.endswith("_OR_NULL"):
        return t.Literal(value.span, U64, 0)
    if "_MEM" in name or name.startswith("ARG_PTR_TO_CONST_STR") or "LONG" in name or "INT" in name:
        return memory(c, value, param, writes=param.writes)
    if isinstance(value.type, Pointer):
        return may_be_none(c, value) if value.type.nullable and not name.endswith("_OR_NULL") else value
    if isinstance(value, t.PLACES) and isinstance(value.type, Struct) and space_of(value) is Space.BTF:
        return memory_reference(value)  # a struct within one of the kernel's that the verifier knows
    return c.error(catalog.HelperArgument(param.name, "a pointer", describe(value)), value.span)


def _number(c: FunctionChecker, value: t.Expr) -> t.Expr:
    if isinstance(value, t.Literal) and value.untyped:
        return t.Literal(value.span, U64 if value.value >= 0 else I64, value.value)
    if is_integer(value.type):
        return coerce(c, value, value.type, "argument")
    if isinstance(value.type, Pointer):
        return may_be_none(c, value) if value.type.nullable else value
    if is_aggregate(value.type):
        return memory_reference(value)
    return c.error(catalog.HelperArgument("", "a number or an address", describe(value)), value.span)


def memory_reference(value: t.Expr) -> t.Expr:
    """The address of a place."""
    return t.AddressOf(value.span, Pointer(value.type, space_of(value)), value)


def memory(c: FunctionChecker, value: t.Expr, param: Param, *, writes: bool) -> t.Expr:
    """The address of memory that the helper reads or writes."""
    if isinstance(value, t.Text):
        length = len(value.value) + 1
        if writes:
            return c.error(catalog.HelperArgument(param.name, "memory to write to", "a constant"), value.span)
        array = Array(Int(8, True), length, View.STR)
        return memory_reference(t.NewArray(value.span, array, value))
    if isinstance(value.type, Pointer):
        if value.type.nullable:
            return may_be_none(c, value)
        if value.type.space in FOREIGN:
            return c.error(catalog.HelperArgument(param.name, "memory of the program", describe(value)), value.span)
        return value
    value = place(value)
    if isinstance(value, t.PLACES) and space_of(value) in FOREIGN:
        return c.error(catalog.HelperArgument(param.name, "memory of the program", describe(value)), value.span)
    if isinstance(value, t.PLACES):
        return memory_reference(value)
    if isinstance(value, t.CallFunction) and is_aggregate(value.type):
        return memory_reference(value)
    if is_scalar(value.type) and not writes:
        value = coerce(c, value, value.type, "argument")
        return in_memory(value, value.type)
    return c.error(catalog.HelperArgument(param.name, "memory of the program", describe(value)), value.span)


def _size(c: FunctionChecker, node: ast.Call, given: t.Expr | None, memory: t.Expr, param: Param) -> t.Expr:
    """The size of the memory argument before, or the one given, if it cannot be more."""
    room = size_of(memory.type.to) if isinstance(memory.type, Pointer) else 0
    if given is None or isinstance(given.type, Error):
        return t.Literal(c.span(node), U32, room)
    if not is_integer(given.type):
        return c.error(catalog.NotANumber(describe(given), param.name), given.span)
    bounds = value_range(c, given)
    if bounds is None or bounds[0] < 0 or bounds[1] > room:
        return c.error(catalog.UnboundedSize(param.name, room), given.span)
    if bounds[0] == 0 and param.kind is ArgKind.ARG_CONST_SIZE:
        helps = [f"make it at least 1: `max({c.sink.sources.text(given.span)}, 1)`"]
        return c.error(catalog.ZeroSize(param.name), given.span, helps=helps)
    size = coerce(c, given, U64 if isinstance(given, t.Literal) else as_int(given.type), "size")
    return t.Limited(given.span, size.type, size, *bounds)


RESULTS: dict[str, Type] = {
    "u64": U64,
    "__u64": U64,
    "u32": U32,
    "__u32": U32,
    "unsigned long": U64,
    "void": VOID,
}


def result_type(helper: Helper, maps: list[t.MapObject]) -> Type:
    """The type of a helper's result."""
    kind = helper.result.kind
    if kind is RetKind.RET_VOID:
        return VOID
    if kind is RetKind.RET_INTEGER:
        return RESULTS.get(helper.result.ctype, I64)
    nullable = kind.name.endswith("_OR_NULL")
    if "MAP_VALUE" in kind.name and maps:
        return Pointer(maps[0].map.declaration.value or VOID, Space.MAP_VALUE, nullable)
    if "MEM" in kind.name and "BTF" not in kind.name:
        return Pointer(VOID, Space.RINGBUF, nullable)
    leads_to = uapi_struct(helper.result.ctype.removeprefix("struct ").rstrip(" *"))
    return Pointer(leads_to if leads_to is not None else VOID, Space.BTF, nullable)
