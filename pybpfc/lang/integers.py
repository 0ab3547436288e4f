"""Fixed-width integers: plain `int` to type checkers, real classes at run time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pybpfc.lang import types

if TYPE_CHECKING:
    u8 = int
    u16 = int
    u32 = int
    u64 = int
    i8 = int
    i16 = int
    i32 = int
    i64 = int
    be16 = int
    be32 = int
    be64 = int
else:

    class _FixedInt(int):
        """An integer that wraps to its width when it is made."""

        __slots__ = ()
        __bpf_type__ = types.I64

        def __new__(cls, value=0):
            """Truncate or extend, as a cast in a program does."""
            return int.__new__(cls, cls.__bpf_type__.host.wrap(int(value)))

    def _make(kind: types.Int) -> type:
        how = "A big-endian" if kind.big_endian else "A signed" if kind.signed else "An unsigned"
        doc = f"{how} {kind.bits}-bit integer."
        body = {"__bpf_type__": kind, "__slots__": (), "__doc__": doc, "__module__": __name__}
        return type(str(kind), (_FixedInt,), body)

    u8, u16, u32, u64 = (_make(types.Int(n, False)) for n in (8, 16, 32, 64))
    i8, i16, i32, i64 = (_make(types.Int(n, True)) for n in (8, 16, 32, 64))
    be16, be32, be64 = (_make(types.Int(n, False, True)) for n in (16, 32, 64))

__all__ = ["be16", "be32", "be64", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"]
