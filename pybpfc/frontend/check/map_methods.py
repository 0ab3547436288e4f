"""The methods that maps have in programs, by map type: LANGUAGE §5."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TypeAlias

from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check import dynptrs, event_maps, maps, messages, special_maps
from pybpfc.frontend.check.callbacks import PARTS, is_visited
from pybpfc.frontend.check.context import FunctionChecker

Handler: TypeAlias = Callable[[FunctionChecker, ast.Call, t.MapObject], t.Expr]
Methods: TypeAlias = dict[str, Handler]

_ARRAY: Methods = {"lookup": maps.lookup, "get": maps.get, "update": maps.update}
_TABLE: Methods = {**_ARRAY, "delete": maps.delete}
_PER_CPU: Methods = {"lookup_percpu": special_maps.lookup_percpu}
_QUEUE: Methods = {"push": special_maps.push, "pop": special_maps.pop, "peek": special_maps.peek}
_REDIRECT: Methods = {"redirect": special_maps.redirect}
_SOCKETS: Methods = {
    "redirect": special_maps.redirect_to_socket,
    "update": special_maps.store_socket,
    "delete": maps.delete,
}
_STORAGE: Methods = {"get": special_maps.get_stored, "delete": special_maps.delete_stored}

METHODS: dict[str, Methods] = {
    "HASH": _TABLE,
    "LRU_HASH": _TABLE,
    "LPM_TRIE": _TABLE,
    "PERCPU_HASH": {**_TABLE, **_PER_CPU},
    "LRU_PERCPU_HASH": {**_TABLE, **_PER_CPU},
    "ARRAY": _ARRAY,
    "PERCPU_ARRAY": {**_ARRAY, **_PER_CPU},
    "RINGBUF": {
        "reserve": event_maps.reserve,
        "reserve_dynptr": dynptrs.reserve,
        "submit": event_maps.submit,
        "discard": event_maps.discard,
        "output": event_maps.output,
        "query": event_maps.query,
    },
    "PERF_EVENT_ARRAY": {"output": event_maps.output},
    "USER_RINGBUF": {"drain": messages.drain_as_value},
    "QUEUE": _QUEUE,
    "STACK": _QUEUE,
    "BLOOM_FILTER": {"push": special_maps.push},
    "PROG_ARRAY": {"tail_call": special_maps.tail_call},
    "STACK_TRACE": {"get_stackid": special_maps.get_stackid},
    "CGROUP_ARRAY": {"current_under": special_maps.current_under, "packet_under": special_maps.packet_under},
    "ARRAY_OF_MAPS": {"lookup": special_maps.lookup_map},
    "HASH_OF_MAPS": {"lookup": special_maps.lookup_map},
    "DEVMAP": _REDIRECT,
    "DEVMAP_HASH": _REDIRECT,
    "CPUMAP": _REDIRECT,
    "XSKMAP": _REDIRECT,
    "SOCKMAP": _SOCKETS,
    "SOCKHASH": _SOCKETS,
    "REUSEPORT_SOCKARRAY": {"select": special_maps.select},
    "SK_STORAGE": _STORAGE,
    "INODE_STORAGE": _STORAGE,
    "TASK_STORAGE": _STORAGE,
    "CGRP_STORAGE": _STORAGE,
}

_PRESENT = frozenset({"DEVMAP", "DEVMAP_HASH", "XSKMAP", "ARRAY_OF_MAPS", "HASH_OF_MAPS"})
"""Types in which a program can see whether an entry is there, but not what it is worth."""


def check_map_method(c: FunctionChecker, node: ast.Call, map: t.MapObject, method: str) -> t.Expr:
    """`m.method(...)`."""
    methods = METHODS.get(_short(map), {})
    handler = methods.get(method)
    if handler is None and method in PARTS and is_visited(map):
        names = "k, v" if method == "items" else method[0]
        use = f"for {names} in {map.map.name}.{method}():"
        return c.error(catalog.LoopAsValue(f"{map.map.name}.{method}()", use), node)
    if handler is None:
        helps = [f"in a program this map has {catalog.one_of(list(methods))}"] if methods else []
        return c.error(catalog.NoMapOperation(map.map.name, maps.kind_name(map), method), node.func, helps=helps)
    return handler(c, node, map)


def check_contains(c: FunctionChecker, node: ast.Compare, map: t.MapObject) -> t.Expr:
    """`key in m`."""
    from pybpfc.frontend.check.expressions import check

    if _short(map) == "BLOOM_FILTER":
        return special_maps.may_hold(c, node, map, check(c, node.left))
    if _short(map) in _PRESENT:
        return special_maps.present(c, node, map, check(c, node.left))
    return maps.check_contains(c, node, map)


def _short(map: t.MapObject) -> str:
    return map.map.declaration.type_name.removeprefix("BPF_MAP_TYPE_")
