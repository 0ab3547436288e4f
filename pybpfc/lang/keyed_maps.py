"""Keyed maps: mappings in user space; `lookup`, `get`, `[...] =`, `+=`, `del`, `in` in programs."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from pybpfc.lang.errors import DeclarationError
from pybpfc.lang.maps import NO_PREALLOC, BpfMap, in_program_only
from pybpfc.lang.types import U32, Struct, Type, size_of

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
    from typing import Self, SupportsIndex, TypeAlias

    from pybpfc.lang.pointers import Ptr

    _Network: TypeAlias = str | IPv4Network | IPv6Network | IPv4Address | IPv6Address

K = TypeVar("K")
V = TypeVar("V")
U = TypeVar("U")
D = TypeVar("D")


class KeyedMap(BpfMap, Generic[K, V, U]):
    """A map from keys `K` to values `V`; reading in user space gives `U`."""

    # ------------------------------------------------------------------- in programs

    if TYPE_CHECKING:

        @overload
        def lookup(self: KeyedMap[K, bool, Any], key: K) -> Ptr[bool] | None: ...
        @overload
        def lookup(self: KeyedMap[K, int, Any], key: K) -> Ptr[int] | None: ...
        @overload
        def lookup(self, key: K) -> V | None: ...
        def lookup(self, key: K) -> Any:
            """In a program: a reference to the value, or None."""

    else:

        def lookup(self, key):
            """In a program: a reference to the value, or None."""
            raise in_program_only("lookup", "use `m[key]` or `m.get(key)`")

    # --------------------------------------------------------------------- user space

    def __getitem__(self, key: K) -> U:
        """The value under `key`; raises KeyError."""
        raw = self.handle.lookup(self._codecs()[0].encode(key))
        if raw is None:
            raise KeyError(key)
        value: U = self._decode_value(raw)
        return value

    def __setitem__(self, key: K, value: V | U) -> None:
        self.put(key, value)

    def put(self, key: K, value: V | U, flags: int = 0) -> None:
        """Store a value with update flags (BPF_ANY, BPF_NOEXIST, BPF_EXIST); raises OSError."""
        self.handle.update(self._codecs()[0].encode(key), self._encode_value(value), flags)

    def __delitem__(self, key: K) -> None:
        if not self.handle.delete(self._codecs()[0].encode(key)):
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return self.handle.lookup(self._codecs()[0].encode(key)) is not None

    def __iter__(self) -> Iterator[K]:
        return self.keys()

    def __len__(self) -> int:
        return len(list(self.handle.keys()))

    def __bool__(self) -> bool:
        """True, as of every object: counting a map's entries takes a walk through it."""
        return True

    def keys(self) -> Iterator[K]:
        """All keys, as far as they stay while being read."""
        decode = self._codecs()[0].decode
        return map(decode, self.handle.keys())

    def items(self, batch: int | None = None) -> Iterator[tuple[K, U]]:
        """All entries; `batch` is the number of entries asked of the kernel at once."""
        decode, decode_value = self._codecs()[0].decode, self._decode_value
        return ((decode(raw_key), decode_value(raw_value)) for raw_key, raw_value in self.handle.items(batch))

    def values(self) -> Iterator[U]:
        """All values."""
        return (value for _, value in self.items())

    if TYPE_CHECKING:

        @overload
        def get(self, key: K) -> U | None: ...
        @overload
        def get(self, key: K, default: V) -> V: ...
        @overload
        def get(self, key: K, default: D) -> U | D: ...
        def get(self, key: K, default: Any = None) -> Any:
            """The value under `key`, or `default`."""

    else:

        def get(self, key, default=None):
            """The value under `key`, or `default`."""
            raw = self.handle.lookup(self._codecs()[0].encode(key))
            return default if raw is None else self._decode_value(raw)

    if TYPE_CHECKING:

        @overload
        def pop(self, key: K) -> U: ...
        @overload
        def pop(self, key: K, default: D) -> U | D: ...
        def pop(self, key: K, default: Any = None) -> Any:
            """Take the value under `key` out of the map; KeyError without a default."""

    else:

        def pop(self, key, *default):
            """Take the value under `key` out, in one step where the kernel can; KeyError without a default."""
            raw = self._take(self._codecs()[0].encode(key))
            if raw is not None:
                return self._decode_value(raw)
            if default:
                return default[0]
            raise KeyError(key)

    def _take(self, key: bytes) -> bytes | None:
        try:
            return self.handle.take(key)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, 524):  # this map or kernel cannot: read, then delete
                raise
        raw = self.handle.lookup(key)
        return raw if raw is not None and self.handle.delete(key) else None

    if TYPE_CHECKING:

        @overload
        def update(self, key: K, value: V | U, flags: int = 0) -> int: ...
        @overload
        def update(self, key: Mapping[K, Any] | Iterable[tuple[K, Any]]) -> int: ...
        def update(self, key: Any, value: Any = None, flags: int = 0) -> Any:
            """Store all entries of a mapping or of pairs; or, as in programs, one."""

    else:

        def update(self, *args, **kwargs):
            """Store all entries of a mapping or of pairs; or, as in programs, one: `update(key, value, flags)`."""
            if len(args) == 1 and not kwargs:
                entries = args[0].items() if hasattr(args[0], "items") else args[0]
                encode = self._codecs()[0].encode
                self.handle.update_many((encode(key), self._encode_value(value)) for key, value in entries)
            else:
                self.put(*args, **kwargs)
            return 0

    def delete(self, key: K) -> int:
        """Delete an entry: 0, or -ENOENT when there is none."""
        return 0 if self.handle.delete(self._codecs()[0].encode(key)) else -errno.ENOENT

    def clear(self) -> None:
        """Delete all entries."""
        self.handle.delete_many(list(self.handle.keys()))

    def to_dict(self) -> dict[K, U]:
        """A copy as a dict."""
        return dict(self.items())

    def print_hist(self, *, kind: str = "log2", title: str = "", width: int = 40) -> None:
        """Print the counts as a histogram by slot: `kind` "log2" or "linear"; per-CPU counts are summed."""
        from pybpfc.lang.printing import histogram

        counts: dict[Any, int] = {}
        for key, value in self.items():
            slot: Any = key
            counts[slot] = value.sum() if isinstance(value, PerCpuValues) else value  # type: ignore[assignment]
        print(histogram(counts, kind=kind, title=title, width=width))

    def _decode_value(self, raw: bytes) -> Any:
        return self._codecs()[1].decode(raw)

    def _encode_value(self, value: Any) -> bytes:
        return self._codecs()[1].encode(value)


