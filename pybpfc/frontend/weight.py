"""How much of a checked program the verifier walks through: loops round by round, functions at each call.

This is an estimate from below. Branches are walked together where they leave the same state behind, and apart where
they don't; what the verifier makes of them shows only in the kernel.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pybpfc.frontend import typed_ast as t
from pybpfc.records import fields

HEAVY = 8_000
"""From here on a program's branches could take the verifier beyond a million instructions."""
_CALLBACK_ROUNDS = 3
"""A function that a helper runs in a loop is walked until one round is like one before."""
_NODES = (t.Stmt, t.Expr, t.MatchCase, t.RangeSource, t.MapSource, t.MessageSource, t.WhileSource)


def heaviest(functions: Iterable[t.TFunction]) -> int:
    """About how many instructions the verifier walks on one path through the largest program."""
    by_name = {function.name: function for function in functions}
    known: dict[str, int] = {}
    return max((_function(f, by_name, known) for f in by_name.values() if f.program is not None), default=0)


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
            return inner + (_function(called, by_name, known) if called is not None else 0)
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
