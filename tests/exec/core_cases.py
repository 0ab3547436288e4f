"""Objects whose types differ from those of the kernel they are for, made with clang: what each field must come out as."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from pathlib import Path

import pytest
from oracle import PROLOGUE, clang

from pybpfc.formats.btf import Btf
from pybpfc.formats.btf_file import read_btf
from pybpfc.formats.object_reader import parse_object
from pybpfc.formats.spec import ObjectSpec
from pybpfc.records import frozen

RAW = bytes((index * 37 + 11) & 0xFF if index < 196 or index == 204 else 0 for index in range(256))
"""What every struct of the programs lies over. A wide load of 192 or 204 gives what a narrow one does."""

MACROS = f"""
#define CORE __attribute__((preserve_access_index))
#define offset(field) __builtin_preserve_field_info(field, 0)
#define size(field) __builtin_preserve_field_info(field, 1)
#define exists(field) __builtin_preserve_field_info(field, 2)
#define is_signed(field) __builtin_preserve_field_info(field, 3)
#define lshift(field) __builtin_preserve_field_info(field, 4)
#define rshift(field) __builtin_preserve_field_info(field, 5)
#define local_id(type) __builtin_btf_type_id(*(type *)0, 0)
#define target_id(type) __builtin_btf_type_id(*(type *)0, 1)
#define type_exists(type) __builtin_preserve_type_info(*(type *)0, 0)
#define type_size(type) __builtin_preserve_type_info(*(type *)0, 1)
#define type_matches(type) __builtin_preserve_type_info(*(type *)0, 2)
#define value_exists(type, name) __builtin_preserve_enum_value(*(type *)name, 0)
#define value_of(type, name) __builtin_preserve_enum_value(*(type *)name, 1)
u8 raw[256] = {{ {", ".join(map(str, RAW))} }};
"""


@frozen
class Case:
    """`local` and `target` are C declarations; `target` keeps what `kept` names; each check is an expression of the
    program, in which `p` points to `RAW` as a `struct s`, and what it must give."""

    name: str
    local: str
    target: str
    checks: tuple[tuple[str, int], ...]
    kept: tuple[str, ...] = ("struct s",)
    known_to_libbpf: bool = True
    """False where libbpf refuses what clang makes: it takes large numbers without a sign for negative ones."""


def at(offset: int, size: int) -> int:
    """The little-endian number at an offset of `RAW`."""
    return int.from_bytes(RAW[offset : offset + size], "little")


@functools.cache
def compiled(source: str, cpu: str = "v3") -> bytes:
    """The object of a C program; skips where there is no clang."""
    compiler = clang()
    if compiler is None:
        pytest.skip("clang is not installed")
    with tempfile.TemporaryDirectory() as directory:
        path, made = Path(directory, "prog.c"), Path(directory, "prog.o")
        path.write_text(PROLOGUE + '#line 1 "prog.c"\n' + source)
        options = ["-O2", "-g", "--target=bpf", f"-mcpu={cpu}", "-Wno-everything"]
        done = subprocess.run([compiler, *options, "-c", path, "-o", made], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return made.read_bytes()


def target_object(target: str, kept: tuple[str, ...]) -> bytes:
    """An ELF file whose BTF has the kernel's side of the types."""
    variables = "\n".join(f"{type} kept{number};" for number, type in enumerate(kept))
    return compiled(f"{target}\n{variables}\n")


def btf_of(data: bytes) -> Btf:
    """The types of an object."""
    import io

    return Btf(read_btf(io.BytesIO(data)))


def checking(local: str, checks: tuple[tuple[str, int], ...], cpu: str = "v3") -> ObjectSpec:
    """The object of `checking_object`, read."""
    return parse_object(checking_object(local, checks, cpu))


def checking_object(local: str, checks: tuple[tuple[str, int], ...], cpu: str = "v3") -> bytes:
    """A program that returns the number of the first check that fails, counted from 1, or 0."""
    lines = "\n".join(
        f"    if ((u64)({expression}) != {expected & (1 << 64) - 1}ULL) return {number};"
        for number, (expression, expected) in enumerate(checks, 1)
    )
    body = f'SEC("xdp") int prog(struct xdp_md *ctx) {{\n    struct s *p = (void *)raw;\n{lines}\n    return 0;\n}}\n'
    return compiled(MACROS + local + body, cpu)


_EVERY = "u64 a; u32 b; u16 c; u8 d;"

