"""Elements of arrays in packets, at an index known at run time only.

The verifier forgets how far a packet reaches behind a pointer to which a number was added that it doesn't know, so each
such access compares with the packet's end once more, for which it takes the context. Functions do not know whether
their parameters lead to packets; they tell their callers where that would not do.
"""

from __future__ import annotations

from collections.abc import Sequence

from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.diagnostic import Label
from pybpfc.diagnostics.span import Span
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import describe, space_of
from pybpfc.frontend.contexts import ContextType
from pybpfc.lang.types import VOID, Pointer, Space


def packet_end(c: FunctionChecker, base: t.Expr, index: t.Expr) -> t.PacketEnd | None:
    """The packet's end, where an element of `base` has to be compared with it."""
    if isinstance(index, t.Literal) or _is_counted(c, index):
        return None
    if space_of(base) is not Space.PACKET:
        while isinstance(base, t.Member | t.Element | t.Part):
            base = base.base
        if isinstance(base, t.Deref):
            _note_parameter(c, base.pointer, index.span)
        return None
    for variable in c.all_variables:
        context = variable.type.to if isinstance(variable.type, Pointer) else None
        if isinstance(context, ContextType) and context.packet is not None:
            read = t.ReadVariable(base.span, variable.type, variable)
            return t.PacketEnd(base.span, Pointer(VOID, Space.PACKET_END), read, context.packet[1])
    return None


def _is_counted(c: FunctionChecker, index: t.Expr) -> bool:
    while isinstance(index, t.Convert):
        index = index.operand
    return isinstance(index, t.ReadVariable) and index.variable in c.counted


def _note_parameter(c: FunctionChecker, pointer: t.Expr, span: Span) -> None:
    if not isinstance(pointer, t.ReadVariable) or pointer.variable.param is None or c.exported:
        return
    if isinstance(pointer.type, Pointer) and pointer.type.space is Space.STACK:
        c.indexed.setdefault(pointer.variable.param, span)


def check_indexed(c: FunctionChecker, name: str, indexed: dict[int, Span], args: Sequence[t.Expr]) -> t.Expr | None:
    """An error when a reference into a packet is passed for a parameter that the function indexes at run time."""
    for number, used in indexed.items():
        given = args[number]
        while isinstance(given, t.Convert):
            given = given.operand
        if isinstance(given, t.AddressOf):
            space, root = space_of(given.place), given.place
            while isinstance(root, t.Member | t.Element | t.Part):
                root = root.base
            given = root.pointer if isinstance(root, t.Deref) else given
        else:
            space = given.type.space if isinstance(given.type, Pointer) else Space.STACK
        if space is Space.PACKET:
            labels = [Label(used, "this index is known at run time only")]
            return c.error(catalog.PacketIndex(describe(args[number]), name), args[number].span, labels=labels)
        _note_parameter(c, given, used)
    return None
