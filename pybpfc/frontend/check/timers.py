"""Timers of map values: `value.timer.init(map)`, `set_callback(function)`, `start(ns)`, `cancel()`."""

from __future__ import annotations

import ast
from types import FunctionType

from pybpfc.abi.helpers import HELPERS
from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.access import resolve_static
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import coerce, describe, is_aggregate, may_be_none, place
from pybpfc.frontend.check.helpers import available
from pybpfc.frontend.check.map_values import in_map_value
from pybpfc.frontend.symbols import Foreign, FunctionSymbol, Signature
from pybpfc.lang.opaque import Timer
from pybpfc.lang.types import ERROR, I64, U64, VOID, Error, Int, Pointer, Space, Struct, Type, Void, is_integer

METHODS = ("init", "set_callback", "start", "cancel")
MAPS = ("HASH", "LRU_HASH", "ARRAY")
"""The map types whose values may hold a timer."""
CLOCK_MONOTONIC = 1


def is_timer(type: Type) -> bool:
    """Whether a place is a timer."""
    return isinstance(type, Struct) and type.cls is Timer


def check_timer_method(c: FunctionChecker, node: ast.Call, timer: t.Expr, method: str) -> t.Expr:
    """`value.timer.method(…)`."""
    if method not in METHODS:
        helps = [f"a timer has {catalog.one_of(list(METHODS))}"]
        return c.error(catalog.NoSuchMethod("`bpf.Timer`", method), node.func, helps=helps)
    return _call(c, node, method, timer, list(node.args))


def check_timer_helper(c: FunctionChecker, node: ast.Call, name: str) -> t.Expr:
    """`bpf_timer_start(value.timer, …)`: the same by the kernel's name."""
    from pybpfc.frontend.check.expressions import check

    if not node.args:
        return c.error(catalog.MissingArgument(name, "timer"), node)
    timer = check(c, node.args[0])
    if isinstance(timer.type, Error):
        return timer
    if isinstance(timer.type, Pointer) and timer.type.nullable:
        return may_be_none(c, timer)
    timer = place(timer)
    if not is_timer(timer.type):
        return c.error(catalog.NotATimer(describe(timer)), timer.span)
    return _call(c, node, name.removeprefix("bpf_timer_"), timer, node.args[1:])


def _call(c: FunctionChecker, node: ast.Call, method: str, timer: t.Expr, given: list[ast.expr]) -> t.Expr:
    helper = HELPERS[f"bpf_timer_{method}"]
    value = _value_type(timer)
    if value is None or not in_map_value(c, timer):
        return c.error(catalog.NotATimer("a timer that may lie elsewhere"), timer.span)
    required, names = _PARAMETERS[method]
    if node.keywords or not required <= len(given) <= len(names):
        wanted = "no arguments" if not names else f"{len(names)} argument{'s' * (len(names) > 1)} ({', '.join(names)})"
        return c.error(catalog.ArgumentCount(method, wanted, len(given) + len(node.keywords)), node)
    if not available(c, c.span(node.func), helper):
        return t.Invalid(c.span(node), ERROR)
    address = t.AddressOf(timer.span, Pointer(timer.type, Space.MAP_VALUE), timer)
    args = _arguments(c, node, method, given, value)
    if any(isinstance(a.type, Error) for a in args):
        return t.Invalid(c.span(node), ERROR)
    return t.CallHelper(c.span(node), I64, helper, (address, *args))


_PARAMETERS: dict[str, tuple[int, tuple[str, ...]]] = {
    "init": (1, ("map", "clock")),
    "set_callback": (1, ("function",)),
    "start": (1, ("nsecs", "flags")),
    "cancel": (0, ()),
}
"""How many arguments are needed, and what there may be."""


