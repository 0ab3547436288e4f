"""Codecs: exact bytes, round trips against an oracle written the plain way, errors that name the field."""

from __future__ import annotations

import enum
import ipaddress
import struct
import sys
import time
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pybpfc as bpf
from pybpfc import be16, be32, be64, i8, i16, i32, i64, u8, u16, u32, u64
from pybpfc.lang import types as t
from pybpfc.lang.annotations import resolve
from pybpfc.lang.codec import Codec, CodecError, codec_for
from pybpfc.lang.types import Array, Field, Int, Struct, View


class Color(enum.IntEnum):
    RED = 1
    BLUE = 2


class Flags(enum.IntFlag):
    A = 1
    B = 2


@bpf.struct
class Inner:
    a: u8
    b: be16
    c: i32


@bpf.struct
class Event:
    ts: u64
    pid: u32
    comm: Annotated[str, 6]
    raw: Annotated[bytes, 3]
    ok: bool
    color: Color
    flags: Flags
    inner: Inner
    few: Annotated[list[i16], 3]
    many: Annotated[list[u16], 40]
    nested: Annotated[list[Inner], 2]
    low: Annotated[u8, bpf.bits(3)]
    high: Annotated[i8, bpf.bits(5)]
    address: be32
    pointer: bpf.Ptr[u64]


@bpf.struct
class Four:
    a: u32
    b: u32
    c: u64
    d: i64


@bpf.struct
class Packet:
    source: be32
    port: be16
    words: Annotated[list[be32], 4]
    octets: Annotated[list[u8], 16]
    mac: Annotated[bytes, 6]
    v6: Annotated[bytes, 16]


def codec(annotation: Any) -> Codec:
    return codec_for(resolve(annotation))


# ------------------------------------------------------------------------- types at random

SCALARS: list[t.Type] = [
    *(Int(n, signed) for n in (8, 16, 32, 64) for signed in (False, True)),
    *(Int(n, False, True) for n in (16, 32, 64)),
    t.BOOL,
]
scalars = st.sampled_from(SCALARS)


def arrays(elements: st.SearchStrategy[t.Type]) -> st.SearchStrategy[t.Type]:
    lists = st.builds(Array, elements, st.integers(1, 20))
    text = st.builds(lambda n: Array(t.CHAR, n, View.STR), st.integers(1, 20))
    raw = st.builds(lambda n: Array(t.U8, n, View.BYTES), st.integers(1, 20))
    return st.one_of(lists, text, raw)


@st.composite
def structs(draw: st.DrawFn, members: st.SearchStrategy[t.Type]) -> t.Type:
    fields = draw(st.lists(members, min_size=1, max_size=5))
    made = Struct(f"S{draw(st.integers(0, 1 << 30))}")
    made.set_layout(*t.natural_layout([(f"f{i}", kind) for i, kind in enumerate(fields)], packed=draw(st.booleans())))
    if draw(st.booleans()):
        from pybpfc.lang.values import add_methods

        cls: Any = type(made.name, (), {"__slots__": tuple(f.name for f in made.fields), "__bpf_type__": made})
        add_methods(cls, union=False)
        made.cls = cls
    return made


any_type = st.recursive(scalars, lambda inner: st.one_of(arrays(inner), structs(inner)), max_leaves=8)


def value_of(kind: t.Type) -> st.SearchStrategy[Any]:
    match kind:
        case t.Bool():
            return st.booleans()
        case Int():
            return st.integers(kind.min, kind.max)
        case Array(view=View.STR):
            letters = st.characters(min_codepoint=1, exclude_categories=("Cs",))
            fits = st.text(letters, max_size=kind.length).filter(lambda s: len(s.encode()) < kind.length)
            return fits if kind.length > 4 else st.just("x" * (kind.length - 1))
        case Array(view=View.BYTES):
            return st.binary(min_size=kind.length, max_size=kind.length)
        case Array():
            return st.lists(value_of(kind.element), min_size=kind.length, max_size=kind.length)
        case Struct():
            fields = st.fixed_dictionaries({f.name: value_of(f.type) for f in kind.fields})
            return fields if kind.cls is None else fields.map(lambda given: kind.cls(**given))  # type: ignore[misc]
        case _:
            raise AssertionError(kind)


