"""Loops that a helper runs: over run-time ranges, over the entries of maps, and by `bpf.loop`."""

from __future__ import annotations

import ast

from pybpfc.abi.helpers import HELPERS
from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.access import resolve_static
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import coerce, is_aggregate
from pybpfc.frontend.check.endless import stored_names
from pybpfc.frontend.check.helpers import available
from pybpfc.frontend.check.maps import key_type
from pybpfc.frontend.symbols import FunctionSymbol, IntrinsicSymbol
from pybpfc.lang.types import I64, VOID, Error, Int, Pointer, Space, Type, is_integer

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
        if node.args or node.keywords:
            return None
        base, parts = node.func.value, PARTS[node.func.attr]
    if not isinstance(base, ast.Name | ast.Attribute):
        return None
    with c.speculation():
        found = check(c, base)
    return (found, parts) if isinstance(found, t.MapObject) and found.reference is None else None


def check_map_loop(c: FunctionChecker, node: ast.For, map: t.MapObject, parts: tuple[str, ...]) -> list[t.Stmt]:
    """`for k, v in m.items()`: numbers are copies, structs are the map's own."""
    from pybpfc.frontend.check.loops import declare_targets, loop_variable

    declaration = map.map.declaration
    if declaration.type_name.removeprefix("BPF_MAP_TYPE_") not in ITERABLE:
        c.error(catalog.NotIterable(f"the map `{map.map.name}`"), node.iter)
        declare_targets(c, node.target)
        return []
    targets = node.target.elts if isinstance(node.target, ast.Tuple) and len(parts) == 2 else [node.target]
    if len(targets) != len(parts) or not all(isinstance(target, ast.Name) for target in targets):
        wanted = " and ".join(f"a {part}" for part in parts)
        c.error(catalog.UnpackCount(f"{len(targets)} names", wanted), node.target)
        declare_targets(c, node.target)
        return []
    available(c, c.span(node.iter), HELPERS["bpf_for_each_map_elem"])
    kinds = {"key": key_type(map), "value": declaration.value}
    variables: dict[str, t.Variable] = {}
    for part, target in zip(parts, targets, strict=True):
        assert isinstance(target, ast.Name)
        variable = loop_variable(
            c, target, _held(kinds[part] or VOID, Space.STACK if part == "key" else Space.MAP_VALUE)
        )
        if variable is None:
            return []
        variables[part] = variable
    source = t.MapSource(map.map, variables.get("key"), variables.get("value"))
    return [_loop(c, node, source, list(variables.values()))]


def _held(kind: Type, space: Space) -> Type:
    if is_aggregate(kind):
        return Pointer(kind, space)
    return kind.host if isinstance(kind, Int) else kind


def check_iter_num(c: FunctionChecker, node: ast.For) -> list[t.Stmt]:
    """`for i in bpf.iter_num(start, stop)`: a range with any bounds."""
    from pybpfc.frontend.check.loops import declare_targets

    assert isinstance(node.iter, ast.Call)
    if len(node.iter.args) != 2 or node.iter.keywords or not isinstance(node.target, ast.Name):
        given = len(node.iter.args) + len(node.iter.keywords)
        c.error(catalog.ArgumentCount("iter_num", "a start and a stop", given), node.iter)
        declare_targets(c, node.target)
        return []
    return check_range_loop(c, node)


def check_range_loop(
    c: FunctionChecker, node: ast.For, type: Type | None = None, bounds: tuple[int, int] | None = None
) -> list[t.Stmt]:
    """A `range` or `bpf.iter_num` whose rounds `bpf_loop` makes."""
    from pybpfc.frontend.check.loops import declare_failed, loop_variable, range_arguments, range_type

    target, call = node.target, node.iter
    assert isinstance(target, ast.Name)
    assert isinstance(call, ast.Call)
    parts = range_arguments(c, call)
    if parts is None:
        declare_failed(c, target)
        return []
    start, stop, step = parts
    variable = loop_variable(c, target, type or range_type(start, stop))
    if variable is None:
        return []
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
    return [*before, _loop(c, node, source, [variable], bounds if kept else None)]


