"""Maps of a special use: queues, programs, devices, sockets, stacks, other maps."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pybpfc.lang.errors import DeclarationError
from pybpfc.lang.maps import MMAPABLE, BpfMap, MapDeclaration, TypedMap, in_program_only
from pybpfc.lang.types import I32, U32, U64, Array, Field, Struct, Type

if TYPE_CHECKING:
    pass

K = TypeVar("K")
V = TypeVar("V")
M = TypeVar("M", bound=BpfMap)
_MAPPING = "use it as a mapping"


# ---------------------------------------------------------------------------- without a key


class Queue(BpfMap, Generic[V]):
    """BPF_MAP_TYPE_QUEUE (kernel 4.20): first in, first out."""

    type_name = "BPF_MAP_TYPE_QUEUE"
    parameters = 1

    def push(self, value: V, flags: int = 0) -> int:
        """Add an element; in user space raises OSError (E2BIG: full)."""
        self.handle.push(self._codecs()[1].encode(value), flags)
        return 0

    def pop(self) -> V | None:
        """Take the next element; None when there is none."""
        raw = self.handle.pop()
        return None if raw is None else self._codecs()[1].decode(raw)

    def peek(self) -> V | None:
        """The next element, left where it is; None when there is none."""
        raw = self.handle.peek()
        return None if raw is None else self._codecs()[1].decode(raw)


class Stack(Queue[V]):
    """BPF_MAP_TYPE_STACK (kernel 4.20): last in, first out."""

    type_name = "BPF_MAP_TYPE_STACK"


class BloomFilter(BpfMap, Generic[V]):
    """BPF_MAP_TYPE_BLOOM_FILTER (kernel 5.16): values that may be there, or surely are not.

    `hashes` is how many hash functions it uses, 1 to 15.
    """

    type_name = "BPF_MAP_TYPE_BLOOM_FILTER"
    parameters = 1

    def __init__(self, max_entries: int | None = None, *, hashes: int = 5, flags: int = 0, **options: Any) -> None:
        super().__init__(max_entries, flags=flags, map_extra=self._number("hashes", hashes, 1, 15), **options)

    def push(self, value: V, flags: int = 0) -> int:
        """Add a value."""
        self.handle.push(self._codecs()[1].encode(value), flags)
        return 0

    def __contains__(self, value: object) -> bool:
        return self.handle.contains_value(self._codecs()[1].encode(value))


class Arena(BpfMap):
    """BPF_MAP_TYPE_ARENA (kernel 6.9): memory shared by programs and user space, in `pages`."""

    type_name = "BPF_MAP_TYPE_ARENA"
    parameters = 0
    implied_flags = MMAPABLE

    def __init__(self, pages: int, *, flags: int = 0, address: int = 0, pinned: bool | str = False) -> None:
        super().__init__(pages, flags=flags, map_extra=address, pinned=pinned)


# ------------------------------------------------------------- u32 to something with a number


class NumberedMap(BpfMap):
    """A map from indexes to things of the kernel, which user space names by a number: a descriptor, a device, ….

    The kernel lets user space store and delete, but mostly not read.
    """

    parameters = 0
    stored: Type = U32

    def _key_value(self) -> tuple[Type | None, Type | None]:
        return U32, self.stored

    def _number_of(self, value: Any) -> Any:
        """The number that stands for `value` in the map."""
        return descriptor(value)

    def __setitem__(self, index: int, value: Any) -> None:
        self.handle.update(self._codecs()[0].encode(index), self._codecs()[1].encode(self._number_of(value)))

    def __delitem__(self, index: int) -> None:
        if not self.handle.delete(self._codecs()[0].encode(index)):
            raise KeyError(index)


def descriptor(value: Any) -> int:
    """A descriptor, or that of an object that has one: a program, a map, a socket, a file."""
    if isinstance(value, int):
        return int(value)
    for name in ("fd", "fileno"):
        found = getattr(value, name, None)
        number = found() if callable(found) else found
        if isinstance(number, int):
            return number
    raise TypeError(f"{value!r} has no file descriptor")


class Opened:
    """A descriptor for as long as it takes: opened from a path, or the caller's own."""

    def __init__(self, value: Any, opener: Callable[[Any], int] | None = None) -> None:
        self.own = opener is not None or isinstance(value, str | os.PathLike)
        self.value = value
        self.opener = opener or (lambda path: os.open(path, os.O_RDONLY | os.O_CLOEXEC))

    def __enter__(self) -> int:
        self.number = self.opener(self.value) if self.own else descriptor(self.value)
        return self.number

    def __exit__(self, *_: object) -> None:
        if self.own:
            os.close(self.number)