def plainly(kind: t.Type, value: Any) -> bytes:
    """The bytes of a value, written without any of the codec's means."""
    match kind:
        case t.Bool():
            return bytes([value])
        case Int():
            order = "big" if kind.big_endian else sys.byteorder
            return int(value).to_bytes(kind.bits // 8, order, signed=kind.signed)  # type: ignore[arg-type]
        case Array(view=View.STR):
            return bytes(value.encode().ljust(kind.length, b"\0"))
        case Array(view=View.BYTES):
            return bytes(value)
        case Array():
            return b"".join(plainly(kind.element, v) for v in value)
        case Struct():
            out = bytearray(kind.size)
            for member in kind.fields:
                item = value[member.name] if isinstance(value, dict) else getattr(value, member.name)
                raw = plainly(member.type, item)
                out[member.offset : member.offset + len(raw)] = raw
            return bytes(out)
        case _:
            raise AssertionError(kind)


@settings(max_examples=300, deadline=None)
@given(st.data(), any_type)
def test_round_trip(data: st.DataObject, kind: t.Type) -> None:
    values = data.draw(st.lists(value_of(kind), min_size=1, max_size=3))
    c = Codec(kind)
    raws = [c.encode(value) for value in values]
    assert raws == [plainly(kind, value) for value in values]
    assert [c.decode(raw) for raw in raws] == values
    assert [c.decode(memoryview(b"xy" + raw), 2) for raw in raws] == values
    stride = c.size + 5
    spread = b"abc" + b"".join(raw.ljust(stride) for raw in raws)
    assert c.decode_many(memoryview(spread), len(values), stride, 3) == values
    assert c.decode_many(b"".join(raws), len(values)) == values


@given(any_type, st.binary(max_size=40))
def test_any_bytes_decode_or_are_too_few(kind: t.Type, raw: bytes) -> None:
    c = Codec(kind)
    if len(raw) < c.size:
        with pytest.raises(CodecError, match=f"{len(raw)} bytes are too few for"):
            c.decode(raw)
        with pytest.raises(CodecError, match="too few"):
            c.decode_many(raw, 1)
    else:
        c.decode(raw)


# --------------------------------------------------------------------------- values by hand


def test_a_struct_with_everything() -> None:
    event: Any = Event(  # type: ignore[call-arg]
        ts=1,
        pid=2,
        comm="hé",
        raw=b"abc",
        ok=True,
        color=Color.BLUE,
        flags=Flags.A | Flags.B,
        inner=Inner(a=1, b=2, c=-3),
        few=[-1, 2, -3],
        low=5,
        high=-3,
        address=0x0A000001,
        pointer=0xFFFF888000000000,
    )
    c = codec(Event)
    raw = c.encode(event)
    assert len(raw) == c.size == Event.__bpf_type__.size  # type: ignore[attr-defined]
    decoded = c.decode(raw)
    assert decoded == event
    assert (decoded.color, type(decoded.flags), decoded.flags) == (Color.BLUE, Flags, Flags.A | Flags.B)
    assert raw[Event.__bpf_type__.find("address").offset :][:4] == b"\n\0\0\1"  # type: ignore[attr-defined]


def test_text() -> None:
    c = codec(Annotated[str, 4])
    assert (c.encode("abc"), c.encode(b"ab"), c.encode("")) == (b"abc\0", b"ab\0\0", bytes(4))
    assert (c.decode(b"ab\0x"), c.decode(b"abcd"), c.decode(b"\xffa\0\0")) == ("ab", "abcd", "\ufffda")


def test_enums_without_a_member_stay_numbers() -> None:
    assert codec(Color).decode(struct.pack("=i", 2)) is Color.BLUE
    assert codec(Color).decode(struct.pack("=i", 77)) == 77
    assert codec(Flags).decode(struct.pack("=I", 0)) == Flags(0)
    assert codec(Flags).decode(struct.pack("=I", 3)) == Flags.A | Flags.B


def test_integers_keep_host_order_outside() -> None:
    assert (codec(be16).encode(0x0800), codec(be64).encode(1)) == (b"\x08\0", bytes(7) + b"\1")
    assert codec(be16).decode(b"\x08\0") == 0x0800


def test_what_is_taken_for_a_value() -> None:
    c = codec(Packet)
    v4, v6 = ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("2001:db8::1")
    packet: Any = Packet(source=v4, port=u16(80), words=v6, octets=v6, mac=bytearray(6), v6=v6)  # type: ignore[arg-type]
    decoded = c.decode(c.encode(packet))
    assert decoded.source == int(v4)
    assert decoded.words == [0x20010DB8, 0, 0, 1]
    assert bytes(decoded.octets) == v6.packed == decoded.v6
    assert codec(be32).encode("10.0.0.1") == v4.packed
    instance = codec(Inner).encode(Inner(a=1, b=0, c=5))
    assert instance == codec(Inner).encode({"a": 1, "c": 5}) == codec(Inner).encode((1, 0, 5))
    assert codec(Annotated[list[u8], 4]).encode([1]) == b"\1\0\0\0"
    assert codec(bool).encode(True) == b"\1"
    assert codec(u8).encode(True) == b"\1"


def test_a_class_can_say_what_it_takes() -> None:
    @bpf.struct
    class Prefix:
        prefixlen: u32
        address: be32

        @classmethod
        def __bpf_from__(cls, value: Any) -> Any:
            network = ipaddress.ip_network(value)
            return cls(prefixlen=network.prefixlen, address=int(network.network_address))

    assert codec(Prefix).encode("10.0.0.0/8") == struct.pack("=I", 8) + b"\n\0\0\0"


Bad = list[tuple[Any, Any, str]]
BAD: Bad = [
    (u8, 256, "value must be 0 to 255, not 256"),
    (i8, -129, "value must be -128 to 127, not -129"),
    (u64, -1, "value must be 0 to 18446744073709551615, not -1"),
    (bool, 2, "value must be 0 to 1, not 2"),
    (u32, 1.5, "value must be an integer, not float"),
    (u32, "x", "value must be an integer, not str"),
    (be32, "10.0.0", "value must be an integer or an IPv4 address, not '10.0.0'"),
    (Color, "RED", "value must be an integer, not str"),
    (be16, 65536, "value must be 0 to 65535, not 65536"),
    (Annotated[str, 4], "abcd", "value takes 3 bytes, not 4"),
    (Annotated[str, 4], 5, "value must be str, not int"),
    (Annotated[bytes, 4], b"12345", "value takes 4 bytes, not 5"),
    (Annotated[bytes, 4], "abc", "value must be bytes, not str"),
    (Annotated[list[u8], 2], [1, 2, 3], "value takes 2 elements, not 3"),
    (Annotated[list[u8], 2], [1, 300], "value[1] must be 0 to 255, not 300"),
    (Annotated[list[u8], 2], 7, "value must be a list, not int"),
    (Inner, 5, "value must be `Inner`, not int"),
    (Inner, {"z": 1}, "`Inner` has no field `z`"),
    (Inner, (1, 2), "value must be 3 values, the fields of `Inner`, not 2"),
    (Inner, Inner(a=1, b=-1, c=0), "Inner.b must be 0 to 65535, not -1"),
    (Event, {"low": 8}, "Event.low must be 0 to 7, not 8"),
    (Event, {"high": 16}, "Event.high must be -16 to 15, not 16"),
    (Event, {"nested": [{"a": 1}, {"c": "x"}]}, "Event.nested[1].c must be an integer, not str"),
    (Event, {"inner": None}, "Event.inner must be `Inner`, not NoneType"),
    (None, 5, "value must be None, not 5"),
]


@pytest.mark.parametrize(("annotation", "value", "message"), BAD, ids=lambda value: str(value)[:30].replace("/", "_"))
def test_errors_name_the_field_and_what_it_takes(annotation: Any, value: Any, message: str) -> None:
    with pytest.raises(CodecError) as caught:
        codec(annotation).encode(value)
    assert str(caught.value) == message


def test_unions() -> None:
    @bpf.union
    class Either:
        number: u32
        raw: Annotated[bytes, 6]

    @bpf.struct
    class Holder:
        kind: u8
        either: Either

    c = codec(Holder)
    made: Any = Holder(kind=1, either=Either(raw=b"abcdef"))  # type: ignore[call-arg]
    assert c.decode(c.encode(made)) == made
    assert c.encode({"either": {"number": 1}})[4:] == struct.pack("=I", 1) + bytes(4)
    with pytest.raises(CodecError, match="only one field of a union"):
        c.encode({"either": {"number": 1, "raw": b""}})


def test_structs_without_a_class_are_dicts() -> None:
    made = Struct("raw")
    made.set_layout((Field("a", t.U32, 0), Field("b", t.U8, 4)), 8, 4)
    c = Codec(made)
    assert c.decode(c.encode({"a": 1, "b": 2})) == {"a": 1, "b": 2}


def test_no_value() -> None:
    c = codec(None)
    assert (c.size, c.encode(None), c.decode(b"")) == (0, b"", None)


def test_a_codec_is_made_once() -> None:
    assert codec(Event) is codec(Event)


# ------------------------------------------------------------------------------------- numpy


def test_numpy_sees_the_same_values() -> None:
    numpy = pytest.importorskip("numpy")
    c = codec(Event)
    raw = c.encode({"ts": 7, "comm": "abc", "inner": {"b": 0x0102}, "few": [1, -2, 3], "address": 5, "pid": 9})
    array = numpy.frombuffer(raw * 2, dtype=c.dtype)
    assert (array.dtype.itemsize, len(array)) == (c.size, 2)
    one = array[1]
    assert (one["ts"], one["comm"], one["inner"]["b"], one["address"]) == (7, b"abc", 0x0102, 5)
    assert list(one["few"]) == [1, -2, 3]


# ------------------------------------------------------------------------------------- speed


def test_decoding_keeps_up_with_events() -> None:
    """A million small events a second on an idle machine; a fifth of that under load tells of a mistake."""
    c = codec(Four)
    raw = memoryview(c.encode(Four(a=1, b=2, c=3, d=-4)) * 20_000)
    best = min(_seconds(lambda: c.decode_many(raw, 20_000)) for _ in range(7))
    assert 20_000 / best > 200_000


def _seconds(action: Any) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
