"""Loops and `match`."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from pybpfc.abi.helpers import HELPERS
from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check import callbacks, iteration
from pybpfc.frontend.check.conditions import check_condition
from pybpfc.frontend.check.context import FunctionChecker, Loop
from pybpfc.frontend.check.conversion import coerce, describe, is_aggregate, place, reference
from pybpfc.frontend.check.endless import no_way_out, stored_name, stored_names
from pybpfc.frontend.check.flow import Flow, merge
from pybpfc.frontend.check.helpers import available
from pybpfc.frontend.check.numbers import fits, join_types
from pybpfc.frontend.check.ranges import value_range
from pybpfc.frontend.check.references import check_left, check_round
from pybpfc.lang.types import ERROR, I64, Array, Error, Int, Pointer, Type, as_int, is_integer

MAX_TRIPS = 1 << 23
"""`bpf_loop` makes no more rounds than this (BPF_MAX_LOOPS)."""
MAX_WORK = 100_000
"""Loops of more rounds times instructions are left to `bpf_loop`: the verifier walks a million instructions at most."""


MAX_OPEN_WORK = 5_000
"""The same for loops of which only the most rounds is known: the verifier walks on from the end of each."""
MAX_SPARED_WORK = 50
"""The same for loops with branches in programs that are heavy as a whole: each round may double the paths."""
_BRANCHES = (ast.If, ast.IfExp, ast.BoolOp, ast.Match, ast.For, ast.While, ast.Break, ast.Continue)


def _body(
    c: FunctionChecker, body: list[ast.stmt], entry: Flow | None, by_helper: bool = False
) -> tuple[tuple[t.Stmt, ...], Loop, Flow | None]:
    """Check a loop body from `entry`: its statements, how it is left, and the state at its end."""
    from pybpfc.frontend.check.statements import check_block

    loop = Loop(frozenset(c.variables.values()), by_helper)
    c.loops.append(loop)
    c.flow = entry.copy() if entry is not None else None
    around, c.counted = c.counted, set() if by_helper else c.counted
    statements = check_block(c, body)
    c.counted = around
    check_round(c, c.span(body[-1]), "the round ends here")
    c.loops.pop()
    return statements, loop, merge([c.flow, *loop.continues])


def _steady(c: FunctionChecker, entry: Flow, body: list[ast.stmt], check_once: Callable[[Flow], Flow | None]) -> Flow:
    """The state at a loop's head: the entry joined with what a round leaves behind.

    Bounds that still change in the second round, as those of a counter do, are given up.
    """
    head = entry.copy()
    counted = _counted(body)
    head.ranges = {v: r for v, r in head.ranges.items() if v.name not in counted}
    first, known = True, set(c.variables.values())
    while True:
        with c.speculation():
            again = merge([head, check_once(head.copy())])
        assert again is not None
        again.keep(known)
        if not first:
            again.ranges = {v: r for v, r in again.ranges.items() if head.ranges.get(v) == r}
        if _same(again, head):
            return again
        head, first = again, False


def _counted(body: list[ast.stmt]) -> set[str]:
    """The names whose next value a loop's body makes of the last: their bounds change in every round."""
    nodes = (n for s in body for n in ast.walk(s))
    return {n.target.id for n in nodes if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name)}


def _same(a: Flow, b: Flow) -> bool:
    return all(
        x == y
        for x, y in (
            (a.bound, b.bound),
            (a.nonnull, b.nonnull),
            (a.stale.keys(), b.stale.keys()),
            (a.reservations, b.reservations),
            (a.ranges, b.ranges),
            (a.aliases, b.aliases),
            (a.borrows, b.borrows),
        )
    )


def check_while(c: FunctionChecker, node: ast.stmt) -> list[t.Stmt]:
    """`while condition: … else: …`."""
    from pybpfc.frontend.check.statements import check_block

    assert isinstance(node, ast.While)
    entry = c.require_flow()
    rounds = _visible_rounds(c, node, entry)
    counted = rounds is not None

    def once(head: Flow) -> Flow | None:
        c.flow = head
        _, when_true, _ = check_condition(c, node.test)
        return _body(c, node.body, when_true, not counted)[2]

    c.flow = _steady(c, entry, node.body, once).copy()
    condition, when_true, when_false = check_condition(c, node.test)
    body, loop, _ = _body(c, node.body, when_true, not counted)
    c.flow = when_false.copy() if when_false is not None else None
    otherwise = check_block(c, node.orelse)
    c.join(c.flow, *loop.breaks)
    carried = bound_in(entry, when_false, c.flow)
    if isinstance(condition.type, Error):
        return []
    if (reason := no_way_out(condition, node)) is not None:
        c.error(catalog.EndlessLoop(), node.test, label=reason)
    if rounds is not None:
        return [t.While(c.span(node), rounds, condition, body, otherwise)]
    available(c, c.span(node.test), HELPERS["bpf_loop"])
    return [callbacks.made(c, node, t.WhileSource(condition), body, otherwise, carried)]