class ProgArray(NumberedMap):
    """BPF_MAP_TYPE_PROG_ARRAY (kernel 4.2): programs to tail-call; user space stores programs by index."""

    type_name = "BPF_MAP_TYPE_PROG_ARRAY"

    def tail_call(self, ctx: object, index: int) -> None:
        """In a program: go on with the program at `index`; comes back only when there is none (33 jumps at most)."""
        raise in_program_only("tail_call", "store programs: `m[index] = obj.programs[name]`")


class CgroupArray(NumberedMap):
    """BPF_MAP_TYPE_CGROUP_ARRAY (kernel 4.8): cgroups, stored by path or descriptor."""

    type_name = "BPF_MAP_TYPE_CGROUP_ARRAY"

    def current_under(self, index: int) -> bool:
        """In a program: whether the current task is in the cgroup at `index`, or below it (kernel 4.9)."""
        raise in_program_only("current_under", "store cgroups: `m[index] = path`")

    def packet_under(self, ctx: object, index: int) -> bool:
        """In a tc program: whether the packet's socket is in the cgroup at `index`, or below it (kernel 4.8)."""
        raise in_program_only("packet_under", "store cgroups: `m[index] = path`")

    def __setitem__(self, index: int, value: Any) -> None:
        with Opened(value) as number:
            super().__setitem__(index, number)


class XskMap(NumberedMap):
    """BPF_MAP_TYPE_XSKMAP (kernel 4.18): AF_XDP sockets by queue."""

    type_name = "BPF_MAP_TYPE_XSKMAP"

    def __contains__(self, index: object) -> bool:
        """In a program: whether a socket is bound to the queue (kernel 5.3)."""
        raise in_program_only("in", "keep the sockets you stored")

    def redirect(self, index: int, flags: int = 0) -> int:
        """In a program: send the packet to the socket; returns the XDP action."""
        raise in_program_only("redirect", _MAPPING)


class SockMap(NumberedMap):
    """BPF_MAP_TYPE_SOCKMAP (kernel 4.14): sockets by index."""

    type_name = "BPF_MAP_TYPE_SOCKMAP"
    stored = U64

    def redirect(self, ctx: object, key: int, flags: int = 0) -> int:
        """In a sk_skb or sk_msg program: send the data to a socket; SK_PASS, or SK_DROP when there is none."""
        raise in_program_only("redirect", "store sockets: `m[index] = socket`")

    def update(self, ctx: object, key: int, flags: int = 0) -> int:
        """In a sockops program: store the socket the program runs for; 0 or a negative errno."""
        raise in_program_only("update", "store sockets: `m[index] = socket`")

    def delete(self, key: int) -> int:
        """Delete an entry: 0, or a negative errno when there is none."""
        return 0 if self.handle.delete(self._codecs()[0].encode(key)) else -errno.ENOENT


class ReuseportSockArray(NumberedMap):
    """BPF_MAP_TYPE_REUSEPORT_SOCKARRAY (kernel 4.19): the sockets of a SO_REUSEPORT group."""

    type_name = "BPF_MAP_TYPE_REUSEPORT_SOCKARRAY"
    stored = U64

    def select(self, ctx: object, index: int, flags: int = 0) -> int:
        """In a reuseport program: take the socket at `index`; 0 or a negative errno. The program returns SK_PASS."""
        raise in_program_only("select", "store sockets: `m[index] = socket`")


