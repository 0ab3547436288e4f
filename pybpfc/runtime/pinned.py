"""Maps that are pinned in a BPF file system, opened as map objects."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import Any

from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.btf import Btf
from pybpfc.formats.errors import BadBtf
from pybpfc.lang.btf_types import BtfTypes, type_or_bytes
from pybpfc.lang.map_objects import map_object
from pybpfc.lang.maps import BpfMap, TypedMap
from pybpfc.lang.types import size_of
from pybpfc.runtime.attributes import BtfInfo
from pybpfc.runtime.maps import Map, MapInfo, map_info
from pybpfc.runtime.permissions import permission_denied
from pybpfc.runtime.syscall import Command, Fd, address, object_by_id, object_get, object_info


def open_map(path: str | os.PathLike[str], kind: Any = None) -> BpfMap:
    """The map pinned at `path`, with the types of `kind`, or those that its BTF tells; raises LoadError."""
    place = os.fspath(path)
    fd = _open(place)
    try:
        if os.readlink(f"/proc/self/fd/{fd.number}").rpartition(":")[2] != "bpf-map":
            raise LoadError(f"what is pinned at {place} is not a map", remedy="give the path of a map")
        handle = Map.from_fd(fd, os.path.basename(place))
        if kind is None:
            info = map_info(fd.number)
            types = _types_of(info)
            key = type_or_bytes(types, info.btf_key_type_id, info.key_size)
            return map_object(handle, key, type_or_bytes(types, info.btf_value_type_id, info.value_size))
        made = _declared(kind, handle, place)
        made.bind(handle)
        return made
    except BaseException:
        fd.close()
        raise


def _open(place: str) -> Fd:
    try:
        return object_get(place)
    except FileNotFoundError:
        remedy = "`m.pin(path)` or `pinned=True` pins one"
        raise LoadError(f"nothing is pinned at {place}", errno=errno.ENOENT, remedy=remedy) from None
    except PermissionError as error:
        action = f"opening the pinned map {place}"
        raise permission_denied(action, ("CAP_BPF",), number=error.errno or errno.EPERM) from None
    except OSError as error:
        remedy = "give a path in a BPF file system, such as /sys/fs/bpf"
        raise LoadError(f"{place} can't be opened as a map", errno=error.errno or 0, remedy=remedy) from None


def _declared(kind: Any, handle: Map, place: str) -> BpfMap:
    """A map object of the type given, when the pinned map is of that type."""
    if isinstance(kind, type) and issubclass(kind, BpfMap):
        kind = TypedMap(kind, ())
    if not isinstance(kind, TypedMap):
        raise LoadError(f"{kind!r} is no type of maps", remedy="give e.g. `bpf.HashMap[u32, u64]`")
    declaration = kind.describe(handle.max_entries, handle.flags)
    if declaration.type_name != handle.type_name:
        raise LoadError(
            f"the map pinned at {place} is a {handle.type_name}, not a {declaration.type_name}",
            remedy="give the type it was made with",
        )
    for what, given, there in (
        ("keys", declaration.key, handle.key_size),
        ("values", declaration.value, handle.value_size),
    ):
        if given is not None and there and size_of(given) != there:
            message = f"the map pinned at {place} has {what} of {there} bytes, but `{given}` has {size_of(given)}"
            raise LoadError(message, remedy="give the types it was made with")
    return kind.cls.of(declaration)


def _types_of(info: MapInfo) -> BtfTypes | None:
    """The types of the BTF the map was made with; None where there is none that we may read."""
    if not info.btf_id:
        return None
    try:
        with object_by_id(Command.BTF_GET_FD_BY_ID, info.btf_id) as fd:
            found = BtfInfo()
            object_info(fd.number, found)
            data = (ctypes.c_char * found.btf_size)()
            found = BtfInfo(btf=address(data), btf_size=len(data))
            object_info(fd.number, found)
        return BtfTypes(Btf(data.raw))
    except (OSError, BadBtf):
        return None
