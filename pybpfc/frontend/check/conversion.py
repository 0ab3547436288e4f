"""Bringing a value to the type its place wants, or saying why that is not possible."""

from __future__ import annotations

from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check import numbers as n
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.ranges import value_range
from pybpfc.frontend.tuples import TupleType
from pybpfc.lang.types import (
    ERROR,
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
    Void,
    is_integer,
    size_of,
)

MEMORY = frozenset({Space.STACK, Space.MAP_VALUE, Space.RINGBUF, Space.GLOBAL, Space.PACKET})
"""Spaces whose pointers may stand for one another: plain memory that programs read directly."""

FOREIGN = frozenset({Space.KERNEL, Space.USER, Space.BTF})
"""Spaces outside the program's memory, which it reads by helpers, or by loads that the verifier follows by type."""


def describe(e: t.Expr) -> str:
    """An expression's type in the user's words."""
    match e:
        case t.Literal(untyped=True):
            return "a number"
        case t.Text():
            return "a string" if e.is_str else "bytes"
        case t.NoneValue():
            return "None"
        case t.MapObject():
            return f"the map `{e.map.name}`"
        case _ if isinstance(e.type, Pointer) and isinstance(e.type.to, Array) and not e.type.nullable:
            return f"`{e.type.to}`"
        case _:
            return f"`{e.type}`"


def is_aggregate(type: Type) -> bool:
    """Structs and arrays: worked on by address."""
    return isinstance(type, Struct | Array)


def space_of(place: t.Expr) -> Space:
    """Where a place lies."""
    match place:
        case t.Deref(pointer=pointer):
            return pointer.type.space if isinstance(pointer.type, Pointer) else Space.KERNEL
        case t.Member(base=base):
            return space_of(base)
        case t.Element(base=base):
            if isinstance(base.type, Pointer):
                return base.type.space
            return space_of(base)
        case t.Part(base=base):
            return space_of(base)
        case t.GlobalPlace():
            return Space.GLOBAL
        case t.ContextMember():
            return Space.CTX
        case _:
            return Space.STACK


def constant_written(place: t.Expr) -> catalog.ErrorClass | None:
    """The mistake of writing to a constant, or a part of one; None for places that can be written."""
    while isinstance(place, t.Member | t.Element | t.Part):
        place = place.base
    if isinstance(place, t.GlobalPlace) and place.variable.section in (".rodata", ".kconfig"):
        name = place.variable.name
        if not place.variable.exported:
            return catalog.WriteToConstant(name.removeprefix(".const.").partition(".")[0])
        return catalog.WriteToConst(name)
    return None


def never_null(e: t.Expr) -> bool:
    """Whether the verifier knows that a typed pointer of the kernel is not null: it did not come out of memory."""
    match e:
        case t.ReadVariable():
            tested = isinstance(e.variable.type, Pointer) and e.variable.type.nullable
            return tested or bool(e.variable.trusted)
        case t.Convert():
            return never_null(e.operand)
        case t.ContextMember() | t.CallHelper():
            return isinstance(e.type, Pointer) and not e.type.nullable
        case _:
            return False


def to_number(e: t.Expr) -> t.Expr:
    """Pointers to user and kernel memory compute as the addresses they are."""
    return t.Convert(e.span, U64, e) if isinstance(e.type, Pointer) else e


def reference(e: t.Expr) -> t.Expr:
    """An aggregate place as a pointer to it: what a name bound to it holds."""
    if is_aggregate(e.type):
        return t.AddressOf(e.span, Pointer(e.type, space_of(e)), e)
    return e


def place(e: t.Expr) -> t.Expr:
    """A pointer to an aggregate as the place it leads to."""
    if isinstance(e.type, Pointer) and is_aggregate(e.type.to) and not e.type.nullable:
        return t.Deref(e.span, e.type.to, e)
    return e


def is_optional(e: t.Expr) -> bool:
    """Whether a number may be missing: the result of `pop()` before a test."""
    return isinstance(e.type, Pointer) and e.type.space is Space.OPTIONAL and e.type.nullable


def coerce(c: FunctionChecker, e: t.Expr, to: Type, what: str) -> t.Expr:
    """`e` as type `to`; a diagnostic unless the conversion keeps every value."""
    if isinstance(e.type, Error) or isinstance(to, Error):
        return t.Invalid(e.span, ERROR)
    if isinstance(e, t.Literal) and is_integer(to) and (e.untyped or isinstance(to, Int)):
        if n.fits(e.value, to):
            return t.Literal(e.span, to, e.value)
        return c.error(catalog.LiteralDoesNotFit(e.value, str(to)), e.span)
    if e.type == to:
        return e
    if isinstance(e, t.NewStruct) and isinstance(to, TupleType) and isinstance(e.type, TupleType):
        from pybpfc.frontend.check.tuples import coerce_tuple

        return coerce_tuple(c, e, to, what)
    if is_integer(e.type) and is_integer(to):
        return _coerce_integer(c, e, to)
    if isinstance(to, Pointer):
        return _coerce_pointer(c, e, to, what)
    if is_optional(e):
        return may_be_none(c, e)
    if is_aggregate(to) and isinstance(e.type, Pointer) and e.type.to == to:
        if e.type.nullable:
            return may_be_none(c, e)
        return place(e)
    return c.error(catalog.TypeMismatch(f"`{to}`", describe(e)), e.span)


