"""Map operations in programs: the methods of LANGUAGE §5, by what the map type allows."""

from __future__ import annotations

import ast
from collections.abc import Callable

from pybpfc.abi.helpers import HELPERS
from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import coerce, describe, is_aggregate, may_be_none, place
from pybpfc.frontend.check.references import check_not_released, check_tail_call, release
from pybpfc.lang.map_objects import class_name
from pybpfc.lang.types import (
    BOOL,
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
    Type,
    View,
    Void,
    is_integer,
    size_of,
)

ARRAYS = frozenset({"BPF_MAP_TYPE_ARRAY", "BPF_MAP_TYPE_PERCPU_ARRAY"})


def key_type(map: t.MapObject) -> Type | None:
    """The key's type; arrays are indexed by u32."""
    declaration = map.map.declaration
    return declaration.key if declaration.key is not None else U32 if declaration.type_name in ARRAYS else None


def check_map_method(c: FunctionChecker, node: ast.Call, map: t.MapObject, method: str) -> t.Expr:
    """`m.method(...)`."""
    handler = _METHODS.get(method)
    type_name = map.map.declaration.type_name
    allowed = OPERATIONS.get(method)
    if handler is None or allowed is None or not allowed(type_name):
        known = [name for name, fits in OPERATIONS.items() if fits(type_name)]
        helps = [f"in a program this map has {catalog.one_of(known)}"] if known else []
        return c.error(catalog.NoMapOperation(map.map.name, _kind(type_name), method), node.func, helps=helps)
    return handler(c, node, map)


def _kind(type_name: str) -> str:
    """A map type with its article, as users call it: "a `HashMap`"."""
    name = class_name(type_name)
    return f"{'an' if name[0] in 'AEIOU' else 'a'} `{name}`"


def _arguments(
    c: FunctionChecker, node: ast.Call, method: str, names: tuple[str, ...], required: int
) -> list[t.Expr] | None:
    """The arguments of a map method by position or keyword, None after a diagnostic."""
    from pybpfc.frontend.check.expressions import check

    given: dict[str, ast.expr] = dict(zip(names, node.args, strict=False))
    unknown = [k for k in node.keywords if k.arg not in names]
    if unknown:
        c.refuse_call(catalog.UnknownKeyword(method, unknown[0].arg or ""), c.name_span(unknown[0]), node)
        return None
    given.update({k.arg: k.value for k in node.keywords if k.arg is not None})
    if len(node.args) > len(names) or len(given) < required:
        c.refuse_call(_wrong_count(method, names, required, len(node.args) + len(node.keywords)), node, node)
        return None
    return [check(c, given[name]) for name in names if name in given]


def _wrong_count(method: str, names: tuple[str, ...], required: int, given: int) -> catalog.ErrorClass:
    """`get` takes `key` and `default`; `update` takes `key`, `value` and, if wanted, `flags`."""
    wanted = [*names[:required], *(f"{name} (optional)" for name in names[required:])]
    return catalog.ArgumentCount(method, ", ".join(wanted) if wanted else "no arguments", given)


def memory_argument(c: FunctionChecker, value: t.Expr, to: Type, what: str) -> t.Expr:
    """A key or value: a scalar of its type, or a place holding an aggregate."""
    from pybpfc.frontend.check.calls import fit

    if isinstance(to, Array) and to.view is not View.LIST:
        stored = fit(c, value, to, what)
        if isinstance(stored, t.Text):
            return t.NewArray(value.span, to, stored)
        return stored
    if is_aggregate(to):
        if isinstance(value.type, Error) or not check_not_released(c, value):
            return t.Invalid(value.span, ERROR)
        if isinstance(value.type, Pointer) and value.type.to == to:
            return may_be_none(c, value) if value.type.nullable else place(value)
        if value.type == to:
            return value
        return c.error(catalog.MapTypeMismatch(what, f"`{to}`", describe(value)), value.span)
    return coerce(c, value, to.host if isinstance(to, Int) else to, what)


def check_key(c: FunctionChecker, map: t.MapObject, value: t.Expr) -> t.Expr:
    """A key of the map's key type."""
    key = key_type(map)
    if key is None:
        return c.error(catalog.NoMapOperation(map.map.name, _kind(map.map.declaration.type_name), "[…]"), value.span)
    return memory_argument(c, value, key, "key")


def check_stored(c: FunctionChecker, map: t.MapObject, value: t.Expr) -> t.Expr:
    """A value of the map's value type."""
    return memory_argument(c, value, map.map.declaration.value or VOID, "value")


# ------------------------------------------------------------------------- keyed operations


