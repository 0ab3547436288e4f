"""Maps of a special use in programs: queues, jumps, redirection, stacks, sockets, cgroups, storage, maps of maps."""

from __future__ import annotations

import ast

from pybpfc.abi.helpers import HELPERS
from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import coerce, describe, is_aggregate, may_be_none
from pybpfc.frontend.check.helpers import available
from pybpfc.frontend.check.maps import arguments, check_key, check_stored, in_memory, key_type, value_type
from pybpfc.frontend.check.references import check_tail_call
from pybpfc.ir.ops import Predicate
from pybpfc.lang.types import BOOL, ERROR, I32, I64, U32, U64, VOID, Error, Pointer, Space, Type


def _call(
    c: FunctionChecker, node: ast.AST, helper: str, args: tuple[t.Expr, ...], type: Type = I64
) -> t.CallHelper | t.Invalid:
    """A call of a helper that programs of this type may make."""
    if any(isinstance(a.type, Error) for a in args) or not available(c, c.span(node), HELPERS[helper]):
        return t.Invalid(c.span(node), ERROR)
    if HELPERS[helper].invalidates_packet:
        c.invalidate_packets(c.span(node), helper)
    return t.CallHelper(c.span(node), type, HELPERS[helper], args)


def _context(c: FunctionChecker, value: t.Expr) -> t.Expr:
    """The program's context."""
    if isinstance(value.type, Error) or (isinstance(value.type, Pointer) and value.type.space is Space.CTX):
        return value
    return c.error(catalog.HelperArgument("ctx", "the program's context", describe(value)), value.span)


def _number(c: FunctionChecker, node: ast.AST, args: list[t.Expr], place: int, type: Type = U64) -> t.Expr:
    """A number among the arguments, 0 where it was left out."""
    return coerce(c, args[place], type, "flags") if len(args) > place else t.Literal(c.span(node), type, 0)


def _key(c: FunctionChecker, map: t.MapObject, value: t.Expr) -> t.Expr:
    """A key in memory."""
    key = check_key(c, map, value)
    return key if isinstance(key.type, Error) else in_memory(key, key_type(map) or U32)


# -------------------------------------------------------------------------------------- queues