class SockHash(BpfMap, Generic[K]):
    """BPF_MAP_TYPE_SOCKHASH (kernel 4.18): sockets by a key of your own."""

    type_name = "BPF_MAP_TYPE_SOCKHASH"
    parameters = 1

    def _key_value(self) -> tuple[Type | None, Type | None]:
        return self._stored(self._types[0]), U64

    def redirect(self, ctx: object, key: K, flags: int = 0) -> int:
        """In a sk_skb or sk_msg program: send the data to a socket; SK_PASS, or SK_DROP when there is none."""
        raise in_program_only("redirect", "store sockets: `m[key] = socket`")

    def update(self, ctx: object, key: K, flags: int = 0) -> int:
        """In a sockops program: store the socket the program runs for; 0 or a negative errno."""
        raise in_program_only("update", "store sockets: `m[key] = socket`")

    def delete(self, key: K) -> int:
        """Delete an entry: 0, or a negative errno when there is none."""
        return 0 if self.handle.delete(self._codecs()[0].encode(key)) else -errno.ENOENT

    def __setitem__(self, key: K, socket: Any) -> None:
        self.handle.update(self._codecs()[0].encode(key), self._codecs()[1].encode(descriptor(socket)))

    def __delitem__(self, key: K) -> None:
        if not self.handle.delete(self._codecs()[0].encode(key)):
            raise KeyError(key)


def _pair(name: str, first: str, second: str) -> Struct:
    made = Struct(name)
    made.set_layout((Field(first, U32, 0), Field(second, I32, 4)), 8, 4)
    return made


_DEVICE = _pair("bpf_devmap_val", "ifindex", "bpf_prog")
_CPU = _pair("bpf_cpumap_val", "qsize", "bpf_prog")

VALUE_PAIRS = {"dev": _DEVICE, "cpu": _CPU}
"""What entries that may run a program hold, by the kind of value."""


class _WithProgram(NumberedMap):
    """Entries that may run a program of their own (`programs=True`): stored as a pair of number and program."""

    pair: Struct

    def __init__(self, max_entries: int | None = None, *, programs: bool = False, **options: Any) -> None:
        super().__init__(max_entries, **options)
        if programs:
            self.stored = self.pair

    def __setitem__(self, index: int, value: Any) -> None:
        number, program = value if isinstance(value, tuple) else (value, -1)
        if self.declaration.value == U32:
            if isinstance(value, tuple):
                raise TypeError("this map holds no programs; declare it with `programs=True`")
            super().__setitem__(index, number)
            return
        entry = (self._number_of(number), descriptor(program))
        self.handle.update(self._codecs()[0].encode(index), self._codecs()[1].encode(entry))

    def __getitem__(self, index: int) -> Any:
        """The number stored at `index`; with programs, a dict of number and program id."""
        raw = self.handle.lookup(self._codecs()[0].encode(index))
        if raw is None:
            raise KeyError(index)
        return self._codecs()[1].decode(raw)

    def __contains__(self, index: object) -> bool:
        """Whether something is stored at `index`; in programs of device maps only (kernel 5.3)."""
        return self.handle.lookup(self._codecs()[0].encode(index)) is not None

    def redirect(self, index: int, flags: int = 0) -> int:
        """In a program: send the packet there; returns the XDP action."""
        raise in_program_only("redirect", _MAPPING)


class DevMap(_WithProgram):
    """BPF_MAP_TYPE_DEVMAP (kernel 4.14): network devices, stored by name or index."""

    type_name = "BPF_MAP_TYPE_DEVMAP"
    pair = _DEVICE

    def _number_of(self, value: Any) -> Any:
        if isinstance(value, str):
            import socket

            return socket.if_nametoindex(value)
        return value


class DevMapHash(DevMap):
    """BPF_MAP_TYPE_DEVMAP_HASH (kernel 5.4): network devices by any number."""

    type_name = "BPF_MAP_TYPE_DEVMAP_HASH"


class CpuMap(_WithProgram):
    """BPF_MAP_TYPE_CPUMAP (kernel 4.15): CPUs that packets can be sent to, stored as the length of their queue."""

    type_name = "BPF_MAP_TYPE_CPUMAP"
    pair = _CPU

    def _number_of(self, value: Any) -> Any:
        return value


# ----------------------------------------------------------------------------------- stacks


