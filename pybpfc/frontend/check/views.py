"""Views: `net.Cursor(ctx)` makes a local object of the context and numbers, whose methods are functions."""

from __future__ import annotations

import ast

from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import describe
from pybpfc.frontend.contexts import ContextType
from pybpfc.frontend.unit import Unit
from pybpfc.lang.annotations import resolve
from pybpfc.lang.types import ERROR, Error, Pointer, Space, Struct, natural_layout
from pybpfc.lang.views import View


def new_view(c: FunctionChecker, node: ast.Call, cls: type[View]) -> t.Expr:
    """`Cursor(ctx)`: the context, and numbers that start at 0."""
    from pybpfc.frontend.check.expressions import check

    given = [*node.args, *(k.value for k in node.keywords if k.arg == "ctx")]
    if len(given) != 1 or len(node.args) + len(node.keywords) != 1:
        count = len(node.args) + len(node.keywords)
        return c.error(catalog.ArgumentCount(cls.__name__, "1 argument (ctx)", count), node)
    context = check(c, given[0])
    if isinstance(context.type, Error):
        return t.Invalid(c.span(node), ERROR)
    if not isinstance(context.type, Pointer) or not isinstance(context.type.to, ContextType):
        return c.error(catalog.TypeMismatch("the program's context", describe(context)), context.span)
    if cls.__bpf_packets__ and context.type.to.packet is None:
        return c.error(catalog.NoPacket(context.type.to.name), node)
    struct = view_struct(c.unit, cls, context.type.to)
    return t.NewStruct(c.span(node), struct, struct, ((struct.by_name["ctx"], context),))


def view_struct(unit: Unit, cls: type[View], context: ContextType) -> Struct:
    """What a view looks like in memory: one type for each class and context."""
    key = (cls, context.name)
    if key not in unit.views:
        struct = Struct(f"{cls.__name__}_{context.name}", cls=cls)
        numbers = [(name, resolve(kind)) for name, kind in cls.__bpf_numbers__.items()]
        struct.set_layout(*natural_layout([("ctx", Pointer(context, Space.CTX)), *numbers]))
        unit.views[key] = struct
    return unit.views[key]