def push(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`m.push(value, flags)`: 0 or a negative errno."""
    args = arguments(c, node, "push", ("value", "flags"), 1)
    if args is None or isinstance((value := check_stored(c, map, args[0])).type, Error):
        return t.Invalid(c.span(node), ERROR)
    return _call(c, node, "bpf_map_push_elem", (map, in_memory(value, value_type(map)), _number(c, node, args, 1)))


def pop(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`m.pop()`: the next element, taken out, or None."""
    return _next(c, node, map, "pop")


def peek(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`m.peek()`: a copy of the next element, or None."""
    return _next(c, node, map, "peek")


def _next(c: FunctionChecker, node: ast.Call, map: t.MapObject, method: str) -> t.Expr:
    if arguments(c, node, method, (), 0) is None or not available(c, c.span(node), HELPERS[f"bpf_map_{method}_elem"]):
        return t.Invalid(c.span(node), ERROR)
    value = value_type(map)
    space = Space.STACK if is_aggregate(value) else Space.OPTIONAL
    return t.MapMethod(c.span(node), Pointer(value, space, nullable=True), map.map, method, (), map.reference)


def may_hold(c: FunctionChecker, node: ast.AST, map: t.MapObject, value: t.Expr) -> t.Expr:
    """`value in bloom_filter`."""
    stored = check_stored(c, map, value)
    if isinstance(stored.type, Error):
        return stored
    answer = _call(c, node, "bpf_map_peek_elem", (map, in_memory(stored, value_type(map))))
    return answer if isinstance(answer, t.Invalid) else _equals(c, node, answer, 0)


def _equals(c: FunctionChecker, node: ast.AST, answer: t.Expr, value: int) -> t.Expr:
    return t.Comparison(c.span(node), BOOL, Predicate.EQ, answer, t.Literal(c.span(node), I64, value))


# ------------------------------------------------------------------------ jumps and redirection


def tail_call(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`m.tail_call(ctx, index)`: comes back only when there is no program at `index`."""
    args = arguments(c, node, "tail_call", ("ctx", "index"), 2)
    check_tail_call(c, c.span(node))
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    return _call(c, node, "bpf_tail_call", (_context(c, args[0]), map, coerce(c, args[1], U32, "index")), VOID)


def redirect(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`devices.redirect(index, flags)`: the XDP action."""
    args = arguments(c, node, "redirect", ("index", "flags"), 1)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    index = coerce(c, args[0], U32, "index")
    return _call(c, node, "bpf_redirect_map", (map, index, _number(c, node, args, 1)), I32)


def redirect_to_socket(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`sockets.redirect(ctx, key, flags)`: SK_PASS or SK_DROP."""
    args = arguments(c, node, "redirect", ("ctx", "key", "flags"), 2)
    if args is None or isinstance((ctx := _context(c, args[0])).type, Error):
        return t.Invalid(c.span(node), ERROR)
    context = ctx.type.to if isinstance(ctx.type, Pointer) else VOID
    prefix = "bpf_msg_redirect" if getattr(context, "name", "") == "sk_msg_md" else "bpf_sk_redirect"
    if map.map.declaration.type_name == "BPF_MAP_TYPE_SOCKHASH":
        helper, key = f"{prefix}_hash", _key(c, map, args[1])
    else:
        helper, key = f"{prefix}_map", coerce(c, args[1], U32, "key")
    return _call(c, node, helper, (ctx, map, key, _number(c, node, args, 2)), I32)


def store_socket(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`sockets.update(ctx, key, flags)` in a sockops program: 0 or a negative errno."""
    args = arguments(c, node, "update", ("ctx", "key", "flags"), 2)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    hashed = map.map.declaration.type_name == "BPF_MAP_TYPE_SOCKHASH"
    given = (_context(c, args[0]), map, _key(c, map, args[1]), _number(c, node, args, 2))
    return _call(c, node, "bpf_sock_hash_update" if hashed else "bpf_sock_map_update", given)


def select(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`sockets.select(ctx, index, flags)` in a reuseport program: 0 or a negative errno."""
    args = arguments(c, node, "select", ("ctx", "index", "flags"), 2)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    given = (_context(c, args[0]), map, _key(c, map, args[1]), _number(c, node, args, 2))
    return _call(c, node, "bpf_sk_select_reuseport", given)


def present(c: FunctionChecker, node: ast.AST, map: t.MapObject, index: t.Expr) -> t.Expr:
    """`index in devices`, `key in maps`: whether something is stored there."""
    key = check_key(c, map, index)
    if isinstance(key.type, Error):
        return key
    found = Pointer(VOID, Space.MAP_VALUE, nullable=True)
    return t.Truth(c.span(node), BOOL, t.MapMethod(c.span(node), found, map.map, "lookup", (key,), map.reference))


# ---------------------------------------------------------------------------- stacks, cgroups


def get_stackid(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`stacks.get_stackid(ctx, flags)`: an id or a negative errno."""
    args = arguments(c, node, "get_stackid", ("ctx", "flags"), 1)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    return _call(c, node, "bpf_get_stackid", (_context(c, args[0]), map, _number(c, node, args, 1)))


def current_under(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`cgroups.current_under(index)`: whether the current task is in the cgroup or below it."""
    args = arguments(c, node, "current_under", ("index",), 1)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    answer = _call(c, node, "bpf_current_task_under_cgroup", (map, coerce(c, args[0], U32, "index")))
    return answer if isinstance(answer, t.Invalid) else _equals(c, node, answer, 1)


def packet_under(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`cgroups.packet_under(ctx, index)`: whether the packet's socket is in the cgroup or below it."""
    args = arguments(c, node, "packet_under", ("ctx", "index"), 2)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    given = (_context(c, args[0]), map, coerce(c, args[1], U32, "index"))
    answer = _call(c, node, "bpf_skb_under_cgroup", given)
    return answer if isinstance(answer, t.Invalid) else _equals(c, node, answer, 1)


# ------------------------------------------------------------------- other CPUs, maps of maps


def lookup_percpu(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`m.lookup_percpu(key, cpu)`: the value of another CPU, or None."""
    args = arguments(c, node, "lookup_percpu", ("key", "cpu"), 2)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    given = (map, _key(c, map, args[0]), coerce(c, args[1], U32, "cpu"))
    return _call(c, node, "bpf_map_lookup_percpu_elem", given, Pointer(value_type(map), Space.MAP_VALUE, nullable=True))


def lookup_map(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`outer.lookup(key)`: the map stored there, or None."""
    args = arguments(c, node, "lookup", ("key",), 1)
    if args is None or isinstance((key := check_key(c, map, args[0])).type, Error):
        return t.Invalid(c.span(node), ERROR)
    found = Pointer(c.unit.inner_map(map.map), Space.MAP, nullable=True)
    return t.MapMethod(c.span(node), found, map.map, "lookup", (key,), map.reference)


# ------------------------------------------------------------------------------------- storage

STORAGES = {
    "BPF_MAP_TYPE_SK_STORAGE": "bpf_sk_storage",
    "BPF_MAP_TYPE_INODE_STORAGE": "bpf_inode_storage",
    "BPF_MAP_TYPE_TASK_STORAGE": "bpf_task_storage",
    "BPF_MAP_TYPE_CGRP_STORAGE": "bpf_cgrp_storage",
}
"""The helpers' prefixes by map type."""


def get_stored(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`storage.get(object, create=True)`: a reference to the object's value, or None."""
    args = arguments(c, node, "get", ("object", "create"), 1)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    create = args[1] if len(args) > 1 else t.Literal(c.span(node), BOOL, 0)
    if create.type != BOOL:
        return c.error(catalog.TypeMismatch("`bool`", describe(create)), create.span)
    nothing = t.Literal(c.span(node), Pointer(VOID, Space.STACK, nullable=True), 0)
    flags = t.Convert(create.span, U64, create)  # 1 is BPF_LOCAL_STORAGE_GET_F_CREATE
    given = (map, _object(c, args[0]), nothing, flags)
    helper = f"{STORAGES[map.map.declaration.type_name]}_get"
    return _call(c, node, helper, given, Pointer(value_type(map), Space.MAP_VALUE, nullable=True))


def delete_stored(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`storage.delete(object)`: 0 or a negative errno."""
    args = arguments(c, node, "delete", ("object",), 1)
    if args is None:
        return t.Invalid(c.span(node), ERROR)
    helper = f"{STORAGES[map.map.declaration.type_name]}_delete"
    return _call(c, node, helper, (map, _object(c, args[0])))


def _object(c: FunctionChecker, value: t.Expr) -> t.Expr:
    """An object of the kernel, which the verifier knows the type of."""
    if isinstance(value.type, Error):
        return value
    if not isinstance(value.type, Pointer) or value.type.space is not Space.BTF:
        return c.error(catalog.HelperArgument("object", "an object of the kernel", describe(value)), value.span)
    return may_be_none(c, value) if value.type.nullable else value
