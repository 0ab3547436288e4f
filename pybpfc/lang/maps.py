"""Maps: declared once, used in programs and in user space.

In a program the compiler gives the methods their meaning. In user space the same object works on the
map that the last `load()` of its module created, through a handle that the runtime or the VM binds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pybpfc.lang.annotations import resolve
from pybpfc.lang.errors import DeclarationError, NotLoadedError
from pybpfc.lang.types import Type

if TYPE_CHECKING:
    from pybpfc.lang.codec import Codec

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MapDeclaration:
    """What a map is created from. Sizes follow from the types; `None` types mean the kind decides."""

    type_name: str
    key: Type | None = None
    value: Type | None = None
    max_entries: int = 0
    flags: int = 0
    pinned: bool | str = False
    numa_node: int | None = None
    map_extra: int = 0


class MapHandle(Protocol):
    """A created map, in raw bytes: what the runtime and the VM provide."""

    name: str
    possible_cpus: int

    def lookup(self, key: bytes) -> bytes | None:
        """The value under a key; per-CPU maps give all CPUs' values, each padded to 8 bytes."""
        ...

    def update(self, key: bytes, value: bytes, flags: int = 0) -> None:
        """Store a value; raises OSError."""
        ...

    def delete(self, key: bytes) -> bool:
        """Delete an entry; False when there is none."""
        ...

    def keys(self) -> Iterator[bytes]:
        """All keys; survives concurrent deletion."""
        ...

    def items(self, batch: int | None = None) -> Iterator[tuple[bytes, bytes]]:
        """All entries, by batch operations where the kernel has them."""
        ...

    def pop(self) -> bytes | None:
        """Take the next element of a queue or stack."""
        ...

    def push(self, value: bytes, flags: int = 0) -> None:
        """Add an element to a queue, stack or bloom filter."""
        ...

    def pin(self, path: str) -> None:
        """Pin the map in a BPF file system."""
        ...

    def reader(self, codec: Codec) -> Any:
        """A reader of a ring or perf buffer, whose events `codec` decodes; one of no size leaves them bytes."""
        ...


class BpfMap:
    """The base of all maps: the declaration, and the handle once loaded."""

    type_name = ""
    parameters = 2
    default_entries: int | None = None

    if not TYPE_CHECKING:

        def __class_getitem__(cls, item: Any) -> Any:
            """Give the key's and the value's type."""
            items = item if isinstance(item, tuple) else (item,)
            if any(isinstance(i, TypeVar) for i in items):
                return super().__class_getitem__(item)  # `class HashMap(KeyedMap[K, V])`
            if len(items) != cls.parameters:
                shown = "[K, V]" if cls.parameters == 2 else "[V]" if cls.parameters == 1 else ""
                raise DeclarationError(f"`bpf.{cls.__name__}` is written `bpf.{cls.__name__}{shown}(…)`")
            return _Typed(cls, items)

    def __init__(
        self,
        max_entries: int | None = None,
        *,
        flags: int = 0,
        pinned: bool | str = False,
        numa_node: int | None = None,
        map_extra: int = 0,
    ) -> None:
        entries = self.default_entries if max_entries is None else max_entries
        if entries is None:
            raise DeclarationError(f"`bpf.{type(self).__name__}` needs `max_entries=`", "say how many entries it holds")
        if not isinstance(entries, int) or not 0 <= entries < 1 << 32:
            raise DeclarationError(f"`max_entries` must be 0 to {(1 << 32) - 1}, not {entries!r}")
        self._options: dict[str, Any] = {
            "max_entries": int(entries),
            "flags": int(flags),
            "pinned": pinned,
            "numa_node": numa_node,
            "map_extra": map_extra,
        }
        self._types: tuple[Any, ...] = ()
        self._declaration: MapDeclaration | None = None
        self._handle: MapHandle | None = None
        self._key_codec: Codec | None = None
        self._value_codec: Codec | None = None

    @classmethod
    def of(cls, declaration: MapDeclaration) -> BpfMap:
        """A map object of a declaration that was found in an object or in the kernel, not in Python code."""
        made = cls.__new__(cls)
        BpfMap.__init__(made, declaration.max_entries)
        made._declaration = declaration
        return made

    @property
    def declaration(self) -> MapDeclaration:
        """The declaration with its types resolved; raises `DeclarationError` when they have no meaning."""
        if self._declaration is None:
            key, value = self._key_value()
            self._declaration = MapDeclaration(self.type_name, key, value, **self._options)
        return self._declaration

    def _key_value(self) -> tuple[Type | None, Type | None]:
        if self.parameters and not self._types:
            shown = "[K, V]" if self.parameters == 2 else "[V]"
            raise DeclarationError(f"`bpf.{type(self).__name__}` needs its types", f"write `bpf.{type(self).__name__}{shown}(…)`")
        types = [resolve(t) for t in self._types]
        if self.parameters == 2:
            return types[0], types[1]
        return (None, types[0]) if self.parameters == 1 else (None, None)

    # ------------------------------------------------------------------------- user space

    def bind(self, handle: MapHandle | None) -> None:
        """Connect with a created map, or with none."""
        self._handle = handle

    @property
    def handle(self) -> MapHandle:
        """The created map; raises `NotLoadedError` before `bpf.load()`."""
        if self._handle is None:
            raise NotLoadedError(f"this {type(self).__name__} exists in the kernel only after `bpf.load()`")
        return self._handle

    def pin(self, path: str) -> None:
        """Pin the map at `path` in a BPF file system; raises OSError."""
        self.handle.pin(path)

    def _codecs(self) -> tuple[Codec, Codec]:
        if self._key_codec is None or self._value_codec is None:
            from pybpfc.lang.codec import codec_for
            from pybpfc.lang.types import U32, VOID

            self._key_codec = codec_for(self.declaration.key or U32)
            self._value_codec = codec_for(self.declaration.value or VOID)
        return self._key_codec, self._value_codec


class _Typed:
    """`HashMap[u32, u64]`: calling it makes the map."""

    __slots__ = ("cls", "items")

    def __init__(self, cls: type[BpfMap], items: tuple[Any, ...]) -> None:
        self.cls = cls
        self.items = items

    def __call__(self, *args: Any, **kwargs: Any) -> BpfMap:
        made = self.cls(*args, **kwargs)
        made._types = self.items
        return made


def in_program_only(name: str) -> TypeError:
    """The error of a kernel-side method called in user space."""
    return TypeError(f"`{name}` works inside a BPF program; in user space a map is used like a dict")
