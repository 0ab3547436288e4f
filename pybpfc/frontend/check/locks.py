"""`with bpf.spin_lock(value.lock):` takes a map value's lock; every way out of the block gives it back."""

from __future__ import annotations

import ast

from pybpfc.abi.helpers import HELPERS
from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.callbacks import intrinsic_called
from pybpfc.frontend.check.context import FunctionChecker, Guard
from pybpfc.frontend.check.conversion import describe, may_be_none, place
from pybpfc.frontend.check.helpers import available
from pybpfc.frontend.check.map_values import in_map_value
from pybpfc.lang.opaque import SpinLock
from pybpfc.lang.types import VOID, Error, Pointer, Space, Struct


def check_with(c: FunctionChecker, node: ast.stmt) -> list[t.Stmt]:
    """The lock is taken before the block, and released behind it and before each statement that leaves it."""
    from pybpfc.frontend.check.statements import check_block

    assert isinstance(node, ast.With)
    item, *others = node.items
    body = [ast.copy_location(ast.With(others, node.body), node)] if others else node.body
    lock = _lock(c, item)
    if lock is None:
        return list(check_block(c, body))
    variable = c.temporary(lock.type, lock.span)
    c.require_flow().bind(variable)
    guard = Guard(variable, lock.span, len(c.loops))
    c.guards.append(guard)
    inside = check_block(c, body)
    c.guards.pop()
    end = [_call("bpf_spin_unlock", guard)] if c.flow is not None else []
    return [t.Bind(lock.span, variable, lock), _call("bpf_spin_lock", guard), *inside, *end]


def _lock(c: FunctionChecker, item: ast.withitem) -> t.Expr | None:
    """The address of the lock; None after a diagnostic."""
    from pybpfc.frontend.check.expressions import check

    given = item.context_expr
    name = intrinsic_called(c, given)
    if name == "rcu_read_lock":
        c.error(catalog.Unsupported("`bpf.rcu_read_lock`"), given)
        return None
    if not isinstance(given, ast.Call) or name != "spin_lock":
        c.error(catalog.NotAContextManager(c.sink.sources.text(c.span(given))), given)
        return None
    if len(given.args) != 1 or given.keywords:
        c.error(catalog.ArgumentCount("spin_lock", "a lock", len(given.args) + len(given.keywords)), given)
        return None
    if item.optional_vars is not None:
        c.error(catalog.LockGivesNothing(), item.optional_vars)
        return None
    lock = place(check(c, given.args[0]))
    if isinstance(lock.type, Error) or not available(c, c.span(given.func), HELPERS["bpf_spin_lock"]):
        return None
    if isinstance(lock.type, Pointer) and lock.type.nullable:
        may_be_none(c, lock)
        return None
    is_lock = isinstance(lock.type, Struct) and lock.type.cls is SpinLock
    if not is_lock or not in_map_value(c, lock):
        found = "a lock that may lie elsewhere" if is_lock else describe(lock)
        c.error(catalog.NotALock(found), lock.span)
        return None
    return t.AddressOf(lock.span, Pointer(lock.type, Space.MAP_VALUE), lock)


def _call(helper: str, guard: Guard) -> t.Stmt:
    pointer = t.ReadVariable(guard.span, guard.variable.type, guard.variable)
    return t.Evaluate(guard.span, t.CallHelper(guard.span, VOID, HELPERS[helper], (pointer,)))


def leave_guards(c: FunctionChecker, statements: list[t.Stmt], *, loop_only: bool) -> list[t.Stmt]:
    """What leaves blocks of `with`, a `break` or `continue` those in its loop only, gives their locks back first."""
    guards = [guard for guard in c.guards if not loop_only or guard.loops == len(c.loops)]
    if not guards or not statements:
        return statements
    *before, last = statements
    if isinstance(last, t.Return) and last.value is not None and not isinstance(last.value, t.Literal):
        value = last.value
        if not isinstance(value.type, Pointer) and isinstance(value.type, Struct):
            c.error(catalog.ReturnsUnderLock(), last.span)
            return []
        held = c.temporary(value.type, last.span)  # computed under the lock
        before.append(t.Bind(last.span, held, value))
        last = t.Return(last.span, t.ReadVariable(last.span, value.type, held))
    return [*before, *(_call("bpf_spin_unlock", guard) for guard in reversed(guards)), last]
