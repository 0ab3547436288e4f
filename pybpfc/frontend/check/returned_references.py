"""What a function's result leads to, found in its checked body."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pybpfc.frontend import typed_ast as t
from pybpfc.lang.types import Pointer, Space
from pybpfc.records import fields

OWN = "own"
"""Memory of the function itself, which is gone when it returns."""

Target = Space | str
_NODES = (t.Stmt, t.Expr, t.MatchCase, t.RangeSource, t.MapSource, t.MessageSource, t.WhileSource)


def walk(node: Any) -> Iterator[Any]:
    """A node of the typed tree and all nodes in it."""
    if isinstance(node, tuple | list):
        for item in node:
            yield from walk(item)
    elif isinstance(node, _NODES):
        yield node
        for name in fields(node):
            yield from walk(getattr(node, name))


def returned(body: tuple[t.Stmt, ...]) -> list[tuple[t.Return, set[Target]]]:
    """For each `return` of a reference, what it may lead to."""
    nodes = list(walk(body))
    holding = _holding_own_memory(nodes)
    found: list[tuple[t.Return, set[Target]]] = []
    for node in nodes:
        if isinstance(node, t.Return) and node.value is not None:
            found.append((node, _targets(node.value, holding)))
    return found


def _holding_own_memory(nodes: list[Any]) -> set[t.Variable]:
    """The variables that may lead to memory of the function itself."""
    holding: set[t.Variable] = set()
    while True:
        before = len(holding)
        for node in nodes:
            if isinstance(node, t.Bind | t.Assignment):
                found = _targets(node.value, holding)
            elif isinstance(node, t.ForArray) and isinstance(node.variable.type, Pointer):
                found = _place_targets(node.array, holding)
            else:
                continue
            if OWN in found:
                holding.add(node.variable)
        if len(holding) == before:
            return holding


def _targets(e: t.Expr, holding: set[t.Variable]) -> set[Target]:
    """The memory that a pointer may lead to; nothing for other values and for None."""
    if not isinstance(e.type, Pointer):
        return set()
    match e:
        case t.Literal():
            return set()
        case t.ReadVariable():
            return {OWN} if e.variable in holding else {e.type.space}
        case t.Convert():
            return _targets(e.operand, holding) if isinstance(e.operand.type, Pointer) else {e.type.space}
        case t.Assignment():
            return _targets(e.value, holding)
        case t.Conditional():
            return _targets(e.then, holding) | _targets(e.otherwise, holding)
        case t.AddressOf():
            return _place_targets(e.place, holding)
        case t.CallFunction() if e.type.space is Space.STACK:
            return set().union(*(_targets(a, holding) for a in e.args))
        case _:
            return {OWN} if e.type.space is Space.OPTIONAL else {e.type.space}


def _place_targets(place: t.Expr, holding: set[t.Variable]) -> set[Target]:
    match place:
        case t.Deref():
            return _targets(place.pointer, holding)
        case t.Member() | t.Element() | t.Part():
            return _place_targets(place.base, holding)
        case t.GlobalPlace():
            return {Space.GLOBAL}
        case _:
            return _targets(place, holding) if isinstance(place.type, Pointer) else {OWN}


def result_type(declared: Pointer, targets: set[Target]) -> Pointer:
    """A result's type with the memory it leads to, where that is known: callers keep watch on packet references."""
    spaces = [target for target in targets if isinstance(target, Space)]
    if not spaces or declared.space is not Space.STACK:
        return declared
    space = Space.PACKET if Space.PACKET in spaces else spaces[0]
    return Pointer(declared.to, space, declared.nullable)