class StackTrace(BpfMap):
    """BPF_MAP_TYPE_STACK_TRACE (kernel 4.6): call stacks of up to `depth` addresses, by their ids."""

    type_name = "BPF_MAP_TYPE_STACK_TRACE"
    parameters = 0

    depth = 127

    def __init__(self, max_entries: int | None = None, *, depth: int = 127, flags: int = 0, **options: Any) -> None:
        super().__init__(max_entries, flags=flags, **options)
        self.depth = self._number("depth", depth, 1, 1024)

    def _key_value(self) -> tuple[Type | None, Type | None]:
        return U32, Array(U64, self.depth)

    def get_stackid(self, ctx: object, flags: int = 0) -> int:
        """In a program: store the current call stack; gives its id or a negative errno."""
        raise in_program_only("get_stackid", "read a stack by its id: `m[id]`")

    def __getitem__(self, stack: int) -> list[int]:
        """The addresses of a stack, innermost first; raises KeyError."""
        raw = self.handle.lookup(self._codecs()[0].encode(stack))
        if raw is None:
            raise KeyError(stack)
        addresses: list[int] = self._codecs()[1].decode(raw)
        return addresses[: addresses.index(0)] if 0 in addresses else addresses

    def __delitem__(self, stack: int) -> None:
        if not self.handle.delete(self._codecs()[0].encode(stack)):
            raise KeyError(stack)

    def keys(self) -> Iterator[int]:
        """The ids of all stacks."""
        return map(self._codecs()[0].decode, self.handle.keys())

    def __iter__(self) -> Iterator[int]:
        return self.keys()


# ------------------------------------------------------------------------------ maps of maps


class _Outer(BpfMap):
    """A map whose values are maps like `inner`."""

    def __init__(self, max_entries: int | None = None, *, inner: BpfMap, **options: Any) -> None:
        super().__init__(max_entries, **options)
        if not isinstance(inner, BpfMap) or isinstance(inner, _Outer):
            raise DeclarationError(f"`inner` of `{self._written}` is a map that holds no maps, not {inner!r}")
        self.inner = inner

    def _inner(self) -> MapDeclaration:
        return self.inner.declaration

    def _check_inner(self, annotation: Any) -> Type:
        """The type parameter says what checkers see of the inner map; it must be what `inner` is."""
        cls = annotation.cls if isinstance(annotation, TypedMap) else annotation
        inner = getattr(self, "inner", None)  # a map that was made elsewhere has none to compare with
        if inner is not None and (not isinstance(cls, type) or not isinstance(inner, cls)):
            raise DeclarationError(
                f"`{self._written}` has inner maps of type `{annotation!r}`, but `inner` is {inner!r}",
                "write the type of `inner`",
            )
        return U32

    def __contains__(self, key: object) -> bool:
        return self.handle.lookup(self._codecs()[0].encode(key)) is not None

    def _store(self, key: Any, value: Any) -> None:
        self.handle.update(self._codecs()[0].encode(key), self._codecs()[1].encode(descriptor(value)))

    def _remove(self, key: Any) -> None:
        if not self.handle.delete(self._codecs()[0].encode(key)):
            raise KeyError(key)


class ArrayOfMaps(_Outer, Generic[M]):
    """BPF_MAP_TYPE_ARRAY_OF_MAPS (kernel 4.12): `bpf.ArrayOfMaps[bpf.HashMap[u32, u64]](inner=…, max_entries=8)`."""

    type_name = "BPF_MAP_TYPE_ARRAY_OF_MAPS"
    parameters = 1

    def _key_value(self) -> tuple[Type | None, Type | None]:
        return U32, self._check_inner(self._types[0])

    def lookup(self, key: int) -> M | None:
        """In a program: the map at an index, or None."""
        raise in_program_only("lookup", "keep the maps you stored")

    def __setitem__(self, key: int, value: M | int) -> None:
        self._store(key, value)

    def __delitem__(self, key: int) -> None:
        self._remove(key)


class HashOfMaps(_Outer, Generic[K, M]):
    """BPF_MAP_TYPE_HASH_OF_MAPS (kernel 4.12)."""

    type_name = "BPF_MAP_TYPE_HASH_OF_MAPS"

    def _key_value(self) -> tuple[Type | None, Type | None]:
        return self._stored(self._types[0]), self._check_inner(self._types[1])

    def lookup(self, key: K) -> M | None:
        """In a program: the map under a key, or None."""
        raise in_program_only("lookup", "keep the maps you stored")

    def __setitem__(self, key: K, value: M | int) -> None:
        self._store(key, value)

    def __delitem__(self, key: K) -> None:
        self._remove(key)
