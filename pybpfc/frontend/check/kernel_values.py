"""`bpf.kconfig("CONFIG_HZ", u32)` and `bpf.kernel_version()`: values that the loader finds on its kernel."""

from __future__ import annotations

import ast

from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import describe
from pybpfc.lang.types import ERROR, U32, Array, Int, Type, View, is_integer

VERSION = "LINUX_KERNEL_VERSION"
VIRTUAL = frozenset({VERSION, "LINUX_HAS_BPF_COOKIE", "LINUX_HAS_SYSCALL_WRAPPER"})
"""Names that are no options of the kernel but libbpf's, of which loaders know the values."""


def check_kernel_value(c: FunctionChecker, node: ast.Call, name: str) -> t.Expr:
    """A read of a variable that the loader provides."""
    wanted = 0 if name == "kernel_version" else 2
    if len(node.args) != wanted or node.keywords:
        expected = "an option and its type" if wanted else "no arguments"
        return c.error(catalog.ArgumentCount(name, expected, len(node.args) + len(node.keywords)), node)
    if name == "kernel_version":
        return _read(c, node, VERSION, U32)
    option = _option(c, node.args[0])
    from pybpfc.frontend.signatures import annotation_type

    with c.reporting():
        type = annotation_type(c.unit, c.captured, node.args[1])
    if option is None or type is None:
        return t.Invalid(c.span(node), ERROR)
    if not is_integer(type) and not (isinstance(type, Array) and type.view is View.STR):
        expected = "an integer type, `bool` or `Annotated[str, N]`"
        return c.error(catalog.TypeMismatch(expected, f"`{type}`"), node.args[1])
    return _read(c, node, option, type)


def _option(c: FunctionChecker, node: ast.expr) -> str | None:
    """The name of an option, a constant; None after a diagnostic."""
    from pybpfc.frontend.check.expressions import check

    value = check(c, node)
    if isinstance(value, t.Text) and value.is_str:
        text = value.value.decode(errors="replace")
        if text in VIRTUAL or (text.startswith("CONFIG_") and text.isidentifier()):
            return text
        c.error(catalog.KernelOption(text), node)
    elif value.type != ERROR:
        c.error(catalog.TypeMismatch("the name of an option in quotes", describe(value)), node)
    return None


def _read(c: FunctionChecker, node: ast.Call, name: str, type: Type) -> t.Expr:
    variable = c.unit.kernel_value(name, type, c.span(node))
    if variable is None:
        return c.error(catalog.TypeMismatch(f"the type that `{name}` has elsewhere", f"`{type}`"), node)
    return t.GlobalPlace(c.span(node), type.host if isinstance(type, Int) else type, variable)