def _visible_rounds(c: FunctionChecker, node: ast.While, entry: Flow) -> int | None:
    """The rounds of a `while` whose end the verifier sees: a counter from a known start to a constant, by steps."""
    tests = node.test.values if isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.And) else [node.test]
    found = (_rounds_of_counter(c, test, node.body, entry) for test in tests)
    return min((rounds for rounds in found if rounds is not None), default=None)


def _rounds_of_counter(c: FunctionChecker, test: ast.expr, body: list[ast.stmt], entry: Flow) -> int | None:
    """The rounds that `i < 10` allows when the body does nothing to `i` but `i += 2`; None when that is not so."""
    match test:
        case ast.Compare(left=ast.Name(id=name), ops=[op], comparators=[ast.expr() as limit]):
            pass
        case _:
            return None
    variable, stop = c.variables.get(name), _constant(c, limit)
    known = entry.ranges.get(variable) if variable is not None else None
    changes = [n for s in body for n in ast.walk(s) if stored_name(n) == name]
    steps = [s for s in body if isinstance(s, ast.AugAssign) and isinstance(s.target, ast.Name) and s.target.id == name]
    if stop is None or known is None or known[0] != known[1] or len(changes) != 1 or len(steps) != 1:
        return None
    step = _constant(c, steps[0].value)
    down = isinstance(steps[0].op, ast.Sub)
    if not step or step < 0 or not isinstance(steps[0].op, ast.Add | ast.Sub):
        return None
    if not isinstance(op, (ast.Gt | ast.GtE) if down else (ast.Lt | ast.LtE)) or _skips(body, steps[0]):
        return None
    rounds = abs(stop - known[0]) // step + 1
    return rounds if rounds * _weight(body) <= _most_work(c, body, MAX_WORK) else None


def _constant(c: FunctionChecker, node: ast.expr) -> int | None:
    from pybpfc.frontend.check.expressions import check

    with c.speculation():
        value = check(c, node)
    return value.value if isinstance(value, t.Literal) else None


def _skips(body: list[ast.stmt], step: ast.stmt) -> bool:
    """Whether a `continue` before the step could leave it out."""
    before = body[: body.index(step)]
    return any(isinstance(n, ast.Continue) for s in before for n in ast.walk(s))


def _most_work(c: FunctionChecker, body: list[ast.stmt], most: int) -> int:
    """Up to where the verifier is to walk a loop; no further than needed where the program is heavy anyway."""
    branches = any(isinstance(n, _BRANCHES) for s in body for n in ast.walk(s))
    return min(most, MAX_SPARED_WORK) if c.unit.sparing and branches else most


def _weight(body: list[ast.stmt]) -> int:
    """About how many instructions a round takes."""
    return sum(1 for s in body for n in ast.walk(s) if isinstance(n, ast.expr | ast.stmt))


def check_for(c: FunctionChecker, node: ast.stmt) -> list[t.Stmt]:
    """`for … in range(…)`, `for … in array`, and both by `enumerate`, `zip` and `reversed`."""
    from pybpfc.frontend.check import containers
    from pybpfc.frontend.check.statements import check_block

    assert isinstance(node, ast.For)
    called = iteration.called_builtin(c, node.iter)
    if containers.is_empty(c, node.iter):
        declare_targets(c, node.target)
        return list(check_block(c, node.orelse))
    unpacked = isinstance(node.target, ast.Tuple | ast.List) and called != "range"
    if (entries := callbacks.iterated_map(c, node.iter)) is not None:
        return callbacks.check_map_loop(c, node, *entries)
    if called in iteration.BUILTINS or (unpacked and callbacks.intrinsic_called(c, node.iter) != "iter_num"):
        rewritten = iteration.rewrite(c, node)
        if rewritten is None:
            declare_targets(c, node.target)
            return []
        return [*rewritten[0], *_for_range(c, rewritten[1])]
    if callbacks.intrinsic_called(c, node.iter) == "iter_num":
        return callbacks.check_iter_num(c, node)
    if not isinstance(node.target, ast.Name):
        c.error(catalog.AssignmentTarget("anything but a name in a `for` loop"), node.target)
        return []
    if called == "range":
        return _for_range(c, node)
    return _for_array(c, node, node.target)


