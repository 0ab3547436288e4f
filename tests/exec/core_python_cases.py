"""Python programs whose kernel structs differ from those of the kernel they are for, and what each field must give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core_cases import RAW, at
from language import module

from pybpfc.records import frozen

S = "@bpf.kernel_struct\nclass s:\n"


@frozen
class Case:
    """`local` are Python declarations, `target` those of C, of which `kept` are in its types. Each check is an
    expression in which `p` points to `RAW` as an `s`, and the number of 64 bits that it must give."""

    name: str
    local: str
    target: str
    checks: tuple[tuple[str, int], ...]
    kept: tuple[str, ...] = ("struct s",)


def signed_at(offset: int, size: int) -> int:
    """The little-endian number with a sign at an offset of `RAW`."""
    return int.from_bytes(RAW[offset : offset + size], "little", signed=True)


def field(offset: int, width: int, *, signed: bool = False) -> int:
    """`width` bits from bit `offset` of `RAW` on."""
    value = int.from_bytes(RAW, "little") >> offset & (1 << width) - 1
    return value - (1 << width) if signed and value >> width - 1 else value


def checking(folder: Path, case: Case) -> Any:
    """A module whose `prog` returns the number of the first check that fails, counted from 1, or 0."""
    lines = [
        f"    if u64({expression}) != {value & (1 << 64) - 1}:\n        return {number}"
        for number, (expression, value) in enumerate(case.checks, 1)
    ]
    start = "\nplace: bpf.Const[u64] = 0\n\n@bpf.socket_filter\ndef prog(ctx: bpf.SkBuff) -> int:\n"
    body = "    p = bpf.cast(bpf.UserPtr[s], place)\n" + "\n".join(lines) + "\n    return 0\n"
    return module(folder, case.local + start + body)


CASES = (
    Case(
        "signedness and ids",
        S + "    a: u64\n    b: i32\n    c: u16\n",
        "struct first { int x; }; struct s { s32 a; u32 b; u16 c; };",
        (
            ("bpf.field_signed(s.a)", 1), ("bpf.field_signed(s.b)", 0), ('bpf.field_signed(s, "c")', 0),
            ("bpf.local_type_id(s) > 0", 1), ("bpf.type_id(s) > 0", 1),
            ("bpf.local_type_id(s) != bpf.type_id(s)", 1),
        ),
        ("struct first", "struct s"),
    ),
    Case(
        "moved",
        S + "    a: u64\n    b: u32\n    c: u16\n    d: u8\n    e: i32\n",
        "struct s { u8 d, x; u16 c; u8 pad[60]; u32 b; u64 a; s32 e; };",
        (
            ("p.a", at(72, 8)), ("p.b", at(64, 4)), ("p.c", at(2, 2)), ("p.d", at(0, 1)), ("p.e", signed_at(80, 4)),
            ('bpf.field_offset(s, "a")', 72), ("bpf.field_offset(s.b)", 64), ("bpf.type_size(s)", 88),
        ),
    ),
    Case(
        "wider",
        S + "    a: u32\n    b: u16\n    c: i8\n    d: i32\n    e: u8\n",
        "struct s { u64 a; u32 b; s32 c; s64 d; u16 e; };",
        (
            ("p.a", at(0, 4)), ("p.b", at(8, 2)), ("p.c", signed_at(12, 1)), ("p.d", signed_at(16, 4)), ("p.e", RAW[24]),
            ("bpf.field_size(s.a)", 8), ("bpf.field_size(s.d)", 8),
        ),
    ),
    Case(
        "narrower",
        S + "    a: u64\n    b: u32\n    c: i64\n    d: i32\n    e: i64\n",
        "struct s { u8 x, a; u16 b; s8 y[3], c; s16 d; s32 e; };",
        (
            ("p.a", RAW[1]), ("p.b", at(2, 2)), ("p.c", signed_at(7, 1)), ("p.d", signed_at(8, 2)),
            ("p.e", signed_at(12, 4)), ("bpf.field_size(s.a)", 1), ("bpf.field_size(s.b)", 2),
        ),
    ),
    Case(
        "bit-fields shifted",
        S + "    a: Annotated[u32, bpf.bits(3)]\n    b: Annotated[u32, bpf.bits(7)]\n"
        "    c: Annotated[i32, bpf.bits(5)]\n    d: Annotated[u64, bpf.bits(33)]\n    e: Annotated[u8, bpf.bits(1)]\n",
        "struct s { u8 e:1; u16 x:4, b:9; u32 y:20, a:5; u64 z:11, d:40; s32 c:6; };",
        (
            ("p.a", field(52, 5)), ("p.b", field(5, 9)), ("p.c", field(115, 6, signed=True)),
            ("p.d", field(75, 40)), ("p.e", field(0, 1)),
        ),
    ),
    Case(
        "bit-fields made plain and back",
        S + "    a: Annotated[u32, bpf.bits(3)]\n    b: Annotated[i32, bpf.bits(7)]\n    c: u32\n    d: i32\n",
        "struct s { u32 x; u8 a; s16 b; u32 y:9, c:11; s32 z:3, d:12; };",
        (
            ("p.a", RAW[4]), ("p.b", signed_at(6, 2)), ("p.c", field(73, 11)),
            ("p.d", field(96, 12, signed=True)),
        ),
    ),
    Case(
        "in anonymous members",
        S + "    a: u32\n    b: u32\n    c: Annotated[list[u32], 3]\n",
        "struct s { u32 x; struct { u32 y; union { u64 z; struct { u32 q; u32 a; u32 c[5]; }; }; u32 b; }; };",
        (("p.a", at(20, 4)), ("p.b", at(48, 4)), ("p.c[2]", at(32, 4)), ("bpf.field_size(s.c)", 20)),
    ),
    Case(
        "nested elsewhere",
        "@bpf.kernel_struct\nclass inner:\n    x: u32\n    y: u32\n\n"
        + S + "    a: u32\n    inner: bpf.Embedded[inner]\n",
        "struct inner { u64 n; u8 p[3]; u8 q; u32 y; u32 x; }; struct s { u64 z[2]; struct inner inner; u32 a; };",
        (("p.inner.y", at(28, 4)), ("p.inner.x", at(32, 4)), ("p.a", at(40, 4)), ("bpf.field_offset(s.inner.y)", 28)),
    ),
    Case(
        "arrays",
        "@bpf.kernel_struct\nclass e:\n    m: u32\n    n: u32\n\n"
        + S + "    a: Annotated[list[u32], 8]\n    b: Annotated[list[bpf.Embedded[e]], 4]\n"
        "    d: Annotated[list[u16], 2]\n",
        "struct e { u32 k, n, m; }; struct s { u64 f; u32 a[5]; struct e b[3]; u16 d[]; };",
        (
            ("p.a[2]", at(16, 4)), ("p.b[2].m", at(60, 4)), ("p.b[u32(place & 0) + 1].n", at(44, 4)),
            ("bpf.field_size(s.a)", 20), ("bpf.field_offset(s.d)", 64), ("p.d[1]", at(66, 2)),
        ),
    ),
    Case(
        "missing",
        S + "    a: u32\n    gone: u32\n    thin: Annotated[u32, bpf.bits(3)]\n\n"
        "@bpf.kernel_struct\nclass none:\n    x: u32\n",
        "struct s { u64 x; u32 a; };",
        (
            ("p.a", at(8, 4)), ("bpf.field_exists(s.a)", 1), ("bpf.field_exists(s.gone)", 0),
            ("p.gone if bpf.field_exists(s.gone) else 7", 7), ("p.thin if bpf.field_exists(s.thin) else 9", 9),
            ("bpf.type_exists(none)", 0), ("bpf.type_exists(s)", 1), ("bpf.type_size(none)", 0), ("bpf.type_id(none)", 0),
        ),
    ),
    Case(
        "flavors",
        S + "    a: u32\n\n@bpf.kernel_struct\nclass s___old:\n    b: u32\n",
        "struct s { u64 x; u32 a; u32 b; };",
        (
            ("bpf.cast(bpf.UserPtr[s___old], place).b", at(12, 4)), ("p.a", at(8, 4)),
            ("bpf.type_exists(s___old)", 1), ("bpf.field_exists(s___old.b)", 1),
        ),
    ),
    Case(
        "candidates that agree",
        S + "    a: u32\n    b: u32\n",
        "struct s { u64 x; u32 a; u32 b; }; struct s___2 { u64 x; u32 a; }; struct s___3 { u64 q; };",
        (("p.a", at(8, 4)), ("p.b", at(12, 4)), ("bpf.field_exists(s.a)", 1)),
        ("struct s", "struct s___2", "struct s___3"),
    ),
    Case(
        "matches",
        S + "    a: u32\n\n@bpf.kernel_struct\nclass wide:\n    a: u32\n",
        "struct s { u64 x; u32 a; }; struct wide { u64 a; };",
        (("bpf.type_matches(s)", 1), ("bpf.type_matches(wide)", 0), ("p.a", at(8, 4))),
        ("struct s", "struct wide"),
    ),
    Case(
        "enumerators",
        S + "    a: u32\n\nclass e(enum.IntEnum):\n    A = 1\n    B = 2\n    GONE = 3\n\n"
        "class big(enum.IntEnum):\n    BIG = 0x123456789a\n    SMALL = 1\n",
        "enum e { B = 17, A = 4 }; enum big { SMALL = 0xfedcba9876543210ULL, BIG = 3 }; struct s { u64 x; u32 a; };",
        (
            ("bpf.enum_value(e.A)", 4), ("bpf.enum_value(e.B)", 17), ("bpf.enum_exists(e.B)", 1),
            ("bpf.enum_exists(e.GONE)", 0), ("bpf.enum_value(big.BIG)", 3),
            ("bpf.enum_value(big.SMALL)", 0xFEDCBA9876543210), ("p.a", at(8, 4)),
        ),
        ("struct s", "enum e", "enum big"),
    ),
)  # fmt: skip
