"""What has to lie in a map's value: locks and timers. Functions pass the demand on to those who call them."""

from __future__ import annotations

from collections.abc import Sequence

from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.diagnostic import Label
from pybpfc.diagnostics.span import Span
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import describe, space_of
from pybpfc.lang.types import Pointer, Space


def in_map_value(c: FunctionChecker, place: t.Expr) -> bool:
    """Whether a place lies in a map's value, or in what a parameter leads to, which callers are then asked about."""
    if space_of(place) is Space.MAP_VALUE:
        return True
    while isinstance(place, t.Member | t.Element):
        place = place.base
    pointer = place.pointer if isinstance(place, t.Deref) else None
    return pointer is not None and _is_passed(c, pointer, place.span)


def _is_passed(c: FunctionChecker, pointer: t.Expr, span: Span) -> bool:
    """Whether a pointer is a parameter that a caller may fill with the address of a map's value."""
    if not isinstance(pointer, t.ReadVariable) or pointer.variable.param is None or c.exported:
        return False
    if not isinstance(pointer.type, Pointer) or pointer.type.space is not Space.STACK:
        return False
    c.map_values.setdefault(pointer.variable.param, span)
    return True


def check_passed(c: FunctionChecker, wanted: dict[int, Span], args: Sequence[t.Expr]) -> t.Expr | None:
    """An error when an argument for such a parameter is not of a map."""
    for index, used in wanted.items():
        given = args[index]
        while isinstance(given, t.Convert):
            given = given.operand
        space = given.type.space if isinstance(given.type, Pointer) else Space.STACK
        if space is Space.MAP_VALUE or _is_passed(c, given, given.span):
            continue
        if isinstance(given, t.AddressOf) and in_map_value(c, given.place):
            continue
        labels = [Label(used, "its lock or timer is used here")]
        return c.error(catalog.NotOfAMap(describe(given)), given.span, labels=labels)
    return None
