"""Kernel structs and pointers out of the program's memory: what may be read through them, and questions about types."""

from __future__ import annotations

import ast
from typing import Any

from pybpfc.abi.helpers import HELPERS
from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.span import Span
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.access import resolve_static
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import (
    FOREIGN,
    coerce,
    describe,
    is_aggregate,
    may_be_none,
    place,
    space_of,
    to_number,
)
from pybpfc.frontend.check.helpers import available
from pybpfc.frontend.contexts import ContextType
from pybpfc.frontend.symbols import Namespace, TypeSymbol
from pybpfc.ir.ops import CoreKind
from pybpfc.lang.annotations import enum_type
from pybpfc.lang.errors import AnnotationError
from pybpfc.lang.kernel_types import KernelStruct
from pybpfc.lang.types import (
    BOOL,
    CHAR,
    ERROR,
    U32,
    U64,
    Array,
    Enum,
    Error,
    Field,
    Int,
    Pointer,
    Space,
    Struct,
    Type,
    View,
    Void,
    is_integer,
    is_kernel,
    is_scalar,
)


def reading(c: FunctionChecker, node: ast.AST | t.Expr, space: Space) -> bool:
    """Whether a place in foreign memory may be read here; a diagnostic if not."""
    name = "bpf_probe_read_user" if space is Space.USER else "bpf_probe_read_kernel"
    return available(c, c.span(node) if isinstance(node, ast.AST) else node.span, HELPERS[name])


def through_pointer(c: FunctionChecker, node: ast.Attribute, base: t.Expr, pointer: Pointer) -> t.Expr:
    """`p.field` or `p.value` where `p` leads to the kernel or to user space."""
    from pybpfc.frontend.check.access import has_field, member

    own = is_aggregate(pointer.to) and not is_kernel(pointer.to)
    if node.attr == "value" and own and not has_field(pointer.to, "value"):
        return place(base) if reading(c, node, pointer.space) else t.Invalid(c.span(node), ERROR)
    if isinstance(pointer.to, Struct):
        return member(c, node, place(base), pointer.to)
    if isinstance(pointer.to, Void):
        return c.error(catalog.UntypedPointer(str(pointer)), node)
    if node.attr == "value" and is_scalar(pointer.to):
        if not reading(c, node, pointer.space):
            return t.Invalid(c.span(node), ERROR)
        return t.Deref(c.span(node), seen_from(pointer.space, pointer.to), base)
    helps = ["a pointer is read through `.value`"] if is_scalar(pointer.to) else []
    return c.error(catalog.UnknownAttribute(describe(base), node.attr), c.name_span(node), helps=helps)


def text_behind(c: FunctionChecker, e: t.Expr, length: int) -> t.Expr:
    """A pointer to text of the kernel or of user space as its first `length` bytes, the last of them NUL."""
    if not isinstance(e.type, Pointer) or e.type.nullable or e.type.space not in (Space.KERNEL, Space.USER):
        return e
    if not isinstance(e.type.to, Int) or e.type.to.bits != 8 or not reading(c, e, e.type.space):
        return e
    text = Array(CHAR, length, View.STR)
    return t.Deref(e.span, text, t.Convert(e.span, Pointer(text, e.type.space), e))


def foreign_member(c: FunctionChecker, node: ast.AST, base: t.Expr, struct: Struct, field: Field) -> t.Expr:
    """A member of a struct that lies elsewhere; where it is read depends on where the pointer came from."""
    space = space_of(base)
    direct = space is Space.BTF and is_scalar(field.type) and field.bits is None
    if not direct and not isinstance(field.type, Struct) and not reading(c, node, space):
        return t.Invalid(c.span(node), ERROR)
    return t.Member(c.span(node), seen_from(space, field.type), base, struct, field)


def seen_from(space: Space, type: Type) -> Type:
    """The type of a field read through a pointer: pointers that the verifier knows lead to ones that it knows."""
    match type:
        case Pointer() if space is Space.BTF and is_kernel(type.to) and type.space is Space.KERNEL:
            return Pointer(type.to, Space.BTF, type.nullable)
        case Pointer() if space is Space.USER:
            return Pointer(type.to, Space.USER, type.nullable)
        case Int():
            return type.host
        case _:
            return type


