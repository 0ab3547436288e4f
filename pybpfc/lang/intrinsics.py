"""Functions that the compiler itself implements: `bpf.atomic_add`, `bpf.size_of`, `bpf.field_exists`, ….

To type checkers they are functions with types; at run time each is an `Intrinsic`, which the frontend knows by
identity and which refuses to be called in user space.
"""
# mypy: disable-error-code="empty-body"
# pyright: reportReturnType=false

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

if TYPE_CHECKING:
    import enum
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from typing import TypeAlias

    from pybpfc.lang.integers import i64, u32, u64
    from pybpfc.lang.opaque import Dynptr, SpinLock
    from pybpfc.lang.pointers import Ptr

    _Place: TypeAlias = int | Ptr[int]

_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])


class Intrinsic:
    """A function that the compiler implements; most have a meaning in programs only."""

    def __init__(self, name: str, doc: str, function: Callable[..., Any] | None = None) -> None:
        self.name = name
        self.__doc__ = doc
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run what it means in user space, or refuse."""
        if self.function is None:
            raise TypeError(f"`bpf.{self.name}` works inside a BPF program only")
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<intrinsic bpf.{self.name}>"


def _intrinsic(function: _F) -> _F:
    made: Any = Intrinsic(function.__name__, function.__doc__ or "")
    return made  # type: ignore[no-any-return]


def _anywhere(function: _F) -> _F:
    """An intrinsic that user space may call too."""
    made: Any = Intrinsic(function.__name__, function.__doc__ or "", function)
    return made  # type: ignore[no-any-return]


# ------------------------------------------- atomic operations on 4 or 8 bytes of memory


@_intrinsic
def atomic_add(place: _Place, value: int) -> u64:
    """Add to an integer in memory in one step; gives the value before (where it is used: kernel 5.12)."""


@_intrinsic
def atomic_sub(place: _Place, value: int) -> u64:
    """Subtract from an integer in memory in one step; gives the value before."""


@_intrinsic
def atomic_and(place: _Place, value: int) -> u64:
    """`&` an integer in memory in one step; gives the value before."""


@_intrinsic
def atomic_or(place: _Place, value: int) -> u64:
    """`|` an integer in memory in one step; gives the value before."""


@_intrinsic
def atomic_xor(place: _Place, value: int) -> u64:
    """`^` an integer in memory in one step; gives the value before."""


@_intrinsic
def atomic_xchg(place: _Place, value: int) -> u64:
    """Replace an integer in memory in one step; gives the value before."""


@_intrinsic
def atomic_cmpxchg(place: _Place, expected: int, value: int) -> u64:
    """Replace an integer in memory if it is the expected one, in one step; gives the value before."""


# -------------------------------------------------------------------- critical sections


@_intrinsic
def spin_lock(lock: SpinLock) -> AbstractContextManager[None]:
    """`with bpf.spin_lock(value.lock):` holds a map value's lock (kernel 5.1)."""


@_intrinsic
def dynptr_from_mem(place: object) -> Dynptr:
    """A dynptr over a map's value, a global variable, or an array or struct in one (kernel 5.19)."""


@_intrinsic
def rcu_read_lock() -> AbstractContextManager[None]:
    """`with bpf.rcu_read_lock():` keeps RCU-protected objects alive (kernel 6.2)."""


@_intrinsic
def preempt_disable() -> AbstractContextManager[None]:
    """`with bpf.preempt_disable():` stays on the CPU undisturbed (kernel 6.10)."""


# -------------------------------------------------------------------------------- loops


@_intrinsic
def loop(count: int, function: Callable[..., int], ctx: object = None, flags: int = 0) -> i64:
    """Call `function(i, ctx)` for i in 0 … count-1 until it gives something else than 0; gives the number of calls.

    By the `bpf_loop` helper: at most 8,388,608 calls (BPF_MAX_LOOPS; kernel 5.17).
    """


@_intrinsic
def iter_num(start: int, stop: int) -> Iterator[int]:
    """`for i in bpf.iter_num(a, b):` counts with bounds that only the run knows, by the `bpf_loop` helper.

    At most 8,388,608 rounds (BPF_MAX_LOOPS; kernel 5.17).
    """


# -------------------------------------------------------------------- the running kernel


@_intrinsic
def field_exists(type: object, field: str = "") -> bool:
    """Whether the running kernel's type has a field: `bpf.field_exists(task_struct, "start_boottime")`.

    In an `if`, the branch for kernels that have not may use what they have instead: neither is refused by the other.
    """


