"""Creating an object's maps in the kernel: types, inner maps, contents, pins."""

from __future__ import annotations

import errno
import mmap
import os
import struct
from collections.abc import Callable
from contextlib import ExitStack

from pybpfc.abi.map_types import MAP_TYPES
from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.spec import MapSpec
from pybpfc.records import replace
from pybpfc.runtime.attributes import MapCreate
from pybpfc.runtime.cpus import possible_cpus
from pybpfc.runtime.maps import TYPE_NAMES, Map, map_info
from pybpfc.runtime.permissions import exhausted, permission_denied, with_memory_limit_raised
from pybpfc.runtime.syscall import BPF_F_MMAPABLE, ENOTSUPP, Command, Fd, bpf, object_get, object_name

BPF_F_NUMA_NODE, BPF_F_RDONLY_PROG = 1 << 2, 1 << 7
PIN_BY_NAME = 1


def settle(spec: MapSpec) -> MapSpec:
    """The specification with what only this machine knows: CPUs, page size, flags of data sections."""
    name = TYPE_NAMES.get(spec.type, "")
    if spec.is_data:
        flags = spec.flags | BPF_F_MMAPABLE | (BPF_F_RDONLY_PROG if spec.read_only else 0)
        return replace(spec, flags=flags)
    if name == "BPF_MAP_TYPE_PERF_EVENT_ARRAY" and spec.max_entries == 0:
        return replace(spec, max_entries=possible_cpus())
    if name in ("BPF_MAP_TYPE_RINGBUF", "BPF_MAP_TYPE_USER_RINGBUF"):
        size = max(spec.max_entries, mmap.PAGESIZE)
        # a value type names what the events are; the kernel wants to hear of no sizes
        return replace(spec, max_entries=1 << (size - 1).bit_length(), key_size=0, value_size=0)
    return spec


def create_map(spec: MapSpec, btf_fd: int, pin_path: str | None = None) -> Map:
    """Create a map, or take the one that is pinned under its name; raises LoadError."""
    spec = settle(spec)
    if pin_path is not None:
        pinned = _reuse(spec, pin_path)
        if pinned is not None:
            return pinned
    with ExitStack() as stack:
        inner = 0
        if spec.inner is not None:
            inner = stack.enter_context(create_map(spec.inner, btf_fd)).fd
        made = _handle(spec, _create(spec, btf_fd, inner))
    if pin_path is not None:
        try:
            made.pin(pin_path)
        except OSError as error:
            made.close()
            from pybpfc.runtime.links.base import pin_error

            raise pin_error(error, f"map `{spec.name}`", pin_path) from None
        made.pinned.clear()  # a pin that the declaration asks for stays when the object is closed
    return made


def _handle(spec: MapSpec, fd: Fd) -> Map:
    type_name = TYPE_NAMES.get(spec.type, f"map type {spec.type}")
    return Map(fd, spec.name, type_name, spec.key_size, spec.value_size, spec.max_entries, spec.flags)


def _create(spec: MapSpec, btf_fd: int, inner: int) -> Fd:
    """BPF_MAP_CREATE; without types where this kind has none, or the kernel won't have them."""
    request = MapCreate(
        map_type=spec.type,
        key_size=spec.key_size,
        value_size=spec.value_size,
        max_entries=spec.max_entries,
        map_flags=spec.flags,
        inner_map_fd=inner,
        map_name=object_name(spec.name),
        map_extra=spec.map_extra,
    )
    if spec.numa_node is not None:
        request.map_flags |= BPF_F_NUMA_NODE
        request.numa_node = spec.numa_node
    kind = MAP_TYPES.get(TYPE_NAMES.get(spec.type, ""))
    if btf_fd and spec.value_type_id and kind is not None and (kind.btf or spec.is_data):
        request.btf_fd, request.btf_key_type_id = btf_fd, spec.key_type_id
        request.btf_value_type_id = spec.value_type_id
    try:
        return _attempt(request)
    except OSError as error:
        failure = error
    if request.btf_fd and failure.errno in (errno.EINVAL, errno.EOPNOTSUPP, ENOTSUPP):
        request.btf_fd = request.btf_key_type_id = request.btf_value_type_id = 0
        try:
            return _attempt(request)
        except OSError as error:
            failure = error
    raise _creation_error(spec, failure)


def _attempt(request: MapCreate) -> Fd:
    return with_memory_limit_raised(lambda: Fd(bpf(Command.MAP_CREATE, request)))


def _creation_error(spec: MapSpec, error: OSError) -> LoadError:
    """Why a map could not be created, as far as its description tells."""
    number = error.errno or errno.EINVAL
    if number in (errno.EPERM, errno.EACCES):
        return permission_denied(f"creating map `{spec.name}`", ("CAP_BPF",), number=number)
    reason, remedy = _reason(spec, number)
    return LoadError(f"map `{spec.name}` could not be created: {reason}", errno=number, remedy=remedy)


