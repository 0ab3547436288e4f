"""`with bpf.spin_lock(value.lock):` takes a map value's lock; every way out of the block gives it back."""

from __future__ import annotations

import ast

from pybpfc.abi.helpers import HELPERS
from pybpfc.abi.kfuncs import KFUNCS
from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.diagnostic import Label
from pybpfc.diagnostics.span import Span
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.callbacks import intrinsic_called
from pybpfc.frontend.check.context import FunctionChecker, Guard
from pybpfc.frontend.check.conversion import describe, may_be_none, place, space_of
from pybpfc.frontend.check.helpers import available
from pybpfc.lang.kfuncs import KernelFunctionType
from pybpfc.lang.opaque import SpinLock
from pybpfc.lang.types import VOID, Error, Pointer, Space, Struct


def check_with(c: FunctionChecker, node: ast.stmt) -> list[t.Stmt]:
    """The lock is taken before the block, and released behind it and before each statement that leaves it."""
    from pybpfc.frontend.check.statements import check_block

    assert isinstance(node, ast.With)
    item, *others = node.items
    body: list[ast.stmt] = [ast.copy_location(ast.With(others, node.body), node)] if others else node.body
    if intrinsic_called(c, item.context_expr) == "rcu_read_lock":
        return _rcu(c, item, body)
    lock = _lock(c, item)
    if lock is None:
        return list(check_block(c, body))
    variable = c.temporary(lock.type, lock.span)
    c.require_flow().bind(variable)
    taken = _call("bpf_spin_lock", variable, lock.span)
    given_back = _call("bpf_spin_unlock", variable, lock.span)
    inside = _guarded(c, Guard("spin_lock", lock.span, len(c.loops), given_back), body)
    return [t.Bind(lock.span, variable, lock), taken, *inside]


def _guarded(c: FunctionChecker, guard: Guard, body: list[ast.stmt]) -> list[t.Stmt]:
    """The statements of the block, and what gives the lock back where they end."""
    from pybpfc.frontend.check.statements import check_block

    c.guards.append(guard)
    inside = check_block(c, body)
    c.guards.pop()
    return [*inside, guard.leave] if c.flow is not None else list(inside)


def _rcu(c: FunctionChecker, item: ast.withitem, body: list[ast.stmt]) -> list[t.Stmt]:
    """`with bpf.rcu_read_lock():`, a section in which what is read of the kernel does not go away."""
    from pybpfc.frontend.check.statements import check_block

    given = item.context_expr
    assert isinstance(given, ast.Call)
    span = c.span(given)
    if given.args or given.keywords:
        c.error(catalog.ArgumentCount("rcu_read_lock", "no arguments", len(given.args) + len(given.keywords)), given)
    elif item.optional_vars is not None:
        c.error(catalog.LockGivesNothing(), item.optional_vars)
    elif outer := [guard for guard in c.guards if guard.kind == "rcu_read_lock"]:
        c.error(catalog.NestedReadLock(), given, labels=[Label(outer[0].span, "the first begins here")])
    else:
        enter, leave = (t.Evaluate(span, t.CallKernel(span, VOID, _READ[name], ())) for name in ("lock", "unlock"))
        return [enter, *_guarded(c, Guard("rcu_read_lock", span, len(c.loops), leave), body)]
    return list(check_block(c, body))


_READ = {
    end: KernelFunctionType(f"bpf_rcu_read_{end}", (), VOID, KFUNCS[f"bpf_rcu_read_{end}"])
    for end in ("lock", "unlock")
}


def _lock(c: FunctionChecker, item: ast.withitem) -> t.Expr | None:
    """The address of the lock; None after a diagnostic."""
    from pybpfc.frontend.check.expressions import check

    given = item.context_expr
    name = intrinsic_called(c, given)
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
    if not is_lock or space_of(lock) is not Space.MAP_VALUE:
        found = "a lock that may lie elsewhere" if is_lock else describe(lock)
        c.error(catalog.NotALock(found), lock.span)
        return None
    return t.AddressOf(lock.span, Pointer(lock.type, Space.MAP_VALUE), lock)


def _call(helper: str, variable: t.Variable, span: Span) -> t.Stmt:
    pointer = t.ReadVariable(span, variable.type, variable)
    return t.Evaluate(span, t.CallHelper(span, VOID, HELPERS[helper], (pointer,)))


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
    return [*before, *(guard.leave for guard in reversed(guards)), last]
