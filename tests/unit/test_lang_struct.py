"""Structs, unions and kernel structs: their layout, and what they are in user space."""

from __future__ import annotations

import copy
import pickle
from typing import Annotated, Any, ClassVar

import pytest

import pybpfc as bpf
from pybpfc import be16, be32, i8, i32, u8, u16, u32, u64
from pybpfc.lang.errors import AnnotationError
from pybpfc.lang.types import CHAR, I32, U32, U64, Array, Pointer, Space, Struct, View


def layout(cls: Any) -> Struct:
    found: Struct = cls.__bpf_type__
    return found


def offsets(cls: Any) -> dict[str, int]:
    return {f.name: f.offset for f in layout(cls).fields}


@bpf.struct
class Inner:
    a: u8
    b: be16


@bpf.struct
class Event:
    LIMIT: ClassVar[int] = 3
    ts: u64
    pid: u32
    comm: Annotated[str, 6]
    raw: Annotated[bytes, 3]
    ok: bool
    inner: Inner
    many: Annotated[list[Inner], 2]

    def double(self) -> int:
        return int(self.ts) * 2


@bpf.struct(packed=True)
class Packed:
    a: u8
    b: u64
    c: u16


@bpf.struct(align=64)
class Aligned:
    a: u8


@bpf.struct
class Bits:
    low: Annotated[u8, bpf.bits(3)]
    high: Annotated[i8, bpf.bits(5)]
    a: Annotated[u32, bpf.bits(30)]
    b: Annotated[u32, bpf.bits(3)]
    c: u16


@bpf.union
class Either:
    number: be32 = 0
    raw: Annotated[bytes, 6] = b""
    inner: Inner


@bpf.struct
class Node:
    next: bpf.Ptr[Node]
    value: u64


# ------------------------------------------------------------------------------------- layout


def test_natural_layout() -> None:
    assert offsets(Event) == {"ts": 0, "pid": 8, "comm": 12, "raw": 18, "ok": 21, "inner": 22, "many": 26}
    assert (layout(Event).size, layout(Event).align, layout(Event).cls) == (40, 8, Event)
    assert layout(Event).find("comm").type == Array(CHAR, 6, View.STR)  # type: ignore[union-attr]


def test_packed_and_aligned() -> None:
    assert (offsets(Packed), layout(Packed).size, layout(Packed).align) == ({"a": 0, "b": 1, "c": 9}, 11, 1)
    assert (layout(Aligned).size, layout(Aligned).align) == (64, 64)


def test_bit_fields_lie_where_c_compilers_put_them() -> None:
    """The expected numbers are those of clang's BTF for the same struct in C."""
    bits = {f.name: (f.offset * 8 + f.bit_offset, f.bits) for f in layout(Bits).fields}
    assert bits == {"low": (0, 3), "high": (3, 5), "a": (32, 30), "b": (64, 3), "c": (80, None)}
    assert layout(Bits).size == 12

    @bpf.struct
    class Mixed:
        a: u8
        b: Annotated[u32, bpf.bits(4)]
        c: Annotated[u16, bpf.bits(13)]
        d: u8

    assert [(f.offset * 8 + f.bit_offset) for f in layout(Mixed).fields] == [0, 8, 16, 32]
    assert layout(Mixed).size == 8


def test_unions_overlap() -> None:
    assert (set(offsets(Either).values()), layout(Either).size, layout(Either).union) == ({0}, 8, True)


def test_structs_can_refer_to_themselves() -> None:
    assert layout(Node).fields[0].type == Pointer(layout(Node), Space.MAP_VALUE)


def test_structs_can_be_extended() -> None:
    @bpf.struct
    class Base:
        a: u32

    @bpf.struct
    class More(Base):
        b: u64

    assert offsets(More) == {"a": 0, "b": 8}
    assert More(a=1, b=2) == More(b=2, a=1)
    assert More(b=2).asdict() == {"a": 0, "b": 2}  # type: ignore[attr-defined, call-arg]


