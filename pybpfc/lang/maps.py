"""Maps: declared once, used in programs and in user space.

In a program the compiler gives the methods their meaning. In user space the same object works on the map that the
last `load()` of its module created, through a handle that the runtime or the VM binds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from pybpfc.lang.annotations import is_sized, resolve
from pybpfc.lang.errors import AnnotationError, DeclarationError, NotLoadedError
from pybpfc.lang.types import Type, size_of
from pybpfc.records import frozen

if TYPE_CHECKING:
    from typing import Self

    from pybpfc.lang.codec import Codec

MAX_ENTRIES = (1 << 32) - 1

# Flags of BPF_MAP_CREATE that map types imply; all others are given by the user under the kernel's names.
NO_PREALLOC = 1 << 0
MMAPABLE = 1 << 10


@frozen
class MapDeclaration:
    """What a map is created from. Sizes follow from the types; `None` types mean that the map type decides."""

    type_name: str
    key: Type | None = None
    value: Type | None = None
    max_entries: int = 0
    flags: int = 0
    pinned: bool | str = False
    numa_node: int | None = None
    map_extra: int = 0
    inner: MapDeclaration | None = None


class EventReader(Protocol):
    """The consumer of a ring or perf buffer: what the runtime and the VM provide."""

    @property
    def lost(self) -> int:
        """How many events were lost, as far as it is known."""
        ...

    def poll(self, timeout: float | None = None) -> list[Any]:
        """The events that are there, waiting at most `timeout` seconds for the first (None: for ever)."""
        ...

    def consume(self) -> list[Any]:
        """The events that are there, without waiting."""
        ...

    def batches(self, timeout: float | None = None) -> Iterator[tuple[memoryview, int, int]]:
        """Runs of events as memory: (memory, number of events, bytes from one to the next)."""
        ...

    def fileno(self) -> int:
        """A descriptor that is readable when there are events."""
        ...

    def close(self) -> None:
        """End all loops over this reader."""
        ...

    def __iter__(self) -> Iterator[Any]: ...

    def __aiter__(self) -> AsyncIterator[Any]: ...


class MapHandle(Protocol):
    """A created map, in raw bytes: what the runtime and the VM provide.

    Per-CPU maps give and take the values of all possible CPUs, each padded to 8 bytes.
    """

    name: str
    possible_cpus: int

    @property
    def fd(self) -> int:
        """The map's file descriptor."""
        ...

    def lookup(self, key: bytes, flags: int = 0) -> bytes | None:
        """The value under a key, or None."""
        ...

    def update(self, key: bytes, value: bytes, flags: int = 0) -> None:
        """Store a value; raises OSError."""
        ...

    def delete(self, key: bytes) -> bool:
        """Delete an entry; False when there is none."""
        ...

    def take(self, key: bytes, flags: int = 0) -> bytes | None:
        """The value under a key, removed in one step; raises OSError where the kernel has no such step."""
        ...

    def keys(self) -> Iterator[bytes]:
        """All keys; survives concurrent deletion."""
        ...

    def items(self, batch: int | None = None) -> Iterator[tuple[bytes, bytes]]:
        """All entries, by batch operations where the kernel has them."""
        ...

    def update_many(self, entries: Iterable[tuple[bytes, bytes]], flags: int = 0) -> None:
        """Store many entries."""
        ...

    def delete_many(self, keys: Iterable[bytes]) -> None:
        """Delete many entries; missing ones are skipped."""
        ...

    def pop(self) -> bytes | None:
        """Take the next element of a queue or stack."""
        ...

    def peek(self) -> bytes | None:
        """The next element of a queue or stack, left where it is."""
        ...

    def push(self, value: bytes, flags: int = 0) -> None:
        """Add an element to a queue, stack or bloom filter."""
        ...

    def contains_value(self, value: bytes) -> bool:
        """Whether a bloom filter may hold a value."""
        ...

    def pin(self, path: str) -> None:
        """Pin the map in a BPF file system."""
        ...

    def close(self) -> None:
        """Let go of the map."""
        ...

    def reader(self, codec: Codec) -> Any:
        """An `EventReader` of a ring or perf buffer, whose events `codec` decodes; one of no size leaves them bytes."""
        ...