def pointer_element(c: FunctionChecker, node: ast.Subscript, base: t.Expr, pointer: Pointer, index: t.Expr) -> t.Expr:
    """`p[i]` where `p` leads to numbers, pointers or structs of the kernel or of user space."""
    if not is_scalar(pointer.to) and not isinstance(pointer.to, Struct):
        return c.error(catalog.UntypedPointer(str(pointer)), node)
    if not reading(c, node, pointer.space):
        return t.Invalid(c.span(node), ERROR)
    return t.Element(c.span(node), seen_from(pointer.space, pointer.to), base, index, through_pointer=True)


def _is_operations_own(c: FunctionChecker, target: t.Expr) -> bool:
    """Whether the kernel may let a function of a struct of operations write a place; the verifier knows which."""
    if c.program is None or c.program.type.name != "BPF_PROG_TYPE_STRUCT_OPS" or space_of(target) is not Space.BTF:
        return False
    return isinstance(target, t.Member | t.Element) and is_scalar(target.type) and not isinstance(target.type, Pointer)


def refuse_write(c: FunctionChecker, target: t.Expr) -> bool:
    """Whether a place lies outside the program's memory, which it must not write; with a diagnostic then."""
    if not isinstance(target, t.PLACES) or space_of(target) not in FOREIGN:
        return False
    if _is_operations_own(c, target):
        return False
    where = "of user space" if space_of(target) is Space.USER else "of the kernel"
    c.error(catalog.ForeignMemoryWrite(where), target.span)
    return True


# ------------------------------------------------------------------------------- conversions


def same_kernel_type(one: Type, other: Type) -> bool:
    """Whether two declarations stand for one type of the kernel."""
    if one == other:
        return True
    return (
        isinstance(one, Struct)
        and isinstance(other, Struct)
        and one.kernel
        and other.kernel
        and one.kernel_name == other.kernel_name
    )


def coerce_kernel_pointer(e: t.Expr, to: Pointer) -> t.Expr | None:
    """A kernel pointer as another: an untyped one or one of another declaration of the type; None for others."""
    if not isinstance(e.type, Pointer) or e.type.space not in (Space.KERNEL, Space.BTF) or not is_kernel(to.to):
        return None
    if e.type.nullable and not to.nullable:
        return None
    if to.space not in (Space.KERNEL, e.type.space):
        return None
    if same_kernel_type(e.type.to, to.to) or isinstance(e.type.to, Void):
        return t.Convert(e.span, to, e)
    return None


def held_kernel_pointer(value: t.Expr | None, type: Type) -> Pointer:
    """The type of a variable annotated as a kernel struct: it keeps what the verifier knows of its first value."""
    held = type if isinstance(type, Pointer) else Pointer(type, Space.KERNEL)
    if value is not None and isinstance(value.type, Pointer) and value.type.space is Space.BTF:
        return Pointer(held.to, Space.BTF, held.nullable)
    return held


def check_cast(c: FunctionChecker, node: ast.Call) -> t.Expr:
    """`bpf.cast(T, address)`: an address as a pointer to a kernel struct, or to a struct in user space."""
    from pybpfc.frontend.check.expressions import check

    if len(node.args) != 2 or node.keywords:
        return c.error(catalog.ArgumentCount("cast", "a type and an address", len(node.args)), node)
    to = _cast_target(c, node.args[0])
    value = check(c, node.args[1])
    if to is None or isinstance(value.type, Error):
        return t.Invalid(c.span(node), ERROR)
    span = c.span(node)
    if isinstance(value.type, Pointer):
        if value.type.nullable:
            return may_be_none(c, value)
        if (known := coerce_kernel_pointer(value, Pointer(to.to, value.type.space))) is not None:
            return t.Convert(span, known.type, value)
        if _is_registers(value.type) and to.space is Space.KERNEL:
            return t.Convert(span, to, value)
        if value.type.space not in FOREIGN:
            return c.error(catalog.TypeMismatch("an address", describe(value)), value.span)
        value = to_number(value)
    if not is_integer(value.type):
        return c.error(catalog.TypeMismatch("an address", describe(value)), value.span)
    number = coerce(c, value, U64, "address")
    return number if isinstance(number.type, Error) else t.Convert(span, to, number)


