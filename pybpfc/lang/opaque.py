"""Structs whose content belongs to the kernel: locks, timers and the like, as fields of map values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from pybpfc.lang.types import U32, U64, Array, Field, Struct

if TYPE_CHECKING:
    from collections.abc import Callable

    from pybpfc.lang.integers import i64
    from pybpfc.lang.maps import BpfMap
    from pybpfc.lang.pointers import Ptr

_T = TypeVar("_T")


class Opaque:
    """The base: a value of user space has no content, and is stored as zeros."""

    __bpf_type__: ClassVar[Struct]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def asdict(self) -> dict[str, Any]:
        """No fields."""
        return {}


def _opaque(name: str, element: Any, count: int) -> Callable[[type[Opaque]], Any]:
    """Give a class the kernel's struct: the verifier finds it in the value's BTF by this name and size."""

    def apply(cls: type[Opaque]) -> type[Opaque]:
        step = element.bits // 8
        struct = Struct(name, cls=cls)
        member = Field("val", element, 0) if count == 1 else Field("__opaque", Array(element, count), 0)
        struct.set_layout((member,), step * count, step)
        cls.__bpf_type__ = struct
        return cls

    return apply


@_opaque("bpf_spin_lock", U32, 1)
class SpinLock(Opaque):
    """`bpf_spin_lock`: a field of a map value, held by `with bpf.spin_lock(value.lock):` (kernel 5.1)."""


@_opaque("bpf_timer", U64, 2)
class Timer(Opaque):
    """`bpf_timer`: a field of a value of a hash map, an LRU hash map or an array (kernel 5.15).

    Programs call its methods, which give 0 or a negative errno.
    """

    def init(self, map: BpfMap, clock: int = 1) -> i64:
        """Make the timer usable: `map` is the one that its value lies in, `clock` CLOCK_MONOTONIC or another."""
        raise TypeError("`init` of a timer works inside a BPF program only")

    def set_callback(self, function: Callable[[Any, Any], int | None]) -> i64:
        """Let the timer call `function(key, value)`, a `@bpf.func` function, with the entry it lies in."""
        raise TypeError("`set_callback` of a timer works inside a BPF program only")

    def start(self, nsecs: int, flags: int = 0) -> i64:
        """Call the function once in `nsecs` nanoseconds; BPF_F_TIMER_ABS: at that time (kernel 6.4)."""
        raise TypeError("`start` of a timer works inside a BPF program only")

    def cancel(self) -> i64:
        """Stop the timer; 1 when it was running, -EDEADLK in its own function."""
        raise TypeError("`cancel` of a timer works inside a BPF program only")


@_opaque("bpf_wq", U64, 2)
class Workqueue(Opaque):
    """`bpf_wq`: work that may sleep, a field of a map value (kernel 6.10)."""


@_opaque("bpf_dynptr", U64, 2)
class Dynptr(Opaque):
    """`bpf_dynptr`: a local variable for memory of a length known at run time (kernel 5.19).

    `events.reserve_dynptr(size)` and `bpf.dynptr_from_mem(place)` make one; its offsets are checked as it runs.
    """

    def read(self, offset: int, place: Any) -> i64:
        """Copy from `offset` into a variable, a field or an array: 0, or -E2BIG past the end."""
        raise TypeError("`read` of a dynptr works inside a BPF program only")

    def write(self, offset: int, value: Any) -> i64:
        """Copy a value to `offset`: 0, -E2BIG past the end, or -EINVAL where there is no memory."""
        raise TypeError("`write` of a dynptr works inside a BPF program only")

    if TYPE_CHECKING:

        @overload
        def data(self, offset: int, type: Callable[[int], int]) -> Ptr[int] | None: ...
        @overload
        def data(self, offset: int, type: type[_T]) -> _T | None: ...
        def data(self, offset: int, type: Any) -> Any:
            """A reference to a `type` at a constant `offset`, or None past the end."""

    else:

        def data(self, offset: int, type: Any) -> Any:
            """A reference to a `type` at `offset`, or None past the end."""
            raise TypeError("`data` of a dynptr works inside a BPF program only")


@_opaque("bpf_list_head", U64, 2)
class ListHead(Opaque):
    """`bpf_list_head`: the head of a linked list of allocated objects (kernel 6.2)."""


@_opaque("bpf_list_node", U64, 3)
class ListNode(Opaque):
    """`bpf_list_node`: makes an allocated object fit for a list (kernel 6.2)."""


@_opaque("bpf_rb_root", U64, 2)
class RbRoot(Opaque):
    """`bpf_rb_root`: the root of a red-black tree of allocated objects (kernel 6.3)."""


@_opaque("bpf_rb_node", U64, 4)
class RbNode(Opaque):
    """`bpf_rb_node`: makes an allocated object fit for a tree (kernel 6.3)."""


@_opaque("bpf_refcount", U32, 1)
class RefCount(Opaque):
    """`bpf_refcount`: lets an allocated object have several owners (kernel 6.4)."""


def kernels_own(name: str, size: int) -> Struct | None:
    """The struct of the kernel's own with this name and size, such as `bpf_timer`; None for others."""
    found = next((c.__bpf_type__ for c in Opaque.__subclasses__() if c.__bpf_type__.name == name), None)
    return found if found is not None and found.size == size else None
