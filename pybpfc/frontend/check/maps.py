"""Map operations in programs: keys and values, and what keyed maps do."""

from __future__ import annotations

import ast

from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import coerce, describe, is_aggregate, may_be_none, place
from pybpfc.frontend.check.references import check_not_released
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
    is_integer,
    size_of,
)

ARRAYS = frozenset({"BPF_MAP_TYPE_ARRAY", "BPF_MAP_TYPE_PERCPU_ARRAY"})
KEYED = ARRAYS | {f"BPF_MAP_TYPE_{kind}" for kind in ("HASH", "PERCPU_HASH", "LRU_HASH", "LRU_PERCPU_HASH", "LPM_TRIE")}


def is_keyed(type_name: str) -> bool:
    """Whether maps of a type have keys and values of the user's."""
    return type_name in KEYED


def key_type(map: t.MapObject) -> Type | None:
    """The key's type; arrays are indexed by u32."""
    declaration = map.map.declaration
    return declaration.key if declaration.key is not None else U32 if declaration.type_name in ARRAYS else None


def value_type(map: t.MapObject) -> Type:
    """The values' type."""
    return map.map.declaration.value or VOID


def kind_name(map: t.MapObject) -> str:
    """A map's type with its article, as users call it: "a `HashMap`"."""
    name = class_name(map.map.declaration.type_name)
    return f"{'an' if name[0] in 'AEIO' else 'a'} `{name}`"


def arguments(
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
    if len(node.args) > len(names) or not given.keys() >= set(names[:required]):
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
        return c.error(catalog.NoMapOperation(map.map.name, kind_name(map), "[…]"), value.span)
    return memory_argument(c, value, key, "key")


def check_stored(c: FunctionChecker, map: t.MapObject, value: t.Expr) -> t.Expr:
    """A value of the map's value type."""
    return memory_argument(c, value, value_type(map), "value")


# ------------------------------------------------------------------------- keyed operations


def lookup(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`m.lookup(…)`."""
    args = arguments(c, node, "lookup", ("key",), 1)
    if args is None or isinstance((key := check_key(c, map, args[0])).type, Error):
        return t.Invalid(c.span(node), ERROR)
    found = Pointer(value_type(map), Space.MAP_VALUE, nullable=True)
    return t.MapMethod(c.span(node), found, map.map, "lookup", (key,), map.reference)


def get(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`m.get(…)`."""
    args = arguments(c, node, "get", ("key", "default"), 2)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    value = value_type(map)
    if is_aggregate(value):
        help = f"use `{map.map.name}.lookup(key)` and check it for None"
        return c.error(catalog.AggregateGet(map.map.name), node, helps=[help])
    key, default = check_key(c, map, args[0]), check_stored(c, map, args[1])
    if isinstance(key.type, Error) or isinstance(default.type, Error):
        return t.Invalid(c.span(node), ERROR)
    return t.MapMethod(c.span(node), default.type, map.map, "get", (key, default), map.reference)


def update(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`m.update(…)`."""
    args = arguments(c, node, "update", ("key", "value", "flags"), 2)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    key, value = check_key(c, map, args[0]), check_stored(c, map, args[1])
    flags = coerce(c, args[2], U64, "flags") if len(args) > 2 else t.Literal(c.span(node), U64, 0)
    if any(isinstance(a.type, Error) for a in (key, value, flags)):
        return t.Invalid(c.span(node), ERROR)
    return t.MapMethod(c.span(node), I64, map.map, "update", (key, value, flags), map.reference)


def delete(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`m.delete(…)`."""
    args = arguments(c, node, "delete", ("key",), 1)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    return delete_entry(c, node, map, args[0])


def delete_entry(c: FunctionChecker, node: ast.AST, map: t.MapObject, key: t.Expr) -> t.Expr:
    """Delete the entry under a key."""
    if map.map.declaration.type_name in ARRAYS:
        return c.error(catalog.NoMapOperation(map.map.name, kind_name(map), "del"), node)
    key = check_key(c, map, key)
    if isinstance(key.type, Error):
        return key
    return t.MapMethod(c.span(node), I64, map.map, "delete", (key,), map.reference)


def check_contains(c: FunctionChecker, node: ast.Compare, map: t.MapObject) -> t.Expr:
    """`key in m`."""
    from pybpfc.frontend.check.expressions import check

    if not is_keyed(map.map.declaration.type_name):
        return c.error(catalog.NoMapOperation(map.map.name, kind_name(map), "in"), node)
    key = check_key(c, map, check(c, node.left))
    if isinstance(key.type, Error):
        return key
    found = Pointer(value_type(map), Space.MAP_VALUE, nullable=True)
    return t.Truth(c.span(node), BOOL, t.MapMethod(c.span(node), found, map.map, "lookup", (key,), map.reference))


def store_item(c: FunctionChecker, node: ast.AST, map: t.MapObject, key: t.Expr, value: t.Expr) -> t.Expr:
    """`m[key] = value`."""
    if not is_keyed(map.map.declaration.type_name):
        return c.error(catalog.NoMapOperation(map.map.name, kind_name(map), "[…] ="), node)
    key, value = check_key(c, map, key), check_stored(c, map, value)
    if isinstance(key.type, Error) or isinstance(value.type, Error):
        return t.Invalid(c.span(node), ERROR)
    flags = t.Literal(c.span(node), U64, 0)
    return t.MapMethod(c.span(node), I64, map.map, "update", (key, value, flags), map.reference)


def increment_item(c: FunctionChecker, node: ast.AST, map: t.MapObject, key: t.Expr, amount: t.Expr) -> t.Expr:
    """`m[key] += amount`: creates the entry at zero; atomic on shared maps."""
    value = value_type(map)
    if isinstance(value, Error):
        return t.Invalid(c.span(node), ERROR)
    if not is_keyed(map.map.declaration.type_name) or not is_integer(value):
        what = kind_name(map)
        return c.error(catalog.NoMapOperation(map.map.name, what, "[…] +="), node)
    per_cpu = MAP_TYPES[map.map.declaration.type_name].per_cpu
    if size_of(value) < 4 and not per_cpu:
        return c.error(catalog.AtomicWidth(str(value)), node)
    if isinstance(value, Int) and value.big_endian:
        return c.error(catalog.AtomicWidth(str(value)), node)
    key, amount = check_key(c, map, key), coerce(c, amount, value, "amount")
    if isinstance(key.type, Error) or isinstance(amount.type, Error):
        return t.Invalid(c.span(node), ERROR)
    return t.MapMethod(c.span(node), VOID, map.map, "increment", (key, amount), map.reference)


def in_memory(value: t.Expr, type: Type) -> t.Expr:
    """The address of a value that helpers read."""
    if is_aggregate(type):
        return t.AddressOf(value.span, Pointer(type, Space.STACK), value)
    spilled = t.NewArray(value.span, Array(type, 1), (value,))
    return t.AddressOf(value.span, Pointer(spilled.type, Space.STACK), spilled)
