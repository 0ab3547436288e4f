"""Dynptrs: memory whose length the run decides. They are made in a variable's own place on the stack, once for all.

    record = events.reserve_dynptr(size)        a record of a ring buffer, to be submitted or discarded
    window = bpf.dynptr_from_mem(value.data)    a part of a map's value or of a global variable

`read`, `write` and `data` take an offset that need not be bounded: the kernel checks it.
"""

from __future__ import annotations

import ast

from pybpfc.abi.helpers import HELPERS, Helper
from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.compile_time import named_type
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import coerce, constant_written, describe, may_be_none, place, reference, space_of
from pybpfc.frontend.check.helpers import available, memory
from pybpfc.frontend.check.maps import arguments
from pybpfc.frontend.check.references import check_not_released
from pybpfc.lang.opaque import Dynptr
from pybpfc.lang.types import (
    ERROR,
    I64,
    U32,
    U64,
    Error,
    Pointer,
    Space,
    Struct,
    Type,
    is_integer,
    size_of,
)

METHODS = ("read", "write", "data")
MAKERS = {
    "bpf_ringbuf_reserve_dynptr": "record = events.reserve_dynptr(size)",
    "bpf_dynptr_from_mem": "window = bpf.dynptr_from_mem(place)",
    "bpf_ringbuf_submit_dynptr": "events.submit(record)",
    "bpf_ringbuf_discard_dynptr": "events.discard(record)",
    "bpf_dynptr_read": "window.read(offset, place)",
    "bpf_dynptr_write": "window.write(offset, value)",
    "bpf_dynptr_data": "part = window.data(offset, T)",
}
"""What programs write for the kernel's helpers."""


def is_dynptr(type: Type) -> bool:
    """Whether a place, or what a pointer leads to, is a dynptr."""
    if isinstance(type, Pointer):
        return is_dynptr(type.to)
    return isinstance(type, Struct) and type.cls is Dynptr


def refuse_helper(c: FunctionChecker, node: ast.Call, name: str) -> t.Expr:
    """The kernel's helpers want a dynptr that is not made yet, which no variable holds."""
    return c.error(catalog.DynptrHelper(name, MAKERS[name]), node.func)


def _make(c: FunctionChecker, node: ast.Call, helper: Helper, args: tuple[t.Expr, ...]) -> t.Expr:
    if any(isinstance(a.type, Error) for a in args) or not available(c, c.span(node.func), helper):
        return t.Invalid(c.span(node), ERROR)
    return t.NewDynptr(c.span(node), Dynptr.__bpf_type__, helper, args)


def reserve(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`events.reserve_dynptr(size)`."""
    args = arguments(c, node, "reserve_dynptr", ("size",), 1)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    size, flags = coerce(c, args[0], U32, "size"), t.Literal(c.span(node), U64, 0)
    return _make(c, node, HELPERS["bpf_ringbuf_reserve_dynptr"], (map, size, flags))


def from_memory(c: FunctionChecker, node: ast.Call) -> t.Expr:
    """`bpf.dynptr_from_mem(place)`: the kernel takes maps' values, and global variables are some."""
    args = arguments(c, node, "dynptr_from_mem", ("place",), 1)
    if args is None or isinstance(args[0].type, Error):
        return t.Invalid(c.span(node), ERROR)
    if isinstance(args[0].type, Pointer) and args[0].type.nullable:
        return may_be_none(c, args[0])
    found = place(args[0])
    if not isinstance(found, t.PLACES) or space_of(found) not in (Space.MAP_VALUE, Space.GLOBAL):
        return c.error(catalog.DynptrMemory(describe(args[0])), args[0].span)
    if (mistake := constant_written(found)) is not None:
        return c.error(mistake, found.span)
    span = c.span(node)
    address = t.AddressOf(found.span, Pointer(found.type, space_of(found)), found)
    size, flags = t.Literal(span, U32, size_of(found.type)), t.Literal(span, U64, 0)
    return _make(c, node, HELPERS["bpf_dynptr_from_mem"], (address, size, flags))


def check_dynptr_method(c: FunctionChecker, node: ast.Call, base: t.Expr, method: str) -> t.Expr:
    """`dynptr.method(…)`."""
    if method not in METHODS:
        helps = [f"a dynptr has {catalog.one_of(list(METHODS))}"]
        return c.error(catalog.NoSuchMethod("`bpf.Dynptr`", method), node.func, helps=helps)
    if not check_not_released(c, base) or not available(c, c.span(node.func), HELPERS[f"bpf_dynptr_{method}"]):
        return t.Invalid(c.span(node), ERROR)
    pointer = base if isinstance(base.type, Pointer) else reference(base)
    if method == "data":
        return _data(c, node, pointer)
    args = arguments(c, node, method, ("offset", "place" if method == "read" else "value"), 2)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    return _copy(c, node, pointer, method, args[0], args[1])


def _copy(c: FunctionChecker, node: ast.Call, pointer: t.Expr, method: str, at: t.Expr, value: t.Expr) -> t.Expr:
    """`read` into a place, `write` from a value: 0 or a negative errno."""
    helper, reads = HELPERS[f"bpf_dynptr_{method}"], method == "read"
    offset = _offset(c, at)
    if isinstance(value.type, Error) or isinstance(offset.type, Error):
        return t.Invalid(c.span(node), ERROR)
    if isinstance(value, t.Literal) and value.untyped:
        return c.error(catalog.DynptrValue(value.value), value.span)
    param = helper.params[0 if reads else 2]
    buffer = memory(c, value, param, writes=reads)
    if isinstance(buffer.type, Error):
        return buffer
    room = size_of(buffer.type.to) if isinstance(buffer.type, Pointer) else 0
    size, flags = t.Literal(c.span(node), U32, room), t.Literal(c.span(node), U64, 0)
    args = (buffer, size, pointer, offset, flags) if reads else (pointer, offset, buffer, size, flags)
    return t.CallHelper(c.span(node), I64, helper, args)


def _offset(c: FunctionChecker, value: t.Expr) -> t.Expr:
    if isinstance(value.type, Error) or is_integer(value.type):
        return coerce(c, value, U32, "offset")
    return c.error(catalog.NotAnIndex(describe(value)), value.span)


def _data(c: FunctionChecker, node: ast.Call, pointer: t.Expr) -> t.Expr:
    """`dynptr.data(offset, T)`: a reference to a `T` in it, or None."""
    from pybpfc.frontend.check.expressions import check

    if len(node.args) != 2 or node.keywords:
        count = len(node.args) + len(node.keywords)
        return c.error(catalog.ArgumentCount("data", "an offset and a type", count), node)
    type = named_type(c, node.args[1])
    if type is None:
        return c.error(catalog.TypeExpected("data"), node.args[1])
    offset = _offset(c, check(c, node.args[0]))
    if isinstance(offset.type, Error):
        return offset
    size = t.Literal(c.span(node), U32, size_of(type))
    found = Pointer(type, Space.RINGBUF, nullable=True)
    return t.CallHelper(c.span(node), found, HELPERS["bpf_dynptr_data"], (pointer, offset, size))