def _reason(spec: MapSpec, number: int) -> tuple[str, str]:
    name = TYPE_NAMES.get(spec.type, "")
    short = name.removeprefix("BPF_MAP_TYPE_")
    size = spec.max_entries * (spec.key_size + spec.value_size)
    if number != errno.ENOMEM and (lacking := exhausted(number)):
        return lacking
    match number:
        case errno.ENOMEM | errno.E2BIG:
            return (
                f"{spec.max_entries} entries of {spec.key_size} + {spec.value_size} bytes ({size >> 20} MiB) "
                "are too much for the kernel",
                "use fewer entries, or for hash maps the flag BPF_F_NO_PREALLOC",
            )
        case errno.EBUSY:
            return "the kernel can't make another one now", "try again"
    if not name:
        return f"map type {spec.type} is unknown", "a newer kernel and a newer pybpfc may know it"
    if number == errno.EINVAL:
        from pybpfc.runtime.features import have_map_type

        answer = have_map_type(name)
        if not answer:
            return f"this kernel has no maps of type {name}", f"it takes kernel {answer.since}"
        if spec.max_entries == 0 and "STORAGE" not in short:
            return "max_entries is 0", "say how many entries it holds"
        if spec.key_size == 0 and MAP_TYPES[name].key != "none":
            return "keys have no bytes", "give the key's type"
        if short == "LPM_TRIE":
            return (
                "an LPM trie takes the flag BPF_F_NO_PREALLOC, and keys of 4 bytes prefix length and 1 to 256 of data",
                "see the key's type",
            )
        if spec.value_size > 4 << 20:
            return f"a value of {spec.value_size} bytes is too large", "use more entries of smaller values"
    return (
        f"the kernel does not take these sizes or flags for {name} (key {spec.key_size}, value {spec.value_size}, "
        f"entries {spec.max_entries}, flags {spec.flags:#x})",
        "compare them with what the type takes",
    )


# ------------------------------------------------------------------------------------- pins


def _reuse(spec: MapSpec, path: str) -> Map | None:
    """The map pinned at `path`, None when there is none; raises LoadError when it does not fit."""
    try:
        fd = object_get(path)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return None
    except PermissionError as error:
        action = f"opening the pinned map {path}"
        raise permission_denied(action, ("CAP_BPF",), number=error.errno or errno.EPERM) from None
    except OSError as error:
        raise LoadError(
            f"map `{spec.name}` can't be pinned at {path}",
            errno=error.errno or 0,
            remedy="mount a BPF file system there: `mount -t bpf bpf /sys/fs/bpf`",
        ) from None
    wrong = differences(spec, fd)
    if wrong:
        fd.close()
        raise LoadError(
            f"the map pinned at {path} does not fit `{spec.name}`: {'; '.join(wrong)}",
            remedy=f"change the declaration, or remove {path}",
        )
    return Map.from_fd(fd, spec.name)


def differences(spec: MapSpec, fd: Fd) -> list[str]:
    """Everything in which an existing map differs from its specification, in words."""
    info = map_info(fd.number)
    wanted = (
        ("type", TYPE_NAMES.get(spec.type, str(spec.type)), info.type_name),
        ("key size", spec.key_size, info.key_size),
        ("value size", spec.value_size, info.value_size),
        ("max_entries", spec.max_entries, info.max_entries),
        ("flags", spec.flags, info.flags & ~(BPF_F_RDONLY_PROG if "DEVMAP" in info.type_name else 0)),
        ("map_extra", spec.map_extra, info.map_extra),
    )
    return [f"{what} is {there}, not {here}" for what, here, there in wanted if here != there]


# ----------------------------------------------------------------------------------- contents


def fill_data(spec: MapSpec, handle: Map) -> None:
    """Give a data section its initial contents; constants are frozen (kernel 5.2)."""
    contents = spec.initial or b""
    try:
        if any(contents):
            handle.update(b"\0\0\0\0", contents.ljust(spec.value_size, b"\0"))
        if spec.read_only:
            handle.freeze()
    except OSError as error:
        raise LoadError(f"the contents of `{spec.name}` can't be set", errno=error.errno or 0) from None


def fill_slots(spec: MapSpec, handle: Map, fd_of: Callable[[str], int | None]) -> None:
    """Put the maps or programs that the object names into the map's slots."""
    for index, name in spec.values.items():
        fd = fd_of(name)
        if fd is None:
            raise LoadError(f"slot {index} of map `{spec.name}` names `{name}`, which the object does not have")
        try:
            handle.update(struct.pack("=I", index), struct.pack("=I", fd))
        except OSError as error:
            raise LoadError(
                f"`{name}` does not fit slot {index} of map `{spec.name}`",
                errno=error.errno or 0,
                remedy="maps must be as the inner map's declaration says; programs of one array must be of one type",
            ) from None
