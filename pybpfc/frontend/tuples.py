"""The type of tuples: a struct without names, which functions return and names are unpacked from."""

from __future__ import annotations

import functools
import re
import typing
from typing import Any

from pybpfc.lang.annotations import resolve
from pybpfc.lang.errors import AnnotationError
from pybpfc.lang.types import Field, Int, Pointer, Struct, Type, Void, align_of, size_of


class TupleType(Struct):
    """A tuple: its elements are the fields, found by position only."""

    __slots__ = ()

    def __str__(self) -> str:
        return f"tuple[{', '.join(str(f.type) for f in self.fields)}]"

    def find(self, name: str) -> Field | None:
        """Nothing: in Python the elements have no names."""
        return None


@functools.cache
def tuple_type(elements: tuple[Type, ...]) -> TupleType:
    """The type of tuples with these elements; the same object for the same types."""
    words = "_".join(re.sub(r"\W+", "_", str(e)).strip("_") for e in elements)
    made = TupleType(f"tuple_{words}")
    fields: list[Field] = []
    end, align = 0, 1
    for number, element in enumerate(elements):
        here = align_of(element)
        offset = -(-end // here) * here
        fields.append(Field(f"_{number}", element, offset))
        end, align = offset + size_of(element), max(align, here)
    made.set_layout(tuple(fields), -(-end // align) * align, align)
    return made


def resolve_tuple(annotation: Any) -> TupleType | None:
    """The type of `tuple[A, B]`; None for other annotations. Raises `AnnotationError`."""
    if annotation is tuple:
        raise AnnotationError("a tuple has the types of its elements", "write `tuple[u32, u64]`")
    if typing.get_origin(annotation) is not tuple:
        return None
    arguments = typing.get_args(annotation)
    if not arguments or Ellipsis in arguments:
        raise AnnotationError("a tuple has a fixed number of elements", "write `tuple[u32, u64]`")
    return tuple_type(tuple(_element(argument) for argument in arguments))


def _element(annotation: Any) -> Type:
    found = resolve_tuple(annotation) or resolve(annotation)
    if isinstance(found, Pointer | Void):
        raise AnnotationError("the elements of a tuple are numbers, structs and arrays", "return a `@bpf.struct`")
    return found.host if isinstance(found, Int) else found