def test_local_classes_resolve() -> None:
    @bpf.struct
    class Key:
        x: u16

    @bpf.struct
    class Holder:
        key: Key

    assert layout(Holder).size == 2


# ------------------------------------------------------------------------------ kernel structs


@bpf.kernel_struct
class path:
    dentry: dentry


@bpf.kernel_struct
class dentry:
    d_flags: u32
    d_parent: dentry
    d_name: bpf.Embedded[qstr]
    d_user: bpf.UserPtr[u8]
    d_other: bpf.Ptr[u64]


@bpf.kernel_struct
class qstr:
    len: u32


def test_kernel_structs() -> None:
    types = {f.name: f.type for f in layout(dentry).fields}
    assert types == {
        "d_flags": U32,
        "d_parent": Pointer(layout(dentry), Space.KERNEL),
        "d_name": layout(qstr),
        "d_user": Pointer(layout_u8 := types["d_user"].to, Space.USER),  # type: ignore[union-attr]
        "d_other": Pointer(U64, Space.KERNEL),
    }
    assert str(layout_u8) == "u8"
    assert layout(path).fields[0].type == Pointer(layout(dentry), Space.KERNEL)
    assert layout(path).kernel
    assert not layout(Event).kernel


# ------------------------------------------------------------------------------------ mistakes


def test_mistakes() -> None:
    @bpf.struct
    class Holds:
        me: Holds

    @bpf.struct
    class Nothing:
        pass

    @bpf.struct
    class Unsized:
        name: str

    @bpf.struct
    class Default:
        a: u32 = 5

    @bpf.struct
    class WrongDefault:
        a: u32 = "x"  # type: ignore[assignment]

    @bpf.struct
    class TooNarrow:
        a: Annotated[u8, bpf.bits(9)]

    @bpf.struct(packed=True)
    class Crossing:
        a: Annotated[u8, bpf.bits(5)]
        b: Annotated[u8, bpf.bits(5)]

    @bpf.struct(packed=True)
    class Beyond:
        a: Annotated[u32, bpf.bits(5)]

    @bpf.struct
    class OfKernel:
        a: path

    @bpf.struct
    class Missing:
        a: Nowhere  # type: ignore[name-defined]  # noqa: F821

    @bpf.struct
    class NoneField:
        a: None

    for cls, message in (
        (Holds, 'field `me` of `Holds`: `Holds` would contain itself; use `bpf.Ptr["Holds"]`'),
        (Nothing, "`Nothing` has no fields"),
        (Unsized, "field `name` of `Unsized`: `str` has no size; write `Annotated[str, N]`"),
        (Default, "the default of `Default.a` is not zero"),
        (WrongDefault, "the default of `WrongDefault.a` must be an integer, not str"),
        (TooNarrow, "field `a` of `TooNarrow`: `u8` has no bit-field of 9 bits"),
        (Crossing, "field `b` of `Crossing`: a bit-field of a packed struct cannot cross 8 bits"),
        (Beyond, "field `a` of `Beyond`: its `u32` reaches past the end of the packed struct"),
        (OfKernel, "field `a` of `OfKernel`: `path` is a struct of the kernel; hold a `bpf.Ptr[path]`"),
        (Missing, "field `a` of `Missing`: the name `Nowhere` cannot be resolved here"),
        (NoneField, "field `a` of `NoneField`: `None` is not the type of a field"),
    ):
        for _ in range(2):  # a failure leaves nothing half done
            with pytest.raises(AnnotationError) as caught:
                layout(cls)
            assert message in str(caught.value)


def test_decorator_mistakes() -> None:
    with pytest.raises(AnnotationError, match="an alignment is a power of two, not 3"):
        bpf.struct(align=3)
    with pytest.raises(AnnotationError, match="decorates a class"):
        bpf.struct(lambda: 0)  # type: ignore[call-overload]


# ---------------------------------------------------------------------------------- user space