class BpfMap:
    """The base of all maps: the declaration, and the handle once loaded."""

    type_name: ClassVar[str] = ""
    parameters: ClassVar[int] = 2
    default_entries: ClassVar[int | None] = None
    implied_flags: ClassVar[int] = 0

    if not TYPE_CHECKING:

        def __class_getitem__(cls, item: Any) -> Any:
            """Give the key's and the value's type."""
            items = item if isinstance(item, tuple) else (item,)
            if any(isinstance(i, TypeVar) or getattr(i, "__parameters__", ()) for i in items):
                return super().__class_getitem__(item)  # `class HashMap(KeyedMap[K, V])`
            return TypedMap(cls, items)

    def __init__(
        self,
        max_entries: int | None = None,
        *,
        flags: int = 0,
        pinned: bool | str = False,
        numa_node: int | None = None,
        map_extra: int = 0,
    ) -> None:
        self._start()
        entries = self.default_entries if max_entries is None else max_entries
        if entries is None:
            raise DeclarationError(f"`{self._written}` needs `max_entries=`", "say how many entries it holds")
        self._options |= {
            "max_entries": self._number("max_entries", entries, 0 if self.default_entries == 0 else 1, MAX_ENTRIES),
            "flags": self._number("flags", flags, 0, (1 << 32) - 1) | self.implied_flags,
            "pinned": self._pinning(pinned),
            "numa_node": None if numa_node is None else self._number("numa_node", numa_node, 0, 1023),
            "map_extra": self._number("map_extra", map_extra, 0, (1 << 64) - 1),
        }

    def _start(self) -> None:
        self._options: dict[str, Any] = {}
        self._types: tuple[Any, ...] = ()
        self._declaration: MapDeclaration | None = None
        self._handle: MapHandle | None = None
        self._key_codec: Codec | None = None
        self._value_codec: Codec | None = None

    @classmethod
    def of(cls, declaration: MapDeclaration) -> Self:
        """A map object of a declaration that was found in an object or in the kernel, not in Python code."""
        made = cls.__new__(cls)
        made._start()
        made._declaration = declaration
        return made

    @property
    def _written(self) -> str:
        shown = {0: "", 1: "[V]", 2: "[K, V]"}[self.parameters]
        return f"bpf.{type(self).__name__}{shown}"

    def _number(self, name: str, value: Any, low: int, high: int) -> int:
        if isinstance(value, bool) or not hasattr(value, "__index__") or not low <= int(value) <= high:
            raise DeclarationError(f"`{name}` of `{self._written}` must be {low} to {high}, not {value!r}")
        return int(value)

    def _pinning(self, pinned: Any) -> bool | str:
        if isinstance(pinned, str) and not pinned.startswith("/"):
            raise DeclarationError(f"`pinned` must be True or an absolute path in a BPF file system, not {pinned!r}")
        if not isinstance(pinned, bool | str):
            raise DeclarationError(f"`pinned` must be True or a path, not {pinned!r}")
        return pinned

    @property
    def declaration(self) -> MapDeclaration:
        """The declaration with its types resolved; raises `DeclarationError` when they have no meaning."""
        if self._declaration is None:
            if len(self._types) != self.parameters:
                raise DeclarationError(f"`bpf.{type(self).__name__}` needs its types", f"write `{self._written}(…)`")
            key, value = self._key_value()
            self._declaration = MapDeclaration(self.type_name, key, value, inner=self._inner(), **self._options)
        return self._declaration

    def _key_value(self) -> tuple[Type | None, Type | None]:
        """The types of key and value; map types that fix one of them override this."""
        types = [self._stored(t) for t in self._types]
        if self.parameters == 2:
            return types[0], types[1]
        return (None, types[0]) if self.parameters == 1 else (None, None)

    def _stored(self, annotation: Any) -> Type:
        try:
            found = resolve(annotation)
        except AnnotationError as error:
            raise DeclarationError(f"in `{self._written}`: {error.message}", error.remedy) from None
        if not is_sized(found) or not size_of(found):
            raise DeclarationError(f"`{found}` cannot be stored in a map", "store a number, an array or a struct")
        return found

    def _inner(self) -> MapDeclaration | None:
        return None

    def __repr__(self) -> str:
        types = ", ".join(t.__name__ if isinstance(t, type) else str(t) for t in self._types)
        shown = f"[{types}]" if types else ""
        return f"<bpf.{type(self).__name__}{shown}{f' {self._handle.name!r}' if self._handle is not None else ''}>"

    # ------------------------------------------------------------------------- user space

    def bind(self, handle: MapHandle | None) -> None:
        """Connect with a created map, or with none."""
        self._handle = handle

    @property
    def bound(self) -> bool:
        """Whether it was loaded."""
        return self._handle is not None

    @property
    def handle(self) -> MapHandle:
        """The created map; raises `NotLoadedError` before `bpf.load()`."""
        if self._handle is None:
            raise NotLoadedError(f"this {type(self).__name__} exists in the kernel only after `bpf.load()`")
        return self._handle

    @property
    def fd(self) -> int:
        """The map's file descriptor."""
        return self.handle.fd

    def pin(self, path: str) -> None:
        """Pin the map at `path` in a BPF file system; raises OSError."""
        self.handle.pin(path)

    def close(self) -> None:
        """Let go of the map; in the kernel it lives on while a program, a pin or another descriptor holds it."""
        handle = self.handle
        self.bind(None)
        handle.close()

    def _codecs(self) -> tuple[Codec, Codec]:
        if self._key_codec is None or self._value_codec is None:
            from pybpfc.lang.codec import codec_for
            from pybpfc.lang.types import U32, VOID

            self._key_codec = codec_for(self.declaration.key or U32)
            self._value_codec = codec_for(self.declaration.value or VOID)
        return self._key_codec, self._value_codec


