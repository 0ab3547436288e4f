"""Messages of user space: `for message in messages:` and `messages.drain(function, ctx)` of a `bpf.UserRingBuf`."""

from __future__ import annotations

import ast

from pybpfc.abi.helpers import HELPERS
from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check import callbacks
from pybpfc.frontend.check.access import resolve_static
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.helpers import available
from pybpfc.frontend.check.maps import value_type
from pybpfc.frontend.symbols import Foreign, FunctionSymbol, MapSymbol
from pybpfc.lang.types import Space, is_integer


def is_buffer(map: t.MapObject) -> bool:
    """Whether a map holds messages of user space."""
    return map.map.declaration.type_name == "BPF_MAP_TYPE_USER_RINGBUF"


def check_message_loop(c: FunctionChecker, node: ast.For, map: t.MapObject) -> list[t.Stmt]:
    """`for message in messages:` takes those that are there; structs are copies."""
    from pybpfc.frontend.check.loops import declare_targets, loop_variable

    if not isinstance(node.iter, ast.Name | ast.Attribute) or not isinstance(node.target, ast.Name):
        use = catalog.NotIterable("a method of a user ring buffer") if isinstance(node.iter, ast.Call) else None
        c.error(
            use or catalog.AssignmentTarget("anything but a name in a `for` loop"), node.iter if use else node.target
        )
        declare_targets(c, node.target)
        return []
    available(c, c.span(node.iter), HELPERS["bpf_user_ringbuf_drain"])
    variable = loop_variable(c, node.target, callbacks.held(value_type(map), Space.STACK))
    if variable is None:
        return []
    return [callbacks.loop(c, node, t.MessageSource(map.map, variable), [variable])]


def is_drain(c: FunctionChecker, node: ast.expr) -> bool:
    """Whether an expression calls `messages.drain`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.attr != "drain":
        return False
    map = resolve_static(c, node.func.value)
    return isinstance(map, MapSymbol) and map.map.declaration.type_name == "BPF_MAP_TYPE_USER_RINGBUF"


def check_drain(c: FunctionChecker, node: ast.stmt, call: ast.Call, target: ast.Name | None) -> list[t.Stmt]:
    """`done = messages.drain(fn, ctx)`: calls `fn(message, ctx)` until it gives something else than 0.

    done = 0
    for message in messages:
        done += 1
        if fn(message, ctx):
            break
    """
    from pybpfc.frontend.check.statements import check_statement

    assert isinstance(call.func, ast.Attribute)
    if call.keywords or not 1 <= len(call.args) <= 2:
        given = len(call.args) + len(call.keywords)
        c.error(catalog.ArgumentCount("drain", "a function and, if wanted, a context", given), call)
        return []
    function, *rest = call.args
    if not _takes_messages(c, function, len(rest)):
        return []
    message, done = callbacks.hidden(c, call), callbacks.hidden(c, call)
    context = [callbacks.kept(c, node, value) for value in rest]
    called = ast.Call(function, [message, *(name for _, name in context)], [])
    body: list[ast.stmt] = [
        ast.AugAssign(ast.Name(done.id, ast.Store()), ast.Add(), ast.Constant(1)),
        ast.If(called, [ast.Break()], []),
    ]
    statements: list[ast.stmt] = [
        *(statement for statement, _ in context),
        ast.Assign([ast.Name(done.id, ast.Store())], ast.Constant(0)),
        ast.For(ast.Name(message.id, ast.Store()), call.func.value, body, []),
    ]
    if target is not None:
        statements.append(ast.Assign([target], done))
    for statement in statements:
        callbacks.locate(statement, call)
    return [s for statement in statements for s in check_statement(c, statement)]


def _takes_messages(c: FunctionChecker, node: ast.expr, contexts: int) -> bool:
    """Whether a function can be called with a message; its parameters' types are checked at the call."""
    function = resolve_static(c, node)
    if not isinstance(function, FunctionSymbol):
        if isinstance(function, Foreign):
            c.error(catalog.NotBpfFunction(function.name), node)
        else:
            found = function.describe() if function is not None else "a value of the program"
            c.error(catalog.TypeMismatch("a `@bpf.func` function", found), node)
        return False
    signature = c.unit.signature(function.function)
    if signature is None:
        return False
    if len(signature.params) == 1 + contexts and is_integer(signature.result):
        return True
    wanted = "(message: …, ctx: …) -> int" if contexts else "(message: …) -> int"
    c.error(catalog.TypeMismatch(f"a function `{wanted}`", f"`{function.function.name}`"), node)
    return False


def drain_as_value(c: FunctionChecker, node: ast.Call, map: t.MapObject) -> t.Expr:
    """`drain` within an expression."""
    name = map.map.name
    return c.error(catalog.LoopAsValue(f"{name}.drain(…)", f"done = {name}.drain(fn, ctx)"), node)