def _is_registers(type: Pointer) -> bool:
    """Whether this is the context of a probe, where kernel memory reads reach all registers by their offset."""
    return isinstance(type.to, ContextType) and type.to.name == "pt_regs"


def _cast_target(c: FunctionChecker, node: ast.expr) -> Pointer | None:
    """The pointer type that `T`, `Ptr[T]` or `UserPtr[T]` stands for; None after a diagnostic."""
    from pybpfc.frontend.signatures import annotation_type

    with c.reporting():
        found = annotation_type(c.unit, c.captured, node)
    if isinstance(found, Pointer):
        return Pointer(found.to, Space.USER if found.space is Space.USER else Space.KERNEL)
    if isinstance(found, Struct) and found.kernel:
        return Pointer(found, Space.KERNEL)
    if found is not None:
        c.error(catalog.KernelTypeExpected("cast"), node)
    return None


# --------------------------------------------------------------------- questions about types

_OF_FIELDS: dict[str, tuple[CoreKind, Type]] = {
    "field_exists": (CoreKind.FIELD_EXISTS, BOOL),
    "field_size": (CoreKind.FIELD_BYTE_SIZE, U32),
    "field_offset": (CoreKind.FIELD_BYTE_OFFSET, U32),
    "field_signed": (CoreKind.FIELD_SIGNED, BOOL),
}
_OF_TYPES: dict[str, tuple[CoreKind, Type]] = {
    "type_exists": (CoreKind.TYPE_EXISTS, BOOL),
    "type_size": (CoreKind.TYPE_SIZE, U32),
    "type_matches": (CoreKind.TYPE_MATCHES, BOOL),
    "type_id": (CoreKind.TYPE_ID_TARGET, U32),
    "local_type_id": (CoreKind.TYPE_ID_LOCAL, U32),
}
_OF_ENUMS: dict[str, tuple[CoreKind, Type]] = {
    "enum_exists": (CoreKind.ENUMVAL_EXISTS, BOOL),
    "enum_value": (CoreKind.ENUMVAL_VALUE, U64),
}
QUESTIONS = frozenset({*_OF_FIELDS, *_OF_TYPES, *_OF_ENUMS})


def check_question(c: FunctionChecker, node: ast.Call, name: str) -> t.Expr:
    """`bpf.field_exists(T, "a.b")`, `bpf.field_exists(T.a.b)`, `bpf.type_size(T)`, `bpf.enum_value(E.X)`, …."""
    most = 2 if name in _OF_FIELDS else 1
    if not 1 <= len(node.args) <= most or node.keywords:
        expected = "a field" if name in _OF_FIELDS else "a type" if name in _OF_TYPES else "an enumerator"
        return c.error(catalog.ArgumentCount(name, expected, len(node.args) + len(node.keywords)), node)
    if name in _OF_FIELDS:
        return _of_field(c, node, name)
    return _of_type(c, node, name) if name in _OF_TYPES else _of_enumerator(c, node, name)


def _of_field(c: FunctionChecker, node: ast.Call, name: str) -> t.Expr:
    names: list[tuple[str, ast.AST]] = []
    root = node.args[0]
    if len(node.args) == 2:
        text = node.args[1]
        if not isinstance(text, ast.Constant) or not isinstance(text.value, str):
            return c.error(catalog.TypeMismatch("a field's name in quotes", "another expression"), text)
        names = [(part, text) for part in text.value.split(".")]
    else:
        while isinstance(root, ast.Attribute) and _kernel_struct(c, root) is None:
            names.insert(0, (root.attr, root))
            root = root.value
    struct = _kernel_struct(c, root)
    if struct is None:
        return c.error(catalog.KernelTypeExpected(name), node.args[0])
    if not names:
        return c.error(catalog.ArgumentCount(name, 'a field, `T.field` or `T, "field"`', 1), node)
    path: list[Field] = []
    at: Type = struct
    for part, where in names:
        to = at.to if isinstance(at, Pointer) else None
        if isinstance(to, Struct) and is_kernel(to):  # as in C: the question is about what it leads to
            at, struct, path = to, to, []
        field = at.find(part) if isinstance(at, Struct) else None
        if field is None:
            return unknown_field(c, at, part, _part_span(c, where, part))
        path.append(field)
        at = field.type
    kind, type = _OF_FIELDS[name]
    return t.CoreQuery(c.span(node), type, kind, struct, tuple(path))


