"""Loops that a helper runs: over run-time ranges, over the entries of maps, and by `bpf.loop`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from pybpfc.abi.helpers import HELPERS
from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.diagnostic import Label
from pybpfc.diagnostics.span import Span
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.access import resolve_static
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import coerce, is_aggregate
from pybpfc.frontend.check.endless import stored_names
from pybpfc.frontend.check.helpers import available
from pybpfc.frontend.check.maps import key_type
from pybpfc.frontend.symbols import Foreign, FunctionSymbol, IntrinsicSymbol
from pybpfc.lang.types import VOID, Error, Int, Pointer, Space, Type, is_integer
from pybpfc.records import fields

ITERABLE = frozenset({"HASH", "PERCPU_HASH", "LRU_HASH", "LRU_PERCPU_HASH", "ARRAY", "PERCPU_ARRAY"})
"""Map types that `bpf_for_each_map_elem` visits."""
PARTS = {"items": ("key", "value"), "keys": ("key",), "values": ("value",)}


def intrinsic_called(c: FunctionChecker, node: ast.expr) -> str:
    """The intrinsic that a call calls; empty for other expressions."""
    symbol = resolve_static(c, node.func) if isinstance(node, ast.Call) else None
    return symbol.name if isinstance(symbol, IntrinsicSymbol) else ""


def iterated_map(c: FunctionChecker, node: ast.expr) -> tuple[t.MapObject, tuple[str, ...]] | None:
    """The map of `m`, `m.items()`, `m.keys()` or `m.values()`, and what its entries give; None for anything else."""
    from pybpfc.frontend.check.expressions import check

    base: ast.expr = node
    parts: tuple[str, ...] = ("key",)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in PARTS:
        base, parts = node.func.value, PARTS[node.func.attr]
    elif not isinstance(base, ast.Name | ast.Attribute):
        return None
    with c.speculation():
        found = check(c, base)
    return (found, parts) if isinstance(found, t.MapObject) else None


def check_map_loop(c: FunctionChecker, node: ast.For, map: t.MapObject, parts: tuple[str, ...]) -> list[t.Stmt]:
    """`for k, v in m.items()`: numbers are copies, structs are the map's own."""
    from pybpfc.frontend.check import messages
    from pybpfc.frontend.check.loops import declare_targets, loop_variable

    if messages.is_buffer(map) and map.reference is None:
        return messages.check_message_loop(c, node, map)
    declaration = map.map.declaration
    targets = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
    if (mistake := _map_loop_mistake(node, map, parts, targets)) is not None:
        c.error(*mistake)
        declare_targets(c, node.target)
        return []
    available(c, c.span(node.iter), HELPERS["bpf_for_each_map_elem"])
    kinds = {"key": key_type(map), "value": declaration.value}
    variables: dict[str, t.Variable] = {}
    for part, target in zip(parts, targets, strict=True):
        assert isinstance(target, ast.Name)
        variable = loop_variable(
            c, target, held(kinds[part] or VOID, Space.STACK if part == "key" else Space.MAP_VALUE)
        )
        if variable is None:
            return []
        variables[part] = variable
    source = t.MapSource(map.map, variables.get("key"), variables.get("value"))
    return [loop(c, node, source, list(variables.values()))]


def _map_loop_mistake(
    node: ast.For, map: t.MapObject, parts: tuple[str, ...], targets: list[ast.expr]
) -> tuple[catalog.ErrorClass, ast.AST] | None:
    if isinstance(node.iter, ast.Call) and (given := len(node.iter.args) + len(node.iter.keywords)):
        method = node.iter.func.attr if isinstance(node.iter.func, ast.Attribute) else "items"
        return catalog.ArgumentCount(method, "no arguments", given), node.iter
    if map.reference is not None:
        return catalog.NotIterable(f"`{map.map.name}`, a map inside another,"), node.iter
    if not is_visited(map):
        return catalog.NotIterable(f"the map `{map.map.name}`"), node.iter
    if len(targets) != len(parts):
        names = f"{len(targets)} name{'s' if len(targets) != 1 else ''}"
        return catalog.UnpackCount(names, " and ".join(f"a {part}" for part in parts)), node.target
    other = next((target for target in targets if not isinstance(target, ast.Name)), None)
    return (catalog.AssignmentTarget("anything but a name in a `for` loop"), other) if other is not None else None


def is_visited(map: t.MapObject) -> bool:
    """Whether a loop can go over the map's entries."""
    return map.map.declaration.type_name.removeprefix("BPF_MAP_TYPE_") in ITERABLE


def held(kind: Type, space: Space) -> Type:
    """What a loop's variable holds for an entry of such a type: a number, or a reference."""
    if is_aggregate(kind):
        return Pointer(kind, space)
    return kind.host if isinstance(kind, Int) else kind


