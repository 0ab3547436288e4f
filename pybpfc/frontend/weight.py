"""How much of a checked program the verifier walks through: loops round by round, functions at each call.

This is an estimate from below. Branches are walked together where they leave the same state behind, and apart where
they don't; what the verifier makes of them shows only in the kernel.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pybpfc.frontend import typed_ast as t
from pybpfc.lang.types import is_integer
from pybpfc.records import fields

HEAVY = 4_000
"""From here on a program's branches could take the verifier beyond a million instructions."""
_LARGE = 100
"""Functions of less are not worth a verification of their own."""
_CALLBACK_ROUNDS = 3
"""A function that a helper runs in a loop is walked until one round is like one before."""
_NODES = (t.Stmt, t.Expr, t.MatchCase, t.RangeSource, t.MapSource, t.MessageSource, t.WhileSource)


def heaviest(functions: Iterable[t.TFunction]) -> int:
    """About how many instructions the verifier walks on one path through the largest program.

    A function that is verified on its own counts as a program, and its calls count as one instruction.
    """
    by_name = {function.name: function for function in functions}
    known: dict[str, int] = {}
    roots = (f for f in by_name.values() if f.program is not None or f.exported)
    return max((_function(f, by_name, known) for f in roots), default=0)


def verify_apart(functions: Iterable[t.TFunction]) -> None:
    """Have the larger functions of numbers verified once, whatever they are called with, not at each call."""
    by_name = {function.name: function for function in functions}
    helpers = {name: _helpers(function.body) for name, function in by_name.items()}
    if any("bpf_spin_lock" in called for called in helpers.values()):
        return  # whoever holds a lock calls no such function
    known: dict[str, int] = {}
    for name, function in by_name.items():
        numbers = is_integer(function.result) and all(is_integer(v.type) for v in function.params)
        if numbers and "bpf_tail_call" not in helpers[name] and _function(function, by_name, known) >= _LARGE:
            function.exported, function.inlining = True, t.Inlining.NEVER


def _helpers(node: Any) -> set[str]:
    """The helpers that are called somewhere in a tree."""
    if isinstance(node, tuple | list):
        return set().union(*map(_helpers, node))
    if not isinstance(node, _NODES):
        return set()
    own = {node.helper.name} if isinstance(node, t.CallHelper) else set[str]()
    return own.union(*(_helpers(getattr(node, name)) for name in fields(node)))


def _function(function: t.TFunction, by_name: dict[str, t.TFunction], known: dict[str, int]) -> int:
    if function.name not in known:
        known[function.name] = 0  # one that calls itself is an error elsewhere
        known[function.name] = _weight(function.body, by_name, known)
    return known[function.name]


def _weight(node: Any, by_name: dict[str, t.TFunction], known: dict[str, int]) -> int:
    if isinstance(node, tuple | list):
        return sum(_weight(item, by_name, known) for item in node)
    if not isinstance(node, _NODES):
        return 0
    inner = 1 + sum(_weight(getattr(node, name), by_name, known) for name in fields(node))
    match node:
        case t.CallFunction():
            called = by_name.get(node.function.name)
            if called is None or called.exported:
                return inner
            return inner + _function(called, by_name, known)
        case t.While():
            rounds = node.rounds
        case t.ForRange():
            rounds = node.trips
        case t.ForArray():
            rounds = node.length
        case t.CallbackLoop():
            rounds = _CALLBACK_ROUNDS
        case _:
            return inner
    return inner + (rounds - 1) * _weight(node.body, by_name, known) if rounds else inner
