"""`bpf.kconfig("CONFIG_HZ", u32)`, `bpf.kernel_version()`, `bpf.ksym("name")`: what the loader finds on its kernel."""

from __future__ import annotations

import ast

from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import describe
from pybpfc.lang.types import (
    ERROR,
    U8,
    U32,
    U64,
    VOID,
    Array,
    Int,
    Pointer,
    Space,
    Type,
    View,
    is_integer,
    is_kernel,
)

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


def check_symbol(c: FunctionChecker, node: ast.Call) -> t.Expr:
    """`bpf.ksym("name")`, an address, or `bpf.ksym("name", T)`, a pointer to the kernel's variable."""
    from pybpfc.frontend.check.expressions import check
    from pybpfc.frontend.signatures import annotation_type

    named = {keyword.arg: keyword.value for keyword in node.keywords}
    if not 1 <= len(node.args) <= 2 or set(named) - {"weak"}:
        count = len(node.args) + len(node.keywords)
        return c.error(catalog.ArgumentCount("ksym", "a name, and a type for more than its address", count), node)
    weak = check(c, named["weak"]) if "weak" in named else None
    if weak is not None and not isinstance(weak, t.Literal):
        return c.error(catalog.ConstantNeeded("`weak`"), named["weak"])
    name = _symbol_name(c, node.args[0])
    type: Type | None = VOID
    if len(node.args) == 2:
        with c.reporting():
            type = annotation_type(c.unit, c.captured, node.args[1])
    if name is None or type is None:
        return t.Invalid(c.span(node), ERROR)
    may_lack = bool(weak.value) if weak is not None else False
    variable = c.unit.kernel_symbol(name, type, may_lack, c.span(node))
    if variable is None:
        return c.error(catalog.TypeMismatch(f"the type that `{name}` has elsewhere", f"`{type}`"), node)
    place = t.GlobalPlace(c.span(node), U8 if type == VOID else type, variable)
    if type == VOID:
        address = t.AddressOf(c.span(node), Pointer(U8, Space.GLOBAL), place)
        return t.Convert(c.span(node), U64, address, explicit=True)
    space = Space.BTF if is_kernel(type) else Space.GLOBAL
    return t.AddressOf(c.span(node), Pointer(type, space, may_lack), place)


def _symbol_name(c: FunctionChecker, node: ast.expr) -> str | None:
    """A symbol's name, a constant; None after a diagnostic."""
    from pybpfc.frontend.check.expressions import check

    value = check(c, node)
    if isinstance(value, t.Text) and value.is_str and value.value.decode(errors="replace").isidentifier():
        return value.value.decode()
    if value.type != ERROR:
        c.error(catalog.TypeMismatch("the name of a symbol in quotes", describe(value)), node)
    return None


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
