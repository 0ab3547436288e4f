"""`bpf.Ptr[T]`, `bpf.UserPtr[T]`, `bpf.Embedded[T]` and `bpf.bits(n)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from pybpfc.lang.annotations import Bits, EmbeddedIn, PointerTo
from pybpfc.lang.types import Space

_T = TypeVar("_T")

if TYPE_CHECKING:

    class Ptr(Generic[_T]):
        """A pointer to one `T`, read and written through `.value`, or to several, by index."""

        value: _T

        def __getitem__(self, index: int) -> _T: ...
        def __setitem__(self, index: int, value: _T) -> None: ...

    class UserPtr(Generic[_T]):
        """An address in user space, read by `bpf_probe_read_user*`: one `T` as `.value`, or several, by index."""

        @property
        def value(self) -> _T:
            """What is there now; zeros where it cannot be read."""
            ...

        def __getitem__(self, index: int) -> _T: ...

    Embedded = Annotated[_T, "embedded"]

else:

    class Ptr:
        """A pointer to one `T`, read and written through `.value`, or to several, by index."""

        def __class_getitem__(cls, target: Any) -> PointerTo:
            """The type of pointers to `target`."""
            return PointerTo(target, Space.MAP_VALUE)

    class UserPtr:
        """An address in user space, read by `bpf_probe_read_user*`."""

        def __class_getitem__(cls, target: Any) -> PointerTo:
            """The type of user pointers to `target`."""
            return PointerTo(target, Space.USER)

    class Embedded:
        """`f_path: Embedded[path]`: a struct that lies within a kernel struct, where `path` alone is a pointer."""

        def __class_getitem__(cls, target: Any) -> EmbeddedIn:
            """The type of a `target` within."""
            return EmbeddedIn(target)


def bits(width: int) -> Any:
    """The width of a bit-field in bits: `Annotated[u8, bpf.bits(4)]`."""
    return Bits(width)
