"""Functions that the compiler itself implements: `bpf.atomic_add`, `bpf.size_of`, `bpf.field_exists`, ….

To type checkers they are functions with types; at run time each is an `Intrinsic`, which the frontend knows by
identity and which refuses to be called in user space.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import enum
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import TypeAlias, TypeVar

    from pybpfc.lang.integers import i64, u32, u64
    from pybpfc.lang.opaque import SpinLock
    from pybpfc.lang.pointers import Ptr

    _T = TypeVar("_T")
    _Place: TypeAlias = int | Ptr[int]


class Intrinsic:
    """A function that the compiler implements; it has a meaning in programs only."""

    def __init__(self, name: str, doc: str) -> None:
        self.name = name
        self.__doc__ = doc

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: only programs can call it."""
        raise TypeError(f"`bpf.{self.name}` works inside a BPF program only")

    def __repr__(self) -> str:
        return f"<intrinsic bpf.{self.name}>"


_DOCS: Final[dict[str, str]] = {
    # -- atomic operations on an integer of 4 or 8 bytes in memory
    "atomic_add": "Add to an integer in memory in one step; gives the value before (fetching: kernel 5.12).",
    "atomic_sub": "Subtract from an integer in memory in one step; gives the value before.",
    "atomic_and": "`&` an integer in memory in one step; gives the value before.",
    "atomic_or": "`|` an integer in memory in one step; gives the value before.",
    "atomic_xor": "`^` an integer in memory in one step; gives the value before.",
    "atomic_xchg": "Replace an integer in memory in one step; gives the value before.",
    "atomic_cmpxchg": "Replace an integer in memory if it is the expected one; gives the value before.",
    # -- critical sections
    "spin_lock": "`with bpf.spin_lock(value.lock):` holds a map value's lock (kernel 5.1).",
    "rcu_read_lock": "`with bpf.rcu_read_lock():` keeps RCU-protected objects alive (kernel 6.2).",
    "preempt_disable": "`with bpf.preempt_disable():` stays on the CPU undisturbed (kernel 6.10).",
    # -- loops
    "loop": "Call `function(i, ctx)` for i in 0 … n-1 until it gives 1, by `bpf_loop` (kernel 5.17).",
    "iter_num": "`for i in bpf.iter_num(a, b):` counts by an open-coded iterator (kernel 6.4).",
    # -- the running kernel
    "field_exists": "Whether the running kernel's type has a field: `bpf.field_exists(task_struct, \"start_boottime\")`.",
    "type_exists": "Whether the running kernel has a type.",
    "type_size": "The size of a type in the running kernel, in bytes.",
    "enum_value": "The value of an enumerator in the running kernel.",
    "enum_exists": "Whether the running kernel has an enumerator.",
    "kconfig": "A build option of the running kernel: `bpf.kconfig(\"CONFIG_HZ\", u32)`.",
    "kernel_version": "The running kernel's version as `major << 16 | minor << 8 | patch`.",
    # -- memory and text
    "size_of": "The size of a type in the program, in bytes.",
    "offset_of": "The offset of a struct's field in the program, in bytes.",
    "snprintf": "Format into a `char` array, as an f-string (kernel 5.13); gives the length with its NUL.",
    "printk": "Write a line, as an f-string, to the trace pipe.",
}

if TYPE_CHECKING:

    def atomic_add(place: _Place, value: int) -> u64: ...
    def atomic_sub(place: _Place, value: int) -> u64: ...
    def atomic_and(place: _Place, value: int) -> u64: ...
    def atomic_or(place: _Place, value: int) -> u64: ...
    def atomic_xor(place: _Place, value: int) -> u64: ...
    def atomic_xchg(place: _Place, value: int) -> u64: ...
    def atomic_cmpxchg(place: _Place, expected: int, value: int) -> u64: ...
    def spin_lock(lock: SpinLock) -> AbstractContextManager[None]: ...
    def rcu_read_lock() -> AbstractContextManager[None]: ...
    def preempt_disable() -> AbstractContextManager[None]: ...
    def loop(count: int, function: Callable[..., int], ctx: object = None, flags: int = 0) -> i64: ...
    def iter_num(start: int, stop: int) -> Iterator[int]: ...
    def field_exists(type: type[object], field: str) -> bool: ...
    def type_exists(type: type[object]) -> bool: ...
    def type_size(type: type[object]) -> u32: ...
    def enum_value(member: enum.IntEnum) -> u64: ...
    def enum_exists(member: enum.IntEnum) -> bool: ...
    def kconfig(option: str, type: type[_T]) -> _T: ...
    def kernel_version() -> u32: ...
    def size_of(type: object) -> u32: ...
    def offset_of(type: type[object], field: str) -> u32: ...
    def snprintf(buffer: str, text: str) -> i64: ...
    def printk(text: str) -> None: ...

else:
    globals().update({name: Intrinsic(name, doc) for name, doc in _DOCS.items()})
