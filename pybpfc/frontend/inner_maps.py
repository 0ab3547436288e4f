"""Maps found in other maps: what the checker knows of them is what the outer map declares."""

from __future__ import annotations

from pybpfc.ir.module import MapDef
from pybpfc.lang.map_objects import class_name
from pybpfc.lang.types import Pointer, Struct, Type


class InnerMap(Struct):
    """The type of a map that was found in another one; `map` is like it."""

    __slots__ = ("map",)

    def __init__(self, outer: MapDef) -> None:
        inner = outer.declaration.inner
        assert inner is not None
        types = ", ".join(str(kind) for kind in (inner.key, inner.value) if kind is not None)
        super().__init__(f"{class_name(inner.type_name)}[{types}]")
        self.map = MapDef(f"{outer.name}.lookup(…)", inner, outer.span)


def inner_map(type: Type) -> InnerMap | None:
    """The inner map that a pointer leads to; None for anything else."""
    return type.to if isinstance(type, Pointer) and isinstance(type.to, InnerMap) else None
