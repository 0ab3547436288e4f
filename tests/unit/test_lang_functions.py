"""Functions of programs, kernel functions, intrinsics: what Python makes of them."""

from __future__ import annotations

from typing import Annotated, Any

import pytest

import pybpfc as bpf
from pybpfc import i32, u8, u32, u64
from pybpfc.lang import intrinsics
from pybpfc.lang.errors import DeclarationError
from pybpfc.lang.functions import Function, Kfunc
from pybpfc.lang.intrinsics import Intrinsic

INTRINSICS = {name: value for name, value in vars(intrinsics).items() if isinstance(value, Intrinsic)}


@bpf.func
def plain(a: u32, b: u32 = 2) -> u32:
    """Adds."""
    return a + b


@bpf.func(inline=True)
def inlined() -> u32:
    return 1


@bpf.func(noinline=True, exported=True)
def exported() -> u32:
    return 1


@bpf.struct
class Counter:
    n: u64

    @bpf.func
    def plus(self, m: u64) -> u64:
        return self.n + m


@bpf.kfunc(since="6.2", acquire=True)
def bpf_task_from_pid(pid: i32) -> Any: ...


@bpf.kfunc
def bpf_rcu_read_lock() -> None: ...


def flags(function: Any) -> tuple[bool, bool, bool]:
    assert isinstance(function, Function)
    return function.inline, function.noinline, function.exported


def test_functions() -> None:
    assert (flags(plain), flags(inlined), flags(exported)) == (
        (False, False, False),
        (True, False, False),
        (False, True, True),
    )
    made: Any = plain
    assert (made.name, made.__name__, made.__doc__, made.__wrapped__.__name__) == ("plain", "plain", "Adds.", "plain")
    assert repr(made) == "<bpf function 'plain'>"


def test_functions_run_in_python() -> None:
    assert (plain(1), plain(1, b=5), inlined()) == (3, 6, 1)
    assert Counter(n=4).plus(3) == 7
    assert isinstance(Counter.plus, Function)


def test_function_mistakes() -> None:
    with pytest.raises(DeclarationError, match="`plain` cannot be both inlined and called; choose one"):
        bpf.func(inline=True, exported=True)(plain.__wrapped__)  # type: ignore[attr-defined]
    with pytest.raises(DeclarationError, match="decorates a function, not 5"):
        bpf.func(5)  # type: ignore[call-overload]
    with pytest.raises(DeclarationError, match="decorates a function, not 5"):
        bpf.kfunc(5)  # type: ignore[call-overload]


def test_kernel_functions() -> None:
    made: Any = bpf_task_from_pid
    assert isinstance(made, Kfunc)
    assert (made.name, made.since, made.acquire, made.release, made.weak) == (
        "bpf_task_from_pid",
        "6.2",
        True,
        False,
        False,
    )
    assert repr(bpf_rcu_read_lock) == "<kfunc 'bpf_rcu_read_lock'>"
    with pytest.raises(TypeError, match="`bpf_task_from_pid` can be called inside a BPF program only"):
        bpf_task_from_pid(1)


@pytest.mark.parametrize("name", INTRINSICS)
def test_intrinsics(name: str) -> None:
    made = INTRINSICS[name]
    assert made is getattr(bpf, name)
    assert made.name == name
    assert made.__doc__
    assert repr(made) == f"<intrinsic bpf.{name}>"
    if made.function is None:
        with pytest.raises(TypeError, match=f"`bpf.{name}` works inside a BPF program only"):
            made(1, 2)


def test_intrinsics_of_user_space() -> None:
    @bpf.struct
    class Record:
        a: u8
        b: u32
        low: Annotated[u8, bpf.bits(4)]

    assert [bpf.size_of(kind) for kind in (u8, u64, bool, Record, Annotated[str, 16])] == [1, 8, 1, 12, 16]
    assert (bpf.offset_of(Record, "a"), bpf.offset_of(Record, "b")) == (0, 4)
    for wrong in (lambda: bpf.size_of(str), lambda: bpf.offset_of(str, "a")):
        with pytest.raises(bpf.AnnotationError):
            wrong()
    for name in ("c", "low"):
        with pytest.raises(AttributeError, match=f"`Record` has no field `{name}`"):
            bpf.offset_of(Record, name)
    bpf.static_assert(bpf.size_of(Record) == 12)
    with pytest.raises(AssertionError, match="too large"):
        bpf.static_assert(bpf.size_of(Record) < 12, "too large")
