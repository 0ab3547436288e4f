"""The map objects of user code for maps that came without Python declarations."""

from __future__ import annotations

import functools
from typing import Protocol

from pybpfc.lang import event_maps, keyed_maps, other_maps, storage_maps
from pybpfc.lang.maps import BpfMap, MapDeclaration, MapHandle
from pybpfc.lang.types import Type


class CreatedMap(MapHandle, Protocol):
    """A created map that knows what it was created with."""

    @property
    def type_name(self) -> str:
        """The kernel's name of its type."""
        ...

    @property
    def max_entries(self) -> int:
        """How many entries it can hold."""
        ...

    @property
    def flags(self) -> int:
        """The `BPF_F_` flags it was created with."""
        ...


@functools.cache
def _classes() -> dict[str, type[BpfMap]]:
    """The classes by the kernel's names of their types."""
    found: dict[str, type[BpfMap]] = {}
    for module in (keyed_maps, event_maps, other_maps, storage_maps):
        for cls in vars(module).values():
            if isinstance(cls, type) and issubclass(cls, BpfMap) and cls.type_name:
                found.setdefault(cls.type_name, cls)
    return found


def class_name(type_name: str) -> str:
    """What users call a map type: `HashMap` for `BPF_MAP_TYPE_HASH`; the kernel's name for one without a class."""
    found = _classes().get(type_name)
    return found.__name__ if found is not None else type_name


def map_object(handle: CreatedMap, key: Type | None, value: Type | None) -> BpfMap:
    """A map object over a created map; types without a class of their own work as a mapping."""
    cls = _classes().get(handle.type_name, keyed_maps.KeyedMap)
    made = cls.of(MapDeclaration(handle.type_name, key, value, handle.max_entries, handle.flags))
    made.bind(handle)
    return made
