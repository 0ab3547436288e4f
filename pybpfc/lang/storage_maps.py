"""Storage: values that belong to objects of the kernel and go with them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from pybpfc.lang.maps import NO_PREALLOC, BpfMap, in_program_only
from pybpfc.lang.other_maps import Opened
from pybpfc.lang.types import I32, Type

if TYPE_CHECKING:
    from pybpfc.lang.pointers import Ptr

V = TypeVar("V")
_MAPPING = "use it as a mapping"


class LocalStorage(BpfMap, Generic[V]):
    """A value that belongs to an object of the kernel and goes with it.

    In a program `get(object, create=True)`; in user space a mapping by what names the object.
    """

    parameters = 1
    default_entries = 0
    implied_flags = NO_PREALLOC

    def __init__(self, *, flags: int = 0, pinned: bool | str = False) -> None:
        super().__init__(0, flags=flags, pinned=pinned)

    def _key_value(self) -> tuple[Type | None, Type | None]:
        return I32, self._stored(self._types[0])

    if TYPE_CHECKING:

        @overload
        def get(self: LocalStorage[int], object: Any, *, create: bool = False) -> Ptr[int] | None: ...
        @overload
        def get(self, object: Any, *, create: bool = False) -> V | None: ...
        def get(self, object: Any, *, create: bool = False) -> Any:
            """In a program: a reference to the object's value, or None."""

    else:

        def get(self, object, *, create=False):
            """In a program: a reference to the object's value, or None; `create` makes it, zeroed, if it is missing."""
            raise in_program_only("get", _MAPPING)

    def delete(self, object: Any) -> int:
        """In a program: delete the object's value; 0 or a negative errno."""
        raise in_program_only("delete", "use `del m[object]`")

    def _open(self, object: Any) -> Opened:
        return Opened(object)

    def __getitem__(self, object: Any) -> V:
        """The value of an object; raises KeyError."""
        with self._open(object) as number:
            raw = self.handle.lookup(self._codecs()[0].encode(number))
        if raw is None:
            raise KeyError(object)
        value: V = self._codecs()[1].decode(raw)
        return value

    def __setitem__(self, object: Any, value: V) -> None:
        with self._open(object) as number:
            self.handle.update(self._codecs()[0].encode(number), self._codecs()[1].encode(value))

    def __delitem__(self, object: Any) -> None:
        with self._open(object) as number:
            found = self.handle.delete(self._codecs()[0].encode(number))
        if not found:
            raise KeyError(object)

    def __contains__(self, object: Any) -> bool:
        with self._open(object) as number:
            return self.handle.lookup(self._codecs()[0].encode(number)) is not None


class SkStorage(LocalStorage[V]):
    """BPF_MAP_TYPE_SK_STORAGE (kernel 5.2): values of sockets; user space gives the socket."""

    type_name = "BPF_MAP_TYPE_SK_STORAGE"


class InodeStorage(LocalStorage[V]):
    """BPF_MAP_TYPE_INODE_STORAGE (kernel 5.10): values of files; user space gives a path or an open file."""

    type_name = "BPF_MAP_TYPE_INODE_STORAGE"


class TaskStorage(LocalStorage[V]):
    """BPF_MAP_TYPE_TASK_STORAGE (kernel 5.11): values of tasks; user space gives a process id."""

    type_name = "BPF_MAP_TYPE_TASK_STORAGE"

    def _open(self, object: Any) -> Opened:
        return Opened(object, os.pidfd_open) if isinstance(object, int) else Opened(object)


class CgroupStorage(LocalStorage[V]):
    """BPF_MAP_TYPE_CGRP_STORAGE (kernel 6.2): values of cgroups; user space gives a path or a descriptor."""

    type_name = "BPF_MAP_TYPE_CGRP_STORAGE"