def _loop(
    c: FunctionChecker,
    node: ast.For,
    source: t.RangeSource | t.MapSource,
    variables: list[t.Variable],
    bounds: tuple[int, int] | None = None,
) -> t.Stmt:
    from pybpfc.frontend.check.loops import for_body

    body, otherwise = for_body(c, node, variables, bounds, by_helper=True)
    return t.CallbackLoop(c.span(node), source, body, otherwise)


# ------------------------------------------------------------------------------------ bpf.loop


def check_bpf_loop(c: FunctionChecker, node: ast.stmt, call: ast.Call, target: ast.Name | None) -> list[t.Stmt]:
    """`done = bpf.loop(n, fn, ctx)`: calls `fn(i, ctx)` until it gives something else than 0, at most `n` times.

    done = 0
    for i in bpf.iter_num(0, n):
        done += 1
        if fn(i, ctx):
            break
    """
    from pybpfc.frontend.check.statements import check_statement

    if not 2 <= len(call.args) <= 3 or call.keywords:
        given = len(call.args) + len(call.keywords)
        c.error(catalog.ArgumentCount("loop", "a count, a function and, if wanted, a context", given), call)
        return []
    function = resolve_static(c, call.args[1])
    signature = c.unit.signature(function.function) if isinstance(function, FunctionSymbol) else None
    if not isinstance(function, FunctionSymbol):
        c.error(catalog.TypeMismatch("a `@bpf.func` function", "something else"), call.args[1])
        return []
    if signature is None:
        return []
    kind = signature.params[0].type if signature.params else I64
    if len(signature.params) != len(call.args) - 1 or not is_integer(kind) or not is_integer(signature.result):
        reason = "`(index: u32) -> int`, with the context as a second parameter when one is given"
        c.error(catalog.TypeMismatch(reason, f"`{function.function.name}`"), call.args[1])
        return []
    index, done = _hidden(c, call), _hidden(c, call)
    context = [_kept(c, node, call.args[2])] if len(call.args) == 3 else []
    statements = [s for s, _ in context]
    called = ast.Call(call.args[1], [index, *(name for _, name in context)], [])
    body: list[ast.stmt] = [
        ast.AugAssign(ast.Name(done.id, ast.Store()), ast.Add(), ast.Constant(1)),
        ast.If(called, [ast.Break()], []),
    ]
    counted = ast.Call(call.func, [ast.Constant(0), call.args[0]], [])
    loop = ast.For(ast.Name(index.id, ast.Store()), counted, body, [])
    for made in (loop, start := ast.Assign([ast.Name(done.id, ast.Store())], ast.Constant(0))):
        _locate(made, call)
    out = [s for statement in (*statements, start) for s in check_statement(c, statement)]
    out += check_range_loop(c, loop, kind)
    if target is not None:
        result = ast.copy_location(ast.Assign([target], done), node)
        out += check_statement(c, result)
    return out


def _hidden(c: FunctionChecker, like: ast.AST) -> ast.Name:
    name = f".{len(c.local_names)}l"
    c.local_names.add(name)
    return ast.copy_location(ast.Name(name, ast.Load()), like)


def _kept(c: FunctionChecker, node: ast.stmt, value: ast.expr) -> tuple[ast.stmt, ast.Name]:
    """An argument that is evaluated once, before the loop."""
    name = _hidden(c, value)
    kept = ast.Assign([ast.Name(name.id, ast.Store())], value)
    _locate(kept, node)
    return kept, name


def _locate(made: ast.AST, like: ast.AST) -> None:
    for child in ast.walk(made):
        if not hasattr(child, "lineno"):
            ast.copy_location(child, like)


def is_loop_call(c: FunctionChecker, node: ast.expr) -> bool:
    """Whether an expression calls `bpf.loop`."""
    return intrinsic_called(c, node) == "loop"
