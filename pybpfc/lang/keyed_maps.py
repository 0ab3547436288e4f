"""Keyed maps: mappings in user space, `lookup`, `get`, `[...] =`, `+=`, `del`, `in` in programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from pybpfc.lang.maps import BpfMap, in_program_only
from pybpfc.lang.types import size_of

if TYPE_CHECKING:
    from pybpfc.lang.pointers import Ptr

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")

class KeyedMap(BpfMap, Generic[K, V]):
    """A map from keys to values."""

    # ------------------------------------------------------------------- in programs

    if TYPE_CHECKING:

        @overload
        def lookup(self: KeyedMap[K, int], key: K) -> Ptr[int] | None: ...
        @overload
        def lookup(self, key: K) -> V | None: ...
        def lookup(self, key: K) -> Any: ...

    else:

        def lookup(self, key):
            """In a program: a reference to the value, or None."""
            raise in_program_only("lookup")

    # --------------------------------------------------------------------- user space

    def __getitem__(self, key: K) -> V:
        """The value under `key`; raises KeyError."""
        keys, _ = self._codecs()
        raw = self.handle.lookup(keys.encode(key))
        if raw is None:
            raise KeyError(key)
        value: V = self._decode_value(raw)
        return value

    def __setitem__(self, key: K, value: V) -> None:
        self.put(key, value)

    def put(self, key: K, value: V, flags: int = 0) -> None:
        """Store a value with update flags (BPF_ANY, BPF_NOEXIST, BPF_EXIST); raises OSError."""
        keys, _ = self._codecs()
        self.handle.update(keys.encode(key), self._encode_value(value), flags)

    def __delitem__(self, key: K) -> None:
        keys, _ = self._codecs()
        if not self.handle.delete(keys.encode(key)):
            raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        keys, _ = self._codecs()
        return self.handle.lookup(keys.encode(key)) is not None

    def __iter__(self) -> Iterator[K]:
        return self.keys()

    def __len__(self) -> int:
        return sum(1 for _ in self.handle.keys())

    def keys(self) -> Iterator[K]:
        """All keys, as far as they stay while being read."""
        keys, _ = self._codecs()
        for raw in self.handle.keys():
            yield keys.decode(raw)

    def items(self, batch: int | None = None) -> Iterator[tuple[K, V]]:
        """All entries; `batch` is the number of entries asked of the kernel at once."""
        decode = self._codecs()[0].decode
        for raw_key, raw_value in self.handle.items(batch):
            yield decode(raw_key), self._decode_value(raw_value)

    def values(self) -> Iterator[V]:
        """All values."""
        for _, value in self.items():
            yield value

    if TYPE_CHECKING:

        @overload
        def get(self, key: K) -> V | None: ...
        @overload
        def get(self, key: K, default: V) -> V: ...
        def get(self, key: K, default: Any = None) -> Any: ...

    else:

        def get(self, key, default=None):
            """The value under `key`, or `default`."""
            try:
                return self[key]
            except KeyError:
                return default

    def pop(self, key: K, *default: D) -> V | D:
        """Take the value under `key` out of the map; raises KeyError without a default."""
        try:
            value = self[key]
            del self[key]
        except KeyError:
            if default:
                return default[0]
            raise
        return value

    if TYPE_CHECKING:

        @overload
        def update(self, key: Mapping[K, V] | Iterable[tuple[K, V]], /) -> None: ...
        @overload
        def update(self, key: K, value: V, flags: int = 0) -> int: ...
        def update(self, key: Any, value: Any = None, flags: int = 0) -> Any: ...

    else:

        def update(self, entries):
            """Store all entries of a mapping or of an iterable of pairs."""
            for key, value in entries.items() if hasattr(entries, "items") else entries:
                self[key] = value

    def delete(self, key: K) -> int:
        """Delete an entry: 0, or -ENOENT."""
        keys, _ = self._codecs()
        return 0 if self.handle.delete(keys.encode(key)) else -2

    def clear(self) -> None:
        """Delete all entries."""
        for raw in list(self.handle.keys()):
            self.handle.delete(raw)

    def to_dict(self) -> dict[K, V]:
        """A copy as a dict."""
        return dict(self.items())

    def _decode_value(self, raw: bytes) -> Any:
        return self._codecs()[1].decode(raw)

    def _encode_value(self, value: Any) -> bytes:
        return self._codecs()[1].encode(value)


class PerCpuValues(list[V]):
    """One value for each possible CPU."""

    def sum(self) -> Any:
        """The sum over all CPUs."""
        return sum(self)  # type: ignore[arg-type]


class PerCpuMap(KeyedMap[K, V]):
    """A keyed map with a value of its own on each CPU."""

    if not TYPE_CHECKING:

        def _decode_value(self, raw: bytes) -> Any:
            codec = self._codecs()[1]
            stride = -(-codec.size // 8) * 8
            return PerCpuValues(codec.decode_many(raw, len(raw) // stride, stride))

        def _encode_value(self, value: Any) -> bytes:
            codec = self._codecs()[1]
            cpus = self.handle.possible_cpus
            values = value if isinstance(value, list) else [value] * cpus
            if len(values) != cpus:
                raise ValueError(f"a per-CPU value is one value, or a list of {cpus}: one for each possible CPU")
            stride = -(-codec.size // 8) * 8
            return b"".join(codec.encode(v).ljust(stride, b"\0") for v in values)


class HashMap(KeyedMap[K, V]):
    """BPF_MAP_TYPE_HASH (kernel 3.19)."""

    type_name = "BPF_MAP_TYPE_HASH"


class LruHashMap(KeyedMap[K, V]):
    """BPF_MAP_TYPE_LRU_HASH (kernel 4.10): evicts the least recently used entries when full."""

    type_name = "BPF_MAP_TYPE_LRU_HASH"


class LpmTrie(KeyedMap[K, V]):
    """BPF_MAP_TYPE_LPM_TRIE (kernel 4.11): finds the longest matching prefix."""

    type_name = "BPF_MAP_TYPE_LPM_TRIE"

    def __init__(self, max_entries: int | None = None, *, flags: int = 1, **options: Any) -> None:
        super().__init__(max_entries, flags=flags | 1, **options)  # BPF_F_NO_PREALLOC is mandatory


class PerCpuHashMap(PerCpuMap[K, V]):
    """BPF_MAP_TYPE_PERCPU_HASH (kernel 4.6)."""

    type_name = "BPF_MAP_TYPE_PERCPU_HASH"


class LruPerCpuHashMap(PerCpuMap[K, V]):
    """BPF_MAP_TYPE_LRU_PERCPU_HASH (kernel 4.10)."""

    type_name = "BPF_MAP_TYPE_LRU_PERCPU_HASH"


class Array(KeyedMap[int, V]):
    """BPF_MAP_TYPE_ARRAY (kernel 3.19): indexed from 0, all elements exist from the start."""

    type_name = "BPF_MAP_TYPE_ARRAY"
    parameters = 1

    def __len__(self) -> int:
        return self.declaration.max_entries

    def clear(self) -> None:
        """Zero all elements."""
        zero = bytes(size_of(self.declaration.value)) if self.declaration.value is not None else b""
        for index in range(len(self)):
            self.handle.update(self._codecs()[0].encode(index), zero)


class PerCpuArray(PerCpuMap[int, V]):
    """BPF_MAP_TYPE_PERCPU_ARRAY (kernel 4.6)."""

    type_name = "BPF_MAP_TYPE_PERCPU_ARRAY"
    parameters = 1

    def __len__(self) -> int:
        return self.declaration.max_entries
