"""Ring and perf buffers in programs: reservations, which every path must submit or discard, and copies."""

from __future__ import annotations

import ast

from pybpfc.abi.helpers import HELPERS, Helper
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import coerce
from pybpfc.frontend.check.dynptrs import is_dynptr
from pybpfc.frontend.check.helpers import available
from pybpfc.frontend.check.maps import arguments, check_stored, in_memory
from pybpfc.frontend.check.references import release
from pybpfc.lang.types import ERROR, I64, U64, VOID, Error, Pointer, Space, Void, size_of


def reserve(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`events.reserve(…)`."""
    if arguments(c, node, "reserve", (), 0) is None or not available(c, c.span(node), HELPERS["bpf_ringbuf_reserve"]):
        return t.Invalid(c.span(node), ERROR)
    value = map.map.declaration.value or VOID
    assert not isinstance(value, Void), "a ring buffer is declared with its records' type"
    span = c.span(node)
    size, flags = t.Literal(span, U64, size_of(value)), t.Literal(span, U64, 0)
    type = Pointer(value, Space.RINGBUF, nullable=True)
    return t.CallHelper(span, type, HELPERS["bpf_ringbuf_reserve"], (map, size, flags))


def submit(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`events.submit(…)`."""
    return _release(c, node, map, "submit", HELPERS["bpf_ringbuf_submit"])


def discard(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`events.discard(…)`."""
    return _release(c, node, map, "discard", HELPERS["bpf_ringbuf_discard"])


def _release(c: FunctionChecker, node: ast.Call, map: t.MapObject, method: str, helper: Helper) -> t.Expr:
    args = arguments(c, node, method, ("event", "flags"), 1)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    record = args[0]
    if isinstance(record.type, Error):
        return record
    if is_dynptr(record.type):
        helper = HELPERS[f"{helper.name}_dynptr"]
    if not release(c, c.span(node), record, method):
        return t.Invalid(c.span(node), ERROR)
    flags = coerce(c, args[1], U64, "flags") if len(args) > 1 else t.Literal(c.span(node), U64, 0)
    return t.CallHelper(c.span(node), VOID, helper, (record, flags))


def output(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`events.output(value)` of a ring buffer, `events.output(ctx, value)` of a perf buffer."""
    perf = map.map.declaration.type_name == "BPF_MAP_TYPE_PERF_EVENT_ARRAY"
    names = ("ctx", "event", "flags") if perf else ("event", "flags")
    args = arguments(c, node, "output", names, len(names) - 1)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    value = check_stored(c, map, args[1 if perf else 0])
    type = map.map.declaration.value or VOID
    default = 0xFFFFFFFF if perf else 0
    flags = coerce(c, args[-1], U64, "flags") if len(args) == len(names) else t.Literal(c.span(node), U64, default)
    if any(isinstance(a.type, Error) for a in (value, flags, args[0])):
        return t.Invalid(c.span(node), ERROR)
    helper = HELPERS["bpf_perf_event_output" if perf else "bpf_ringbuf_output"]
    if not available(c, c.span(node), helper):
        return t.Invalid(c.span(node), ERROR)
    size = t.Literal(c.span(node), U64, size_of(type))
    memory = in_memory(value, type)
    given = (args[0], map, flags, memory, size) if perf else (map, memory, size, flags)
    return t.CallHelper(c.span(node), I64, helper, given)


def query(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`events.query(BPF_RB_AVAIL_DATA)` and the like: bytes."""
    args = arguments(c, node, "query", ("flags",), 1)
    helper = HELPERS["bpf_ringbuf_query"]
    if args is None or isinstance((flags := coerce(c, args[0], U64, "flags")).type, Error):
        return t.Invalid(c.span(node), ERROR)
    return t.CallHelper(c.span(node), U64, helper, (map, flags))