CASES = (
    Case(
        "moved",
        f"struct s {{ {_EVERY} }} CORE;",
        "struct s { u8 d, x; u16 c; u8 pad[60]; u32 b; u64 a; };",
        (
            ("offset(p->a)", 72),
            ("offset(p->b)", 64),
            ("offset(p->c)", 2),
            ("offset(p->d)", 0),
            ("p->a", at(72, 8)),
            ("p->b", at(64, 4)),
            ("p->c", at(2, 2)),
            ("p->d", at(0, 1)),
        ),
    ),
    Case(
        "wider and narrower",
        "struct s { u32 a; u64 b; u8 c; u16 d; void *e; s32 f; u32 arr[4]; } CORE;",
        "struct s { u8 b; u8 d; u32 arr[8]; void *e; s64 f; u8 pad[136]; u64 a, x:32; u32 c; };",
        (
            ("offset(p->a)", 192),
            ("p->a", at(192, 4)),
            ("p->b", RAW[0]),
            ("offset(p->c)", 204),
            ("p->c", RAW[204]),
            ("p->d", RAW[1]),
            ("size(p->a)", 8),
            ("size(p->b)", 1),
            ("size(p->c)", 4),
            ("size(p->f)", 8),
            ("offset(p->f)", 48),
            ("size(p->arr)", 32),
            ("p->arr[3]", at(16, 4)),
        ),
    ),
    Case(
        "stored",
        "struct s { u32 a; u64 b; u16 c; } CORE;",
        "struct s { u8 x[8]; u16 c; u16 a; u32 b; };",
        (
            ("({ p->a = 0x12345678; p->b = 0x1122334455667788; p->c = 0xabcd; 0; })", 0),
            ("*(u16 *)(raw + 10)", 0x5678),
            ("*(u32 *)(raw + 12)", 0x55667788),
            ("*(u16 *)(raw + 8)", 0xABCD),
            ("raw[16]", RAW[16]),
            ("raw[7]", RAW[7]),
        ),
    ),
    Case(
        "signs",
        "struct s { u32 a; s32 b; u32 c; } CORE;",
        "struct s { s32 a; u32 b; enum { A, B } c; };",
        (("is_signed(p->a)", 1), ("is_signed(p->b)", 0), ("offset(p->b)", 4), ("exists(p->c)", 0)),
    ),
    Case(
        "signed enumerations",
        "enum e { X = 1 }; enum g { Y = 1 }; struct s { enum e a; enum g b; } CORE;",
        "enum e { X = -1 }; enum g { Y = 1 }; struct s { enum e a; enum g b; };",
        (("is_signed(p->a)", 1), ("is_signed(p->b)", 0)),
    ),
    Case(
        "missing and incompatible",
        "struct in { int y; }; struct s { u32 a; u32 gone; struct in in; int *ptr; u32 arr[4]; float f; } CORE;",
        "struct in { int z; }; struct s { u32 a; int *in; u32 ptr; u32 arr; u32 f; };",
        (
            ("exists(p->a)", 1),
            ("exists(p->gone)", 0),
            ("exists(p->in)", 0),
            ("exists(p->in.y)", 0),
            ("exists(p->ptr)", 0),
            ("exists(p->arr)", 0),
            ("exists(p->arr[1])", 0),
            ("exists(p->f)", 0),
        ),
    ),
    Case(
        "nested elsewhere",
        "struct in { u32 x; u32 y; } CORE; struct s { u32 a; struct in in; } CORE;",
        "union in { u64 x; struct { u8 p[3]; u8 q; u32 y; }; }; struct s { u64 z[2]; union in in; u32 a; };",
        (
            ("offset(p->in.y)", 20),
            ("p->in.y", at(20, 4)),
            ("offset(p->in)", 16),
            ("size(p->in)", 8),
            ("p->a", at(24, 4)),
        ),
    ),
    Case(
        "anonymous in the target",
        "struct s { u32 a; u32 b; u32 c[3]; } CORE;",
        "struct s { u32 x; struct { u32 y; union { u64 z; struct { u32 q; u32 a; u32 c[5]; }; }; u32 b; }; };",
        (("offset(p->a)", 20), ("offset(p->b)", 48), ("p->c[2]", at(32, 4)), ("offset(p->c[1])", 28)),
    ),
    Case(
        "anonymous in the object",
        "struct s { u32 x; struct { u32 y; union { u64 z; struct { u32 q; u32 a; }; }; }; } CORE;",
        "struct s { u32 a, q; u64 z; u32 y, x; };",
        (("offset(p->a)", 0), ("offset(p->q)", 4), ("p->z", at(8, 8)), ("offset(p->y)", 16), ("p->x", at(20, 4))),
    ),
    Case(
        "arrays",
        "struct e { u32 m, n; } CORE; struct s { u32 a[8]; struct e b[4]; u16 c[2][3]; u32 d[]; } CORE;",
        "struct e { u32 k, n, m; }; struct s { u64 f; u32 a[5]; struct e b[3]; u16 c[3][4]; u32 d[]; };",
        (
            ("offset(p->a[4])", 24),
            ("exists(p->a[4])", 1),
            ("exists(p->a[5])", 0),
            ("p->a[2]", at(16, 4)),
            ("offset(p->b[2].m)", 28 + 24 + 8),
            ("exists(p->b[3].m)", 0),
            ("size(p->b[1])", 12),
            ("size(p->b)", 36),
            ("offset(p->c[1][2])", 64 + 8 + 4),
            ("offset(p->d[7])", 88 + 28),
            ("exists(p->d[7])", 1),
            ("offset(p[1].a[1])", 88 + 12),
            ("p[1].a[0]", at(96, 4)),
            ("size(p[1])", 88),
        ),
    ),
    Case(
        "flexible here, fixed there",
        "struct s { u32 n; u32 d[]; } CORE;",
        "struct s { u32 d[4]; u32 n; };",
        (("exists(p->d[3])", 1), ("exists(p->d[4])", 0), ("p->n", at(16, 4))),
    ),
    Case(
        "bit-fields",
        "struct s { u32 a:3, b:7; s32 c:5; u64 d:33; u8 e:1; u32 f; } CORE;",
        "struct s { u8 e:1; u16 x:4, b:9; u32 y:20, a:5; u64 z:11, d:40; u32 c:6; u32 f:12; };",
        (
            ("offset(p->a)", 4),
            ("size(p->a)", 4),
            ("lshift(p->a)", 64 - 25),
            ("rshift(p->a)", 59),
            ("rshift(p->b)", 55),
            ("rshift(p->c)", 58),
            ("is_signed(p->c)", 0),
            ("rshift(p->d)", 24),
            ("offset(p->d)", 8),
            ("size(p->d)", 8),
            ("lshift(p->d)", 64 - 51),
            ("rshift(p->e)", 63),
            ("lshift(p->e)", 63),
            ("size(p->e)", 1),
            ("offset(p->e)", 0),
            ("rshift(p->f)", 52),
        ),
    ),
    Case(
        "shifts of whole fields",
        "struct s { u32 a; u64 b; u8 c; } CORE;",
        "struct s { u16 a; u32 b; u64 c; };",
        (
            ("lshift(p->a)", 48),
            ("rshift(p->a)", 48),
            ("lshift(p->b)", 32),
            ("rshift(p->b)", 32),
            ("lshift(p->c)", 0),
            ("rshift(p->c)", 0),
        ),
    ),
    Case(
        "flavors",
        "struct s { u32 a; } CORE; struct s___old { u32 b; } CORE; struct s___old___er { u32 c; } CORE;",
        "struct s { u64 x; u32 a; u32 b; };",
        (
            ("offset(p->a)", 8),
            ("offset(((struct s___old *)p)->b)", 12),
            ("exists(((struct s___old *)p)->b)", 1),
            ("((struct s___old *)p)->b", at(12, 4)),
            ("type_exists(struct s___old)", 1),
            ("type_exists(struct s___old___er)", 0),
        ),
    ),
    Case(
        "candidates that agree",
        "struct s { u32 a; u32 b; } CORE;",
        "struct s { u64 x; u32 a; u32 b; }; struct s___2 { u64 x; u32 a; }; struct s___3 { u64 q; };",
        (("offset(p->a)", 8), ("p->b", at(12, 4)), ("exists(p->a)", 1)),
        ("struct s", "struct s___2", "struct s___3"),
    ),
    Case(
        "types",
        "struct s { u32 a; }; union u { int x; }; struct none { int x; }; typedef u32 t; typedef int (*fn)(int, long);"
        " typedef int (*fn2)(int); enum e { E1 }; typedef struct { int x; } anon_t; typedef u32 retyped;",
        "struct s { u32 a[5]; }; union u { u64 y[3]; }; typedef u64 t; typedef int (*fn)(int, long);"
        " typedef int (*fn2)(int, int); enum e { E1, E2 }; typedef struct { int x[3]; } anon_t;"
        " typedef struct { int x; } retyped;",
        (
            ("type_exists(struct s)", 1),
            ("type_size(struct s)", 20),
            ("type_exists(union u)", 1),
            ("type_size(union u)", 24),
            ("type_exists(struct none)", 0),
            ("type_size(struct none)", 0),
            ("type_exists(t)", 1),
            ("type_size(t)", 8),
            ("type_exists(fn)", 1),
            ("type_exists(fn2)", 0),
            ("type_exists(enum e)", 1),
            ("type_size(enum e)", 4),
            ("type_exists(anon_t)", 1),
            ("type_size(anon_t)", 12),
            ("type_exists(retyped)", 0),
            ("target_id(struct none)", 0),
        ),
        ("struct s", "union u", "t", "fn", "fn2", "enum e", "anon_t", "retyped"),
    ),
    Case(
        "matches",
        "struct in { int x; }; struct s { u32 a; struct in *in; int arr[2]; };"
        " struct less { int a, b; }; struct bits { u32 a; }; struct sign { int a; }; struct len { int a[2]; };"
        " enum e { E1, E2 }; enum f { F1, F2 }; union u { int x; }; struct name { struct s *p; };"
        " struct fwd { struct hidden *h; }; typedef int (*fn)(struct s *, int); typedef long (*ret)(int);"
        " struct fl___mine { int a___x; };",
        "struct in { u64 none; }; struct s { int arr[2]; u64 q; struct in *in; u32 a; };"
        " struct less { int a; }; struct bits { u64 a; }; struct sign { u32 a; }; struct len { int a[3]; };"
        " enum e { E0, E2 = 7, E1 }; enum f { F2, F3 }; struct u { int x; }; struct name { union s___2 *p; };"
        " struct hidden { int q; }; struct fwd { struct hidden *h; }; typedef int (*fn)(struct s *, int);"
        " typedef int (*ret)(int); struct fl { int a___y; };",
        (
            ("type_matches(struct s)", 1),
            ("type_matches(struct in)", 0),
            ("type_matches(struct less)", 0),
            ("type_matches(struct bits)", 0),
            ("type_matches(struct sign)", 0),
            ("type_matches(struct len)", 0),
            ("type_matches(enum e)", 1),
            ("type_matches(enum f)", 0),
            ("type_matches(union u)", 0),
            ("type_matches(struct name)", 0),
            ("type_matches(struct fwd)", 1),
            ("type_matches(fn)", 1),
            ("type_matches(ret)", 0),
            ("type_matches(struct fl___mine)", 1),
            ("type_exists(struct less)", 1),
        ),
        (
            "struct s",
            "struct in",
            "struct less",
            "struct bits",
            "struct sign",
            "struct len",
            "enum e",
            "enum f",
            "struct u",
            "struct name",
            "struct fwd",
            "fn",
            "ret",
            "struct fl",
            "struct hidden",
        ),
    ),
    Case(
        "enumerators",
        "enum e { A = 1, B = 2, GONE = 3, C___flavor = 4, D = -5 }; struct s { int x; };"
        " enum big { BIG = 0x123456789aULL, SMALL = 1 };",
        "enum e { B = 17, A = -4, C = 9, D = 0x7fffffff }; enum big { SMALL = 0xfedcba9876543210ULL, BIG = 3 };",
        (
            ("value_exists(enum e, A)", 1),
            ("value_of(enum e, A)", -4),
            ("value_of(enum e, B)", 17),
            ("value_exists(enum e, GONE)", 0),
            ("value_of(enum e, C___flavor)", 9),
            ("value_of(enum e, D)", 0x7FFFFFFF),
            ("value_of(enum big, BIG)", 3),
            ("value_of(enum big, SMALL)", 0xFEDCBA9876543210),
        ),
        ("enum e", "enum big"),
    ),
    Case(
        "large enumerators without a sign",
        "enum u { U = 0xfffffff0 }; struct s { int x; };",
        "enum u { U = 0x80000001 };",
        (("value_of(enum u, U)", 0x80000001),),
        ("enum u",),
        known_to_libbpf=False,
    ),
    Case(
        "enumerations of another width",
        "enum e { A = 1, B = 2 }; enum w { W = 0x100000000ULL }; struct s { enum e f; } CORE;",
        "enum e { A = 0x100000000ULL, B = 5 }; enum w { W = 6 }; struct s { u32 x; enum e f; };",
        (
            ("value_of(enum e, A)", 0x100000000),
            ("value_of(enum e, B)", 5),
            ("value_of(enum w, W)", 6),
            ("type_size(enum e)", 8),
            ("type_matches(enum e)", 0),
            ("offset(p->f)", 8),
            ("exists(p->f)", 1),
        ),
        ("enum e", "enum w", "struct s"),
    ),
)