class PerCpuValues(list[V]):
    """One value for each possible CPU."""

    def sum(self) -> V:
        """The sum over all CPUs; of structs, field by field."""
        total: V = _sum(list(self))
        return total

    if TYPE_CHECKING:
        # `m[k] += n` in a program adds to the value of the CPU it runs on.

        def __iadd__(self, other: int) -> Self: ...  # type: ignore[override, misc]
        def __isub__(self, other: int) -> Self: ...
        def __iand__(self, other: int) -> Self: ...
        def __ior__(self, other: int) -> Self: ...
        def __ixor__(self, other: int) -> Self: ...
        def __imul__(self, other: SupportsIndex) -> Self: ...

    else:

        def __iadd__(self, other):
            """Refuse numbers: user space runs on no CPU of the program's."""
            if isinstance(other, int):
                raise TypeError("which CPU's value? give a list of all, or change one: `values[cpu] += n`")
            return super().__iadd__(other)


def _sum(values: list[Any]) -> Any:
    first = values[0]
    if isinstance(getattr(type(first), "__bpf_type__", None), Struct):
        fields = type(first).__bpf_type__.fields
        return type(first)(**{f.name: _sum([getattr(v, f.name) for v in values]) for f in fields})
    if isinstance(first, list):
        return [_sum(list(column)) for column in zip(*values, strict=True)]
    return first if isinstance(first, str | bytes) else sum(values)


class SharedMap(KeyedMap[K, V, V]):
    """A keyed map with one value for all CPUs."""