@_intrinsic
def field_offset(type: object, field: str = "") -> u32:
    """Where a field lies in the running kernel's type, in bytes: `bpf.field_offset(task_struct, "pid")`."""


@_intrinsic
def field_size(type: object, field: str = "") -> u32:
    """The size of a field of the running kernel's type, in bytes."""


@_intrinsic
def field_signed(type: object, field: str = "") -> bool:
    """Whether a field of the running kernel's type is a signed number."""


@_intrinsic
def cast(type: type[_T], address: object) -> _T:
    """An address as a pointer to a kernel type: `bpf.cast(task_struct, bpf_get_current_task())`.

    What the verifier knows nothing of is read by `bpf_probe_read_kernel`, a failing read gives zero.
    """


@_intrinsic
def type_exists(type: type[object]) -> bool:
    """Whether the running kernel has a type."""


@_intrinsic
def type_size(type: type[object]) -> u32:
    """The size of a type in the running kernel, in bytes."""


@_intrinsic
def type_matches(type: type[object]) -> bool:
    """Whether the running kernel has a type with the fields of this one, of the same kinds.

    Where the kernel applies the records itself: from 6.0 on.
    """


@_intrinsic
def type_id(type: type[object]) -> u32:
    """The id of a type in the running kernel's BTF; 0 where there is none."""


@_intrinsic
def local_type_id(type: type[object]) -> u32:
    """The id of a type in the object's own BTF."""


@_intrinsic
def enum_value(member: enum.IntEnum) -> u64:
    """The value of an enumerator in the running kernel."""


@_intrinsic
def enum_exists(member: enum.IntEnum) -> bool:
    """Whether the running kernel has an enumerator."""


@_intrinsic
def kconfig(option: str, type: type[_T]) -> _T:
    """A build option of the running kernel: `bpf.kconfig("CONFIG_HZ", u32)`."""


if TYPE_CHECKING:

    @overload
    def ksym(name: str, /, *, weak: bool = False) -> u64: ...
    @overload
    def ksym(name: str, type: type[_T], /, *, weak: bool = False) -> Ptr[_T]: ...
    def ksym(name: str, type: Any = None, /, *, weak: bool = False) -> Any:
        """The kernel's symbol of a name."""

else:

    @_intrinsic
    def ksym(name, type=None, /, *, weak=False):
        """The kernel's symbol of a name: its address, or with a type a pointer to the variable.

        Addresses are those of /proc/kallsyms, variables those of the kernel's BTF (kernel 5.10). One that is `weak` may
        be missing, and is 0 or None then; otherwise loading fails. Variables of each CPU go to `bpf_per_cpu_ptr`.
        """


@_intrinsic
def ksym_exists(function: Callable[..., object]) -> bool:
    """Whether the running kernel has a kernel function: `if bpf.ksym_exists(bpf_task_from_vpid):`.

    Code that only runs where it has may call it; on other kernels that code is never verified.
    """


@_intrinsic
def kernel_version() -> u32:
    """The running kernel's version as `major << 16 | minor << 8 | patch`."""


# ---------------------------------------------------------------------- memory and text


@_anywhere
def size_of(type: object) -> u32:
    """The size of a type in programs, in bytes; raises `AnnotationError` for what is no type of a program."""
    from pybpfc.lang import types
    from pybpfc.lang.annotations import resolve

    return types.size_of(resolve(type))


@_anywhere
def offset_of(type: type[object], field: str) -> u32:
    """The offset of a struct's field in programs, in bytes; raises `AttributeError` when it has no such field."""
    from pybpfc.lang.annotations import resolve

    found = getattr(resolve(type), "by_name", {}).get(field)
    if found is None or found.bits is not None:
        raise AttributeError(f"`{type.__name__}` has no field `{field}` at a byte of its own")
    return int(found.offset)


@_anywhere
def static_assert(condition: bool, message: str = "") -> None:
    """Check something once: in a program while it is compiled, elsewhere when it runs (raises `AssertionError`)."""
    if not condition:
        raise AssertionError(message)


@_intrinsic
def snprintf(buffer: str, text: str) -> i64:
    """Format into a `char` array, as an f-string does (kernel 5.13); gives the length with its NUL."""


@_intrinsic
def printk(text: str) -> None:
    """Write a line, as an f-string, to the trace pipe."""