def check_iter_num(c: FunctionChecker, node: ast.For) -> list[t.Stmt]:
    """`for i in bpf.iter_num(start, stop)`: a range with any bounds."""
    from pybpfc.frontend.check.loops import declare_targets

    assert isinstance(node.iter, ast.Call)
    mistake: tuple[catalog.ErrorClass, ast.AST] | None = None
    if len(node.iter.args) != 2 or node.iter.keywords:
        given = len(node.iter.args) + len(node.iter.keywords)
        mistake = catalog.ArgumentCount("iter_num", "a start and a stop", given), node.iter
    elif not isinstance(node.target, ast.Name):
        mistake = catalog.AssignmentTarget("anything but a name in a `for` loop"), node.target
    if mistake is not None:
        c.error(*mistake)
        declare_targets(c, node.target)
        return []
    return check_range_loop(c, node)


def check_range_loop(
    c: FunctionChecker, node: ast.For, type: Type | None = None, bounds: tuple[int, int] | None = None
) -> list[t.Stmt]:
    """A `range` or `bpf.iter_num` whose rounds `bpf_loop` makes."""
    from pybpfc.frontend.check.loops import (
        MAX_TRIPS,
        declare_failed,
        loop_variable,
        range_arguments,
        range_type,
        rounds_at_most,
    )

    target, call = node.target, node.iter
    assert isinstance(target, ast.Name)
    assert isinstance(call, ast.Call)
    parts = range_arguments(c, call)
    if parts is None:
        declare_failed(c, target)
        return []
    start, stop, step = parts
    variable = loop_variable(c, target, type or range_type(c, target, start, stop))
    if variable is None:
        return []
    rounds = rounds_at_most(c, start, stop, step)
    if isinstance(start, t.Literal) and isinstance(stop, t.Literal) and rounds is not None and rounds > MAX_TRIPS:
        c.error(catalog.LoopTooLong(rounds), call)
    before: list[t.Stmt] = []
    first, last = (coerce(c, bound, variable.type, "range") for bound in (start, stop))
    if isinstance(first.type, Error) or isinstance(last.type, Error):
        return []
    if not isinstance(first, t.Literal):  # the body reads it again in each round
        held = c.temporary(variable.type, start.span)
        before.append(t.Bind(start.span, held, first))
        first = t.ReadVariable(start.span, variable.type, held)
    available(c, c.span(call), HELPERS["bpf_loop"])
    source = t.RangeSource(variable, first, last, step)
    kept = variable.name not in stored_names(node.body)
    return [*before, loop(c, node, source, [variable], bounds if kept else None)]


def loop(
    c: FunctionChecker,
    node: ast.For,
    source: t.RangeSource | t.MapSource | t.MessageSource,
    variables: list[t.Variable],
    bounds: tuple[int, int] | None = None,
) -> t.Stmt:
    """The loop with its body checked; `variables` are those that it sets itself."""
    from pybpfc.frontend.check.loops import for_body

    carried: set[t.Variable] = set()
    body, otherwise = for_body(c, node, variables, bounds, carried)
    return made(c, node, source, body, otherwise, frozenset(carried))


def made(
    c: FunctionChecker,
    node: ast.stmt,
    source: t.LoopSource,
    body: tuple[t.Stmt, ...],
    otherwise: tuple[t.Stmt, ...],
    carried: frozenset[t.Variable],
) -> t.Stmt:
    """The loop, after a look at what its body does to the variables around it."""
    key = [(source.key, c.span(node))] if isinstance(source, t.MapSource) and source.key is not None else []
    for variable, span in (*key, *_bound((source, body))):
        if variable in carried and isinstance(variable.type, Pointer) and variable.type.space is Space.STACK:
            c.error(catalog.RebindsOutside(variable.name), span, labels=[Label(variable.span, "it is this one")])
            break
    return t.CallbackLoop(c.span(node), source, body, otherwise, carried)


def _bound(tree: Any) -> Iterator[tuple[t.Variable, Span]]:
    """The variables that a typed tree binds, and where."""
    if isinstance(tree, tuple):
        for item in tree:
            yield from _bound(item)
    elif isinstance(tree, t.Stmt | t.Expr | t.MatchCase | t.WhileSource):
        if isinstance(tree, t.Bind | t.Assignment):
            yield tree.variable, tree.span
        if isinstance(tree, t.ForArray):
            yield tree.variable, tree.span
        for name in fields(tree):
            yield from _bound(getattr(tree, name))


# ------------------------------------------------------------------------------------ bpf.loop


