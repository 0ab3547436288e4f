"""`bpf.Ptr[T]` and `bpf.UserPtr[T]`, and `bpf.bits(n)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pybpfc.lang.annotations import Bits, PointerTo
from pybpfc.lang.types import Space

_T = TypeVar("_T")

if TYPE_CHECKING:

    class Ptr(Generic[_T]):
        """A pointer to one `T`, read and written through `.value`."""

        value: _T

        def __getitem__(self, index: int) -> _T: ...

    class UserPtr(Generic[_T]):
        """An address in user space, read by `bpf_probe_read_user*`."""

else:

    class Ptr:
        """A pointer to one `T`, read and written through `.value`."""

        def __class_getitem__(cls, target: Any) -> PointerTo:
            """The type of pointers to `target`."""
            return PointerTo(target, Space.MAP_VALUE)

    class UserPtr:
        """An address in user space, read by `bpf_probe_read_user*`."""

        def __class_getitem__(cls, target: Any) -> PointerTo:
            """The type of user pointers to `target`."""
            return PointerTo(target, Space.USER)


def bits(width: int) -> Any:
    """The width of a bit-field in bits: `Annotated[u8, bpf.bits(4)]`."""
    return Bits(width)