def loop_variable(c: FunctionChecker, target: ast.Name, type: Type) -> t.Variable | None:
    """The variable of a loop; None after a diagnostic when the name has another type already."""
    known = c.variables.get(target.id)
    if known is None or isinstance(known.type, Error):
        return c.declare(target.id, type, c.span(target))
    if known.type == type or (is_integer(known.type) and is_integer(type) and _holds(known.type, type)):
        return known
    c.error(catalog.TypeMismatch(f"`{known.type}`", f"`{type}`"), target)
    return None


def _holds(outer: Type, inner: Type) -> bool:
    a, b = as_int(outer), as_int(inner)
    return a.min <= b.min and a.max >= b.max


def _for_range(c: FunctionChecker, node: ast.For) -> list[t.Stmt]:
    target, call = node.target, node.iter
    assert isinstance(target, ast.Name)
    assert isinstance(call, ast.Call)
    parts = range_arguments(c, call)
    if parts is None:
        declare_failed(c, target)
        return []
    start, stop, step = parts
    trips = _trips(c, call, start, stop, step)
    type = range_type(c, target, start, stop)
    variable = loop_variable(c, target, type)
    if trips is None or variable is None:
        declare_failed(c, target)
        return []
    known = isinstance(start, t.Literal) and isinstance(stop, t.Literal)
    if trips * _weight(node.body) > _most_work(c, node.body, MAX_WORK if known else MAX_OPEN_WORK):
        return callbacks.check_range_loop(c, node, bounds=_loop_range(c, start, stop, step))
    bounds = _loop_range(c, start, stop, step)
    starts, stops = value_range(c, start), value_range(c, stop)
    assert starts is not None
    assert stops is not None
    kept = variable.name not in stored_names(node.body)
    if counted := kept and isinstance(start, t.Literal):
        c.counted.add(variable)
    checked = for_body(c, node, [variable], bounds if kept else None)
    c.counted.discard(variable)
    start, stop = coerce(c, start, variable.type, "range"), coerce(c, stop, variable.type, "range")
    if isinstance(start.type, Error) or isinstance(stop.type, Error):
        return []
    return [t.ForRange(c.span(node), variable, start, stop, step, trips, starts, stops, counted, *checked)]


def declare_targets(c: FunctionChecker, target: ast.expr) -> None:
    """After a failed iterable the loop's names are known but of no type."""
    for name in ast.walk(target):
        if isinstance(name, ast.Name):
            declare_failed(c, name)


def declare_failed(c: FunctionChecker, target: ast.Name) -> None:
    """After a failed iterable the loop's name is known but of no type."""
    if target.id not in c.variables:
        c.require_flow().bind(c.declare(target.id, ERROR, c.span(target)))


def for_body(
    c: FunctionChecker,
    node: ast.For,
    variables: Sequence[t.Variable],
    bounds: tuple[int, int] | None = None,
    carried: set[t.Variable] | None = None,
) -> tuple[tuple[t.Stmt, ...], tuple[t.Stmt, ...]]:
    """The body and the `else` of a `for`; `bounds` are those of its one variable.

    `carried`, given for loops that a helper runs, is filled with the variables that have a value before or after it.
    """
    from pybpfc.frontend.check.statements import check_block

    entry = c.require_flow()

    def bind(flow: Flow) -> None:
        for variable in variables:
            flow.bind(variable)
            if bounds is not None:
                flow.ranges[variable] = bounds

    def once(head: Flow) -> Flow | None:
        bind(head)
        return _body(c, node.body, head, carried is not None)[2]

    head = _steady(c, entry, node.body, once).copy()
    inside = head.copy()
    bind(inside)
    body, loop, end = _body(c, node.body, inside, carried is not None)
    after = merge([entry, end])
    c.flow = after.copy() if after is not None else None
    otherwise = check_block(c, node.orelse)
    c.join(c.flow, *loop.breaks)
    if carried is not None:
        carried |= bound_in(entry, after, c.flow)
    return body, otherwise


def bound_in(*states: Flow | None) -> frozenset[t.Variable]:
    """The variables that have a value in one of the states."""
    return frozenset(variable for state in states if state is not None for variable in state.bound)