def _coerce_integer(c: FunctionChecker, e: t.Expr, to: Type) -> t.Expr:
    if n.lossless(e.type, to) and (not isinstance(to, Enum) or isinstance(e.type, Enum)):
        return t.Convert(e.span, to, e)
    if isinstance(to, Enum) and n.lossless(e.type, to.underlying):
        return t.Convert(e.span, to, e)
    if isinstance(to, Int) and (known := value_range(c, e)) is not None and all(n.fits(v, to) for v in known):
        return t.Convert(e.span, to, e)  # the values that the program's text allows are all there
    if isinstance(e, t.Conditional) and (chosen := _constant_branches(e, to)) is not None:
        return chosen
    return c.error(catalog.LossyConversion(str(e.type), str(to)), e.span)


def coerce_member(c: FunctionChecker, e: t.Expr, field: Field, what: str) -> t.Expr:
    """`e` as what a struct's member holds; a bit-field takes what its width shows to fit."""
    value = coerce(c, e, field.type.host if isinstance(field.type, Int) else field.type, what)
    if field.bits is None or isinstance(value.type, Error):
        return value
    narrow = n.bit_field_type(field)
    bounds = value_range(c, value)
    if bounds is not None and all(n.fits(v, narrow) for v in bounds):
        return value
    if isinstance(value, t.Literal):
        return c.error(catalog.LiteralDoesNotFit(value.value, f"{field.type}:{field.bits}"), e.span)
    return c.error(catalog.BitFieldRange(field.name, field.bits, hex((1 << field.bits) - 1)), e.span)


def _constant_branches(e: t.Conditional, to: Type) -> t.Conditional | None:
    """`1 if a else 0` takes the type of its place, as its constants would; None for anything else."""
    branches: list[t.Expr] = []
    for branch in (e.then, e.otherwise):
        match branch:
            case t.Literal() if n.fits(branch.value, to):
                branches.append(t.Literal(branch.span, to, branch.value))
            case t.Conditional() if (inner := _constant_branches(branch, to)) is not None:
                branches.append(inner)
            case _:
                return None
    return t.Conditional(e.span, to, e.condition, *branches)


def _coerce_pointer(c: FunctionChecker, e: t.Expr, to: Pointer, what: str) -> t.Expr:
    if isinstance(e, t.NoneValue):
        if to.nullable:
            return t.Literal(e.span, to, 0)
        return c.error(catalog.TypeMismatch(f"`{to}`", "None"), e.span)
    if is_aggregate(e.type) and e.type == to.to:
        return reference(e)
    if to.space is Space.OPTIONAL and is_integer(e.type):
        return _held(c, e, to, what)
    if isinstance(e.type, Pointer):
        if e.type.nullable and not to.nullable:
            return may_be_none(c, e)
        from pybpfc.frontend.check.kernel_types import coerce_kernel_pointer

        if (kernel := coerce_kernel_pointer(e, to)) is not None:
            return kernel
        same = e.type.space == to.space or {e.type.space, to.space} <= MEMORY
        if same and (e.type.to == to.to or isinstance(to.to, Void)):
            return t.Convert(e.span, to, e)
    return c.error(catalog.TypeMismatch(f"`{to}`", describe(e)), e.span)


def _held(c: FunctionChecker, e: t.Expr, to: Pointer, what: str) -> t.Expr:
    """A number in a slot of its own, where one that may be missing is wanted."""
    value = coerce(c, e, to.to.host if isinstance(to.to, Int) else to.to, what)
    if isinstance(value.type, Error):
        return value
    slot = reference(t.NewArray(e.span, Array(to.to, 1), (value,)))
    return t.Convert(e.span, Pointer(to.to, to.space), slot)


def may_be_none(c: FunctionChecker, e: t.Expr) -> t.Invalid:
    """The diagnostic of a use of something that may be None."""
    from pybpfc.diagnostics.diagnostic import Label

    if isinstance(e, t.ReadVariable):
        origin = [Label(e.variable.span, f"this is `{e.variable.type}`")]
        return c.error(catalog.MayBeNone(e.variable.name), e.span, labels=origin)
    return c.error(catalog.MayBeNone(c.sink.sources.text(e.span) or "it"), e.span)


def storable_text(value: bytes, to: Array) -> bool:
    """Whether constant text fits an array, with its NUL for `str`."""
    room = size_of(to) - (1 if to.view.value == "str" else 0)
    return len(value) <= room