def test_fields_not_given_are_those_of_zeroed_memory() -> None:
    event: Any = Event()  # type: ignore[call-arg]
    assert event.asdict() == {
        "ts": 0,
        "pid": 0,
        "comm": "",
        "raw": b"\0\0\0",
        "ok": False,
        "inner": {"a": 0, "b": 0},
        "many": [{"a": 0, "b": 0}, {"a": 0, "b": 0}],
    }
    assert event.many is not Event().many  # type: ignore[call-arg]
    assert Event.LIMIT == 3
    assert bpf.asdict(event) == event.asdict()


def test_they_are_ordinary_objects() -> None:
    event: Any = Event(ts=4, inner=Inner(a=1, b=2))  # type: ignore[call-arg]
    assert (event.double(), event.inner.b) == (8, 2)
    assert repr(event.inner) == "Inner(a=1, b=2)"
    assert event == copy.deepcopy(event) == pickle.loads(pickle.dumps(event))
    assert hash(event) == hash(copy.deepcopy(event))
    other = copy.copy(event)
    other.pid = 7
    assert event != other
    assert Inner(a=1, b=2) != Bits()  # type: ignore[call-arg, comparison-overlap]
    with pytest.raises(AttributeError):
        event.typo = 3
    with pytest.raises(TypeError, match="`Inner` has no field `c`"):
        Inner(a=1, c=2)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Inner(1, 2)  # type: ignore[misc]


def test_fields_can_have_any_name() -> None:
    @bpf.struct
    class Odd:
        self: u8
        f1: Inner
        cls: u8
        value: u8
        buffer: Annotated[list[Inner], 2]
        offset: u32
        v0: u32

    made: Any = Odd(self=1, cls=2, value=3, offset=4, v0=5)  # type: ignore[call-arg, misc]
    assert (made.self, made.cls, made.f1, made.offset) == (1, 2, Inner(a=0, b=0), 4)
    from pybpfc.lang.codec import codec_for

    assert codec_for(layout(Odd)).decode(codec_for(layout(Odd)).encode(made)) == made


def test_authors_methods_win() -> None:
    @bpf.struct
    class Own:
        a: u32

        def __repr__(self) -> str:
            return "own"

        def asdict(self) -> str:
            return "mine"

    made: Any = Own(a=1)
    assert (repr(made), made.asdict(), bpf.asdict(made)) == ("own", "mine", {"a": 1})


def test_unions_keep_one_set_of_bytes() -> None:
    either: Any = Either(number=0x01020304)  # type: ignore[call-arg]
    assert either.raw == b"\1\2\3\4\0\0"
    assert either.inner.b == 0x0304
    either.raw = b"\xff" * 6
    assert either.number == 0xFFFFFFFF
    assert bytes(either) == b"\xff" * 6 + bytes(2)
    assert either == copy.deepcopy(either) == pickle.loads(pickle.dumps(either))
    assert set(either.asdict()) == {"number", "raw", "inner"}
    with pytest.raises(AttributeError, match="`Either` has no field `x`"):
        either.x = 1
    with pytest.raises(AttributeError, match="`Either` has no field `x`"):
        _ = either.x
    with pytest.raises(TypeError, match="made of one field at most, not 2"):
        Either(number=1, raw=b"")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="`Either` has no field `y`"):
        Either(y=1)  # type: ignore[call-arg]


def test_opaque_structs() -> None:
    @bpf.struct
    class Value:
        lock: bpf.SpinLock
        timer: bpf.Timer
        n: i32

    assert offsets(Value) == {"lock": 0, "timer": 8, "n": 24}
    assert [f.type.name for f in layout(Value).fields if isinstance(f.type, Struct)] == ["bpf_spin_lock", "bpf_timer"]
    assert Value(n=1) == Value(n=1)  # type: ignore[call-arg]
    assert repr(Value(n=1)) == "Value(lock=SpinLock(), timer=Timer(), n=1)"  # type: ignore[call-arg]
    assert layout(Value).fields[2].type == I32