def _part_span(c: FunctionChecker, where: ast.AST, part: str) -> Span:
    """Where the name of a field stands: after a dot, or in quotes."""
    if isinstance(where, ast.Attribute):
        return c.name_span(where)
    span = c.span(where)
    if span.line != span.end_line or span.end_column - span.column != len(part) + 2:
        return span
    return Span(span.file, span.line, span.column + 1, span.end_line, span.end_column - 1)


def unknown_field(c: FunctionChecker, owner: Type, name: str, where: Span) -> t.Expr:
    """The diagnostic of a field that a kernel struct does not have, or that was not declared."""
    if not isinstance(owner, Struct):
        return c.error(catalog.UnknownAttribute(f"`{owner}`", name), where)
    helps: list[Any] = list(catalog.did_you_mean(name, owner.by_name, where))
    if not helps and isinstance(owner, KernelStruct):
        helps = [_field_help(owner, name)]
    return c.error(catalog.UnknownField(owner.name, name), where, helps=helps)


def _field_help(owner: KernelStruct, name: str) -> str:
    if owner.declared:
        return f"declare it in `{owner.name}`: a hand-declared kernel struct has the fields written there"
    if not owner.complete:
        return f"declare the fields used: `@bpf.kernel_struct class {owner.name}: {name}: …`"
    shown = f"struct {owner.name}" if owner.name else owner.typedef
    listed = f"`pybpfc vmlinux {shown}` lists its fields" if shown else "this kernel's has none of that name"
    return f"{listed}; one of other kernels is declared: `@bpf.kernel_struct class {owner.kernel_name}___other`"


def _of_type(c: FunctionChecker, node: ast.Call, name: str) -> t.Expr:
    kind, type = _OF_TYPES[name]
    struct = _kernel_struct(c, node.args[0])
    found: Struct | Enum | None = struct if struct is not None else _kernel_enum(c, node.args[0])
    if found is None:
        return c.error(catalog.KernelTypeExpected(name), node.args[0])
    return t.CoreQuery(c.span(node), type, kind, found)


def _of_enumerator(c: FunctionChecker, node: ast.Call, name: str) -> t.Expr:
    argument = node.args[0]
    owner = _kernel_enum(c, argument.value) if isinstance(argument, ast.Attribute) else None
    if owner is None or not isinstance(argument, ast.Attribute):
        return c.error(catalog.EnumeratorExpected(name), argument)
    names = dict(owner.members)
    if argument.attr not in names:
        where = c.name_span(argument)
        helps = catalog.did_you_mean(argument.attr, names, where)
        return c.error(catalog.UnknownMember(owner.name, argument.attr), where, helps=helps)
    kind, type = _OF_ENUMS[name]
    return t.CoreQuery(c.span(node), type, kind, owner, (), argument.attr)


def _kernel_struct(c: FunctionChecker, node: ast.expr) -> Struct | None:
    symbol = resolve_static(c, node)
    return symbol.type if isinstance(symbol, TypeSymbol) and is_kernel(symbol.type) else None  # type: ignore[return-value]


def _kernel_enum(c: FunctionChecker, node: ast.expr) -> Enum | None:
    symbol = resolve_static(c, node)
    if not isinstance(symbol, Namespace) or not isinstance(symbol.value, type):
        return None
    try:
        return enum_type(symbol.value)
    except AnnotationError:
        return None