def _lookup(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    args = _arguments(c, node, "lookup", ("key",), 1)
    if args is None or isinstance((key := check_key(c, map, args[0])).type, Error):
        return t.Invalid(c.span(node), ERROR)
    value = map.map.declaration.value or VOID
    return t.MapMethod(c.span(node), Pointer(value, Space.MAP_VALUE, nullable=True), map.map, "lookup", (key,))


def _get(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    args = _arguments(c, node, "get", ("key", "default"), 2)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    value = map.map.declaration.value or VOID
    if is_aggregate(value):
        help = f"use `{map.map.name}.lookup(key)` and check it for None"
        return c.error(catalog.AggregateGet(map.map.name), node, helps=[help])
    key, default = check_key(c, map, args[0]), check_stored(c, map, args[1])
    if isinstance(key.type, Error) or isinstance(default.type, Error):
        return t.Invalid(c.span(node), ERROR)
    return t.MapMethod(c.span(node), default.type, map.map, "get", (key, default))


def _update(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    args = _arguments(c, node, "update", ("key", "value", "flags"), 2)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    key, value = check_key(c, map, args[0]), check_stored(c, map, args[1])
    flags = coerce(c, args[2], U64, "flags") if len(args) > 2 else t.Literal(c.span(node), U64, 0)
    if any(isinstance(a.type, Error) for a in (key, value, flags)):
        return t.Invalid(c.span(node), ERROR)
    return t.MapMethod(c.span(node), I64, map.map, "update", (key, value, flags))


def _delete(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    args = _arguments(c, node, "delete", ("key",), 1)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    return delete_entry(c, node, map, args[0])


def delete_entry(c: FunctionChecker, node: ast.AST, map: t.MapObject, key: t.Expr) -> t.Expr:
    """Delete the entry under a key."""
    if map.map.declaration.type_name in ARRAYS:
        return c.error(catalog.NoMapOperation(map.map.name, _kind(map.map.declaration.type_name), "del"), node)
    key = check_key(c, map, key)
    if isinstance(key.type, Error):
        return key
    return t.MapMethod(c.span(node), I64, map.map, "delete", (key,))


def check_contains(c: FunctionChecker, node: ast.Compare, map: t.MapObject) -> t.Expr:
    """`key in m`."""
    from pybpfc.frontend.check.expressions import check

    if not _keyed(map.map.declaration.type_name):
        return c.error(catalog.NoMapOperation(map.map.name, _kind(map.map.declaration.type_name), "in"), node)
    key = check_key(c, map, check(c, node.left))
    if isinstance(key.type, Error):
        return key
    value = map.map.declaration.value or VOID
    found = t.MapMethod(c.span(node), Pointer(value, Space.MAP_VALUE, nullable=True), map.map, "lookup", (key,))
    return t.Truth(c.span(node), BOOL, found)


def store_item(c: FunctionChecker, node: ast.AST, map: t.MapObject, key: t.Expr, value: t.Expr) -> t.Expr:
    """`m[key] = value`."""
    if not _keyed(map.map.declaration.type_name):
        return c.error(catalog.NoMapOperation(map.map.name, _kind(map.map.declaration.type_name), "[…] ="), node)
    key, value = check_key(c, map, key), check_stored(c, map, value)
    if isinstance(key.type, Error) or isinstance(value.type, Error):
        return t.Invalid(c.span(node), ERROR)
    flags = t.Literal(c.span(node), U64, 0)
    return t.MapMethod(c.span(node), I64, map.map, "update", (key, value, flags))


def increment_item(c: FunctionChecker, node: ast.AST, map: t.MapObject, key: t.Expr, amount: t.Expr) -> t.Expr:
    """`m[key] += amount`: creates the entry at zero; atomic on shared maps."""
    value = map.map.declaration.value or VOID
    if isinstance(value, Error):
        return t.Invalid(c.span(node), ERROR)
    if not _keyed(map.map.declaration.type_name) or not is_integer(value):
        what = _kind(map.map.declaration.type_name)
        return c.error(catalog.NoMapOperation(map.map.name, what, "[…] +="), node)
    per_cpu = MAP_TYPES[map.map.declaration.type_name].per_cpu
    if size_of(value) < 4 and not per_cpu:
        return c.error(catalog.AtomicWidth(str(value)), node)
    if isinstance(value, Int) and value.big_endian:
        return c.error(catalog.AtomicWidth(str(value)), node)
    key, amount = check_key(c, map, key), coerce(c, amount, value, "amount")
    if isinstance(key.type, Error) or isinstance(amount.type, Error):
        return t.Invalid(c.span(node), ERROR)
    return t.MapMethod(c.span(node), VOID, map.map, "increment", (key, amount))


# --------------------------------------------------------------------- queues, stacks, bloom


def _push(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    args = _arguments(c, node, "push", ("value", "flags"), 1)
    if args is None or isinstance((value := check_stored(c, map, args[0])).type, Error):
        return t.Invalid(c.span(node), ERROR)
    flags = coerce(c, args[1], U64, "flags") if len(args) > 1 else t.Literal(c.span(node), U64, 0)
    memory = _in_memory(value, map.map.declaration.value or VOID)
    return t.CallHelper(c.span(node), I64, HELPERS["bpf_map_push_elem"], (map, memory, flags))


def _in_memory(value: t.Expr, type: Type) -> t.Expr:
    """The address of a value that helpers read."""
    if is_aggregate(type):
        return t.AddressOf(value.span, Pointer(type, Space.STACK), value)
    spilled = t.NewArray(value.span, Array(type, 1), (value,))
    return t.AddressOf(value.span, Pointer(spilled.type, Space.STACK), spilled)


# ------------------------------------------------------------------------------- ring buffer


def _reserve(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    if _arguments(c, node, "reserve", (), 0) is None:
        return t.Invalid(c.span(node), ERROR)
    value = map.map.declaration.value or VOID
    assert not isinstance(value, Void), "a ring buffer is declared with its records' type"
    span = c.span(node)
    size, flags = t.Literal(span, U64, size_of(value)), t.Literal(span, U64, 0)
    type = Pointer(value, Space.RINGBUF, nullable=True)
    return t.CallHelper(span, type, HELPERS["bpf_ringbuf_reserve"], (map, size, flags))


def _submit(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    return _release(c, node, map, "submit", HELPERS["bpf_ringbuf_submit"])


def _discard(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    return _release(c, node, map, "discard", HELPERS["bpf_ringbuf_discard"])


def _release(c: FunctionChecker, node: ast.Call, map: t.MapObject, method: str, helper: object) -> t.Expr:
    from pybpfc.abi.helpers import Helper

    assert isinstance(helper, Helper)
    args = _arguments(c, node, method, ("record", "flags"), 1)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    record = args[0]
    if isinstance(record.type, Error):
        return record
    if not release(c, c.span(node), record, method):
        return t.Invalid(c.span(node), ERROR)
    flags = coerce(c, args[1], U64, "flags") if len(args) > 1 else t.Literal(c.span(node), U64, 0)
    return t.CallHelper(c.span(node), VOID, helper, (record, flags))


def _output(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`events.output(value)` of a ring buffer, `events.output(ctx, value)` of a perf buffer."""
    perf = map.map.declaration.type_name == "BPF_MAP_TYPE_PERF_EVENT_ARRAY"
    names = ("ctx", "value", "flags") if perf else ("value", "flags")
    args = _arguments(c, node, "output", names, len(names) - 1)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    value = check_stored(c, map, args[1 if perf else 0])
    type = map.map.declaration.value or VOID
    default = 0xFFFFFFFF if perf else 0
    flags = coerce(c, args[-1], U64, "flags") if len(args) == len(names) else t.Literal(c.span(node), U64, default)
    if any(isinstance(a.type, Error) for a in (value, flags, args[0])):
        return t.Invalid(c.span(node), ERROR)
    size = t.Literal(c.span(node), U64, size_of(type))
    memory = _in_memory(value, type)
    if perf:
        helper = HELPERS["bpf_perf_event_output"]
        return t.CallHelper(c.span(node), I64, helper, (args[0], map, flags, memory, size))
    return t.CallHelper(c.span(node), I64, HELPERS["bpf_ringbuf_output"], (map, memory, size, flags))


def _tail_call(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    args = _arguments(c, node, "tail_call", ("ctx", "index"), 2)
    check_tail_call(c, c.span(node))
    c.invalidate_packets(c.span(node), "bpf_tail_call")
    if args is None or isinstance((index := coerce(c, args[1], U32, "index")).type, Error):
        return t.Invalid(c.span(node), ERROR)
    return t.CallHelper(c.span(node), I64, HELPERS["bpf_tail_call"], (args[0], map, index))


# ------------------------------------------------------------------------------------ tables


def _keyed(type_name: str) -> bool:
    return type_name in KEYED


KEYED = frozenset(
    f"BPF_MAP_TYPE_{kind}"
    for kind in (
        "HASH",
        "ARRAY",
        "PERCPU_HASH",
        "PERCPU_ARRAY",
        "LRU_HASH",
        "LRU_PERCPU_HASH",
        "LPM_TRIE",
    )
)

_METHODS: dict[str, Callable[[FunctionChecker, ast.Call, t.MapObject], t.Expr]] = {
    "lookup": _lookup,
    "get": _get,
    "update": _update,
    "delete": _delete,
    "push": _push,
    "reserve": _reserve,
    "submit": _submit,
    "discard": _discard,
    "output": _output,
    "tail_call": _tail_call,
}

OPERATIONS: dict[str, Callable[[str], bool]] = {
    "lookup": _keyed,
    "get": _keyed,
    "update": _keyed,
    "delete": lambda kind: _keyed(kind) and kind not in ARRAYS,
    "push": lambda kind: kind in ("BPF_MAP_TYPE_QUEUE", "BPF_MAP_TYPE_STACK", "BPF_MAP_TYPE_BLOOM_FILTER"),
    "reserve": lambda kind: kind == "BPF_MAP_TYPE_RINGBUF",
    "submit": lambda kind: kind == "BPF_MAP_TYPE_RINGBUF",
    "discard": lambda kind: kind == "BPF_MAP_TYPE_RINGBUF",
    "output": lambda kind: kind in ("BPF_MAP_TYPE_RINGBUF", "BPF_MAP_TYPE_PERF_EVENT_ARRAY"),
    "tail_call": lambda kind: kind == "BPF_MAP_TYPE_PROG_ARRAY",
}