def check_bpf_loop(c: FunctionChecker, node: ast.stmt, call: ast.Call, target: ast.Name | None) -> list[t.Stmt]:
    """`done = bpf.loop(n, fn, ctx)`: calls `fn(i, ctx)` until it gives something else than 0, at most `n` times.

    done = 0
    for i in bpf.iter_num(0, n):
        done += 1
        if fn(i, ctx):
            break
    """
    from pybpfc.frontend.check import messages
    from pybpfc.frontend.check.statements import check_statement

    if messages.is_drain(c, call):
        return messages.check_drain(c, node, call, target)
    arguments = _loop_arguments(c, call)
    kind = _index_type(c, arguments) if arguments is not None else None
    if arguments is None or kind is None:
        return []
    index, done = hidden(c, call), hidden(c, call)
    count, function, *rest = arguments
    context = [kept(c, node, value) for value in rest]
    statements = [s for s, _ in context]
    called = ast.Call(function, [index, *(name for _, name in context)], [])
    body: list[ast.stmt] = [
        ast.AugAssign(ast.Name(done.id, ast.Store()), ast.Add(), ast.Constant(1)),
        ast.If(called, [ast.Break()], []),
    ]
    counted = ast.Call(call.func, [ast.Constant(0), count], [])
    loop = ast.For(ast.Name(index.id, ast.Store()), counted, body, [])
    for made in (loop, start := ast.Assign([ast.Name(done.id, ast.Store())], ast.Constant(0))):
        locate(made, call)
    out = [s for statement in (*statements, start) for s in check_statement(c, statement)]
    out += check_range_loop(c, loop, kind)
    if target is not None:
        result = ast.copy_location(ast.Assign([target], done), node)
        out += check_statement(c, result)
    return out


def _loop_arguments(c: FunctionChecker, call: ast.Call) -> list[ast.expr] | None:
    """Count, function and, if given, context; None after a diagnostic."""
    names = ("count", "function", "ctx")
    given = dict(zip(names, call.args, strict=False))
    for keyword in call.keywords:
        if keyword.arg not in names or keyword.arg in given:
            where = c.name_span(keyword)
            kind = catalog.RepeatedArgument if keyword.arg in given else catalog.UnknownKeyword
            c.error(kind("loop", keyword.arg or ""), where)
            return None
        given[keyword.arg] = keyword.value
    if len(call.args) > len(names) or "count" not in given or "function" not in given:
        found = len(call.args) + len(call.keywords)
        c.error(catalog.ArgumentCount("loop", "a count, a function and, if wanted, a context", found), call)
        return None
    return [given[name] for name in names if name in given]


def _index_type(c: FunctionChecker, arguments: list[ast.expr]) -> Type | None:
    """The type of the first parameter of the function that `bpf.loop` calls; None after a diagnostic."""
    function = resolve_static(c, arguments[1])
    match function:
        case FunctionSymbol():
            signature = c.unit.signature(function.function)
        case Foreign(value=FunctionType()):
            c.error(catalog.NotBpfFunction(function.name), arguments[1])
            return None
        case _:
            found = function.describe() if function is not None else "a value of the program"
            c.error(catalog.TypeMismatch("a `@bpf.func` function", found), arguments[1])
            return None
    if signature is None:
        return None
    kind = signature.params[0].type if signature.params else None
    fits = len(signature.params) == len(arguments) - 1 and is_integer(signature.result)
    if fits and kind is not None and is_integer(kind):
        return kind
    wanted = "(index: u32, ctx: …) -> int" if len(arguments) == 3 else "(index: u32) -> int"
    c.error(catalog.TypeMismatch(f"a function `{wanted}`", f"`{function.function.name}`"), arguments[1])
    return None


def hidden(c: FunctionChecker, like: ast.AST) -> ast.Name:
    """A variable that the user did not write."""
    name = f".{len(c.local_names)}l"
    c.local_names.add(name)
    return ast.copy_location(ast.Name(name, ast.Load()), like)


def kept(c: FunctionChecker, node: ast.stmt, value: ast.expr) -> tuple[ast.stmt, ast.Name]:
    """An argument that is evaluated once, before the loop."""
    name = hidden(c, value)
    kept = ast.Assign([ast.Name(name.id, ast.Store())], value)
    locate(kept, node)
    return kept, name


def locate(made: ast.AST, like: ast.AST) -> None:
    """Give nodes that were made here the place of one that the user wrote."""
    for child in ast.walk(made):
        if not hasattr(child, "lineno"):
            ast.copy_location(child, like)


def is_loop_call(c: FunctionChecker, node: ast.expr) -> bool:
    """Whether an expression calls `bpf.loop`, or a method that is a loop too."""
    from pybpfc.frontend.check import messages

    return intrinsic_called(c, node) == "loop" or messages.is_drain(c, node)