def range_arguments(c: FunctionChecker, call: ast.Call) -> tuple[t.Expr, t.Expr, int] | None:
    """Start, stop and the constant step of a `range` or `bpf.iter_num`; None after a diagnostic."""
    from pybpfc.frontend.check.expressions import check, literal

    name = callbacks.intrinsic_called(c, call) or "range"

    if call.keywords or not 1 <= len(call.args) <= 3:
        c.error(catalog.ArgumentCount("range", "1 to 3 arguments", len(call.args) + len(call.keywords)), call)
        return None
    values = [check(c, a) for a in call.args]
    for value in values:
        if isinstance(value.type, Error):
            return None
        if not is_integer(value.type):
            c.error(catalog.NotANumber(describe(value), name), value.span)
            return None
    step = 1
    if len(values) == 3:
        if not isinstance(values[2], t.Literal) or values[2].value == 0:
            c.error(
                catalog.StepZero()
                if isinstance(values[2], t.Literal)
                else catalog.ConstantNeeded("the step of `range`"),
                values[2].span,
            )
            return None
        step = values[2].value
    start = values[0] if len(values) > 1 else literal(c, call, 0)
    return start, values[1 if len(values) > 1 else 0], step


def range_type(c: FunctionChecker, target: ast.Name, start: t.Expr, stop: t.Expr) -> Type:
    """The loop variable's type: the bounds' joined type; for constants the one it has already if they fit, or i64."""
    typed = [e.type for e in (start, stop) if not (isinstance(e, t.Literal) and e.untyped)]
    if not typed:
        known = c.variables.get(target.id)
        constants = [e.value for e in (start, stop) if isinstance(e, t.Literal)]
        fitting = known is not None and isinstance(known.type, Int) and all(fits(v, known.type) for v in constants)
        return known.type if known is not None and fitting else I64
    if len(typed) == 2:
        return as_int(join_types(typed[0], typed[1]) or I64)
    constant = next(e for e in (start, stop) if isinstance(e, t.Literal) and e.untyped)
    type = as_int(typed[0])
    return type if fits(constant.value, type) else I64


def _loop_range(c: FunctionChecker, start: t.Expr, stop: t.Expr, step: int) -> tuple[int, int] | None:
    a, b = value_range(c, start), value_range(c, stop)
    if step > 0 and a is not None and b is not None:
        return a[0], max(b[1] - 1, a[0])
    if step < 0 and a is not None and b is not None:
        return min(b[0] + 1, a[1]), a[1]
    return None


def _trips(c: FunctionChecker, call: ast.Call, start: t.Expr, stop: t.Expr, step: int) -> int | None:
    """How many rounds at most; a diagnostic when that is not visible."""
    trips = rounds_at_most(c, start, stop, step)
    if trips is None:
        unbounded = stop if value_range(c, stop) is None else start
        c.error(catalog.LoopBound(), unbounded.span)
    elif trips > MAX_TRIPS:
        c.error(catalog.LoopTooLong(trips), call)
        return None
    return trips


def rounds_at_most(c: FunctionChecker, start: t.Expr, stop: t.Expr, step: int) -> int | None:
    """How many rounds a range can have; None when that is not visible."""
    a, b = value_range(c, start), value_range(c, stop)
    if a is None or b is None:
        return None
    span = b[1] - a[0] if step > 0 else a[1] - b[0]
    return max(0, -(-span // abs(step)))


def _for_array(c: FunctionChecker, node: ast.For, target: ast.Name) -> list[t.Stmt]:
    from pybpfc.frontend.check.containers import check_iterable

    array = place(check_iterable(c, node.iter))
    text = isinstance(array, t.Text) and array.is_str
    if isinstance(array, t.Text):
        array = t.NewArray(array.span, array.type, array)
    if isinstance(array.type, Error) or not isinstance(array.type, Array) or text:
        if not isinstance(array.type, Error):
            c.error(catalog.NotIterable("a string" if text else describe(array)), node.iter)
        declare_failed(c, target)
        return []
    element = array.type.element
    item = t.Element(array.span, element, array, t.Literal(array.span, I64, 0))
    held = reference(item).type if is_aggregate(element) else element.host if isinstance(element, Int) else element
    variable = loop_variable(c, target, held)
    if variable is None:
        return []
    entry_pointer = isinstance(held, Pointer)
    kept = is_integer(held) and variable.name not in stored_names(node.body)
    checked = for_body(c, node, [variable], value_range(c, item) if kept else None)
    assert entry_pointer == isinstance(variable.type, Pointer)
    return [t.ForArray(c.span(node), variable, array, array.type.length, *checked)]


def check_break(c: FunctionChecker, node: ast.stmt) -> list[t.Stmt]:
    """`break`."""
    if c.flow is not None and c.loops:
        check_left(c, c.span(node))
        c.loops[-1].breaks.append(c.flow)
    c.flow = None
    return [t.Break(c.span(node))]


def check_continue(c: FunctionChecker, node: ast.stmt) -> list[t.Stmt]:
    """`continue`."""
    if c.flow is not None and c.loops:
        check_round(c, c.span(node), "the next round begins here")
        c.loops[-1].continues.append(c.flow)
    c.flow = None
    return [t.Continue(c.span(node))]