def _arguments(
    c: FunctionChecker, node: ast.Call, method: str, given: list[ast.expr], value: Struct
) -> tuple[t.Expr, ...]:
    from pybpfc.frontend.check.expressions import check

    if method == "set_callback":
        return (_callback(c, given[0], value),)
    first = [_map(c, given[0], value)] if method == "init" else []
    default = CLOCK_MONOTONIC if method == "init" else 0
    wanted = len(_PARAMETERS[method][1])
    numbers = [coerce(c, check(c, a), U64, method) for a in given[len(first) :]]
    missing = [t.Literal(c.span(node), U64, default)] * (wanted - len(first) - len(numbers))
    return (*first, *numbers, *missing)


def _value_type(timer: t.Expr) -> Struct | None:
    """The struct in the map that a timer lies in."""
    found = timer
    while isinstance(found, t.Member | t.Element):
        found = found.base
    return found.type if isinstance(found, t.Deref) and isinstance(found.type, Struct) else None


def _map(c: FunctionChecker, node: ast.expr, value: Struct) -> t.Expr:
    """The map that a timer's value lies in."""
    from pybpfc.frontend.check.expressions import check

    found = check(c, node)
    if isinstance(found.type, Error):
        return found
    if not isinstance(found, t.MapObject):
        return c.error(catalog.TimerMap(describe(found), str(value)), node)
    if found.map.declaration.value != value:
        return c.error(catalog.TimerMap(f"the map `{found.map.name}` of other values", str(value)), node)
    kind = found.map.declaration.type_name.removeprefix("BPF_MAP_TYPE_")
    if kind not in MAPS:
        helps = ["a hash map, an LRU hash map or an array can hold timers"]
        return c.error(catalog.TimerMap(f"the map `{found.map.name}`", str(value)), node, helps=helps)
    return found


def _callback(c: FunctionChecker, node: ast.expr, value: Struct) -> t.Expr:
    """The function that a timer calls with the key and the value it belongs to."""
    from pybpfc.frontend.check.functions import check_instance

    symbol = resolve_static(c, node)
    if isinstance(symbol, Foreign) and isinstance(symbol.value, FunctionType):
        return c.error(catalog.NotBpfFunction(symbol.name), node)
    if not isinstance(symbol, FunctionSymbol):
        found = symbol.describe() if symbol is not None else "a value of the program"
        return c.error(catalog.TypeMismatch("a `@bpf.func` function", found), node)
    signature = c.unit.signature(symbol.function)
    if signature is None:
        return t.Invalid(c.span(node), ERROR)
    keys = _keys(c, value)
    if not _fits(signature, keys, value):
        wanted = str(keys[0]) if keys else "…"
        return c.error(catalog.TimerCallback(symbol.function.name, wanted, str(value)), node)
    request = c.unit.request(symbol.function, c.span(node), c.caller, ())
    if check_instance(c.unit, request) is None:
        return t.Invalid(c.span(node), ERROR)
    taken = signature.params[0].type
    key = next((k for k in keys if _held(k) == taken), taken.to if isinstance(taken, Pointer) else taken)
    return t.TimerCallback(c.span(node), Pointer(VOID, Space.KERNEL), request, key, value, signature.result)


def _keys(c: FunctionChecker, value: Struct) -> list[Type]:
    """The keys of the maps that hold such values."""
    declarations = [m.declaration for m in c.unit.maps.values()]
    return [d.key for d in declarations if d.value == value and d.key is not None]


def _held(key: Type) -> Type:
    """A key as a function's parameter."""
    if is_aggregate(key):
        return Pointer(key, Space.STACK)
    return key.host if isinstance(key, Int) else key


def _fits(signature: Signature, keys: list[Type], value: Struct) -> bool:
    """Whether a function takes a key and a value, and gives nothing or a number."""
    if len(signature.params) != 2 or not (isinstance(signature.result, Void) or is_integer(signature.result)):
        return False
    key, entry = (p.type for p in signature.params)
    if keys and not any(_held(k) == key for k in keys):
        return False
    return isinstance(entry, Pointer) and entry.to == value and not entry.nullable