class PerCpuMap(KeyedMap[K, V, PerCpuValues[V]]):
    """A keyed map with a value of its own on each CPU; one value stored from user space goes to all of them."""

    if TYPE_CHECKING:

        def __setitem__(self, key: K, value: V | list[V]) -> None: ...

        @overload
        def lookup_percpu(self: PerCpuMap[K, bool], key: K, cpu: int) -> Ptr[bool] | None: ...
        @overload
        def lookup_percpu(self: PerCpuMap[K, int], key: K, cpu: int) -> Ptr[int] | None: ...
        @overload
        def lookup_percpu(self, key: K, cpu: int) -> V | None: ...
        def lookup_percpu(self, key: K, cpu: int) -> Any:
            """In a program: a reference to the value of another CPU, or None (kernel 5.19)."""

    else:

        def lookup_percpu(self, key, cpu):
            """In a program: a reference to the value of another CPU, or None (kernel 5.19)."""
            raise in_program_only("lookup_percpu", "use `m[key][cpu]`")

    def _decode_value(self, raw: bytes) -> Any:
        codec = self._codecs()[1]
        stride = -(-codec.size // 8) * 8
        return PerCpuValues(codec.decode_many(raw, len(raw) // stride, stride))

    def _encode_value(self, value: Any) -> bytes:
        codec = self._codecs()[1]
        cpus = self.handle.possible_cpus
        stride = -(-codec.size // 8) * 8
        if isinstance(value, PerCpuValues) or (isinstance(value, list) and not self._is_list):
            if len(value) != cpus:
                raise ValueError(f"a per-CPU value is one value, or a list of {cpus}: one for each possible CPU")
            return b"".join(codec.encode(v).ljust(stride, b"\0") for v in value)
        return codec.encode(value).ljust(stride, b"\0") * cpus

    @property
    def _is_list(self) -> bool:
        from pybpfc.lang.types import Array as ArrayType

        return isinstance(self.declaration.value, ArrayType)


class HashMap(SharedMap[K, V]):
    """BPF_MAP_TYPE_HASH (kernel 3.19)."""

    type_name = "BPF_MAP_TYPE_HASH"


class LruHashMap(SharedMap[K, V]):
    """BPF_MAP_TYPE_LRU_HASH (kernel 4.10): evicts the least recently used entries when full."""

    type_name = "BPF_MAP_TYPE_LRU_HASH"


class PerCpuHashMap(PerCpuMap[K, V]):
    """BPF_MAP_TYPE_PERCPU_HASH (kernel 4.6)."""

    type_name = "BPF_MAP_TYPE_PERCPU_HASH"


class LruPerCpuHashMap(PerCpuMap[K, V]):
    """BPF_MAP_TYPE_LRU_PERCPU_HASH (kernel 4.10)."""

    type_name = "BPF_MAP_TYPE_LRU_PERCPU_HASH"


class LpmTrie(SharedMap[K, V]):
    """BPF_MAP_TYPE_LPM_TRIE (kernel 4.11): finds the longest matching prefix.

    The key is a struct that starts with `prefixlen: u32`, such as `net.ip4_lpm`; in user space a network or an
    address, as text too, will do where the key's class takes it.
    """

    type_name = "BPF_MAP_TYPE_LPM_TRIE"
    implied_flags = NO_PREALLOC

    def _key_value(self) -> tuple[Type | None, Type | None]:
        key, value = super()._key_value()
        first = key.fields[0] if isinstance(key, Struct) and key.fields else None
        if first is None or first.type != U32 or size_of(key or U32) not in range(5, 261):
            raise DeclarationError(
                f"the key of an LpmTrie is a struct of `prefixlen: u32` and up to 256 bytes of data, not `{key}`",
                "use `net.ip4_lpm` or `net.ip6_lpm`",
            )
        return key, value

    if TYPE_CHECKING:

        def __getitem__(self, key: K | _Network) -> V: ...
        def __setitem__(self, key: K | _Network, value: V) -> None: ...
        def __delitem__(self, key: K | _Network) -> None: ...


class Array(SharedMap[int, V]):
    """BPF_MAP_TYPE_ARRAY (kernel 3.19): indexed from 0, all elements exist from the start."""

    type_name = "BPF_MAP_TYPE_ARRAY"
    parameters = 1

    def __len__(self) -> int:
        return self.declaration.max_entries

    def __contains__(self, key: object) -> bool:
        return isinstance(key, int) and 0 <= key < len(self)

    def __delitem__(self, key: int) -> None:
        raise TypeError("the elements of an array cannot be deleted; store zero")

    def delete(self, key: int) -> int:
        """Refuse: an array's elements always exist."""
        raise TypeError("the elements of an array cannot be deleted; store zero")

    def clear(self) -> None:
        """Zero all elements."""
        _zero(self)


class PerCpuArray(PerCpuMap[int, V]):
    """BPF_MAP_TYPE_PERCPU_ARRAY (kernel 4.6): an array of its own on each CPU."""

    type_name = "BPF_MAP_TYPE_PERCPU_ARRAY"
    parameters = 1

    def __len__(self) -> int:
        return self.declaration.max_entries

    def __contains__(self, key: object) -> bool:
        return isinstance(key, int) and 0 <= key < len(self)

    def __delitem__(self, key: int) -> None:
        raise TypeError("the elements of an array cannot be deleted; store zero")

    def delete(self, key: int) -> int:
        """Refuse: an array's elements always exist."""
        raise TypeError("the elements of an array cannot be deleted; store zero")

    def clear(self) -> None:
        """Zero all elements on all CPUs."""
        _zero(self)


def _zero(array: Array[Any] | PerCpuArray[Any]) -> None:
    size = array._codecs()[1].size
    zero = bytes(-(-size // 8) * 8 * array.handle.possible_cpus if isinstance(array, PerCpuMap) else size)
    encode = array._codecs()[0].encode
    array.handle.update_many((encode(index), zero) for index in range(len(array)))
