"""Strings and bytes that are stored: constants, arrays, and text that lies in the kernel or in user space."""

from __future__ import annotations

from pybpfc.abi.helpers import HELPERS
from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.conditions import is_text
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import describe, may_be_none, place, storable_text
from pybpfc.frontend.check.helpers import available
from pybpfc.lang.types import Array, Error, Pointer, Space, View, size_of


def check_text_source(c: FunctionChecker, value: t.Expr, to: Array) -> t.Expr:
    """What may be stored in a char or byte array: a constant that fits, an array, or a pointer to text elsewhere."""
    if isinstance(value.type, Error):
        return value
    if isinstance(value, t.Text):
        if value.is_str != (to.view is View.STR):
            return c.error(catalog.TypeMismatch(f"`{to}`", describe(value)), value.span)
        if not storable_text(value.value, to):
            return c.error(catalog.TextTooLong(len(value.value) + value.is_str, f"`{to}`"), value.span)
        return value
    if isinstance(value.type, Pointer) and value.type.space in (Space.USER, Space.KERNEL) and to.view is View.STR:
        reader = "bpf_probe_read_user_str" if value.type.space is Space.USER else "bpf_probe_read_kernel_str"
        available(c, value.span, HELPERS[reader])
        return value
    if isinstance(value.type, Pointer) and value.type.nullable:
        return may_be_none(c, value)
    source = place(value)
    if isinstance(source.type, Array) and source.type.view is to.view and is_text(source):
        if size_of(source.type) > size_of(to):
            return c.error(catalog.TextTooLong(size_of(source.type), f"`{to}`"), value.span)
        return source
    return c.error(catalog.TypeMismatch(f"`{to}`", describe(value)), value.span)