class TypedMap:
    """`HashMap[u32, u64]` at run time: calling it makes the map, and a parameter may be annotated with it."""

    __slots__ = ("cls", "items")

    def __init__(self, cls: type[BpfMap], items: tuple[Any, ...]) -> None:
        if len(items) != cls.parameters:
            expected = {0: "no types", 1: "one type", 2: "two types"}[cls.parameters]
            shown = {0: "", 1: "[V]", 2: "[K, V]"}[cls.parameters]
            message = f"`bpf.{cls.__name__}` takes {expected}, not {len(items)}"
            raise DeclarationError(message, f"write `bpf.{cls.__name__}{shown}(…)`")
        self.cls = cls
        self.items = items

    def __call__(self, *args: Any, **kwargs: Any) -> BpfMap:
        """Declare the map."""
        made = self.cls(*args, **kwargs)
        made._types = self.items
        return made

    def describe(self, max_entries: int, flags: int = 0) -> MapDeclaration:
        """The declaration of a map that exists already: its size and flags are known, and its types are these."""
        made = self.cls.__new__(self.cls)
        made._start()
        made._types = self.items
        key, value = made._key_value()
        return MapDeclaration(self.cls.type_name, key, value, max_entries, flags)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return (self.cls,)

    def __or__(self, other: Any) -> Any:
        import typing

        return typing.Union[self, other] if other is None else NotImplemented  # noqa: UP007

    __ror__ = __or__

    def __repr__(self) -> str:
        return f"{self.cls.__name__}[{', '.join(t.__name__ if isinstance(t, type) else repr(t) for t in self.items)}]"


def in_program_only(name: str, instead: str) -> TypeError:
    """The error of a kernel-side method called in user space."""
    return TypeError(f"`{name}` works inside a BPF program only; in user space {instead}")
