"""Statically defined probes (USDT): their arguments and cookies, by tables that the loader fills at attachment.

`@bpf.usdt` programs with parameters read them by `argument`; those that take a `bpf.UsdtContext` may call it too.
The tables have libbpf's names and layout, so libbpf attaches the objects, too. Kernel 5.15.
"""

from __future__ import annotations

from typing import Annotated

from pybpfc.abi.usdt import CONSTANT, INDEXED, MAX_ARGUMENTS, MAX_PLACES, REGISTER
from pybpfc.helpers import bpf_get_attach_cookie
from pybpfc.lang.contexts import UsdtContext
from pybpfc.lang.functions import func
from pybpfc.lang.integers import i16, i32, i64, u8, u32, u64
from pybpfc.lang.intrinsics import cast
from pybpfc.lang.keyed_maps import Array, HashMap
from pybpfc.lang.pointers import Ptr, UserPtr, bits
from pybpfc.lang.struct import struct

__all__ = ["argument", "argument_count", "cookie"]


@struct
class _Argument:
    value: u64
    kind: Annotated[u32, bits(8)]
    index: Annotated[u32, bits(12)]
    scale: Annotated[u32, bits(4)]
    reserved: Annotated[u32, bits(8)]
    register: i16
    signed: bool
    unused_bits: u8


@struct
class _Place:
    arguments: Annotated[list[_Argument], 12]
    cookie: u64
    count: i16


__bpf_usdt_specs = Array[_Place](max_entries=MAX_PLACES)
__bpf_usdt_ip_to_spec_id = HashMap[u64, u32](max_entries=MAX_PLACES)


@func
def argument(ctx: UsdtContext, number: u32) -> u64:
    """An argument of the probe, from 0, sign-extended where it is signed; 0 where there is none.

    Memory that can't be read gives 0, too.
    """
    place = __bpf_usdt_specs.lookup(u32(bpf_get_attach_cookie(ctx)))
    if place is None or number >= MAX_ARGUMENTS or i32(number) >= place.count:
        return u64(0)
    where = place.arguments[number]
    value = where.value
    if where.kind != CONSTANT:
        registers = cast(Ptr[u64], ctx)
        value = registers[(u32(where.register) & 0x1FF) >> 3]
        if where.kind == INDEXED:
            value += registers[u32(where.index) >> 3] << where.scale
        if where.kind != REGISTER:
            value = cast(UserPtr[u64], value + where.value).value
    unused = where.unused_bits & 63
    if where.signed:
        return u64(i64(value << unused) >> unused)
    return value << unused >> unused


@func
def argument_count(ctx: UsdtContext) -> i32:
    """How many arguments the probe has here; -1 where that is not known."""
    place = __bpf_usdt_specs.lookup(u32(bpf_get_attach_cookie(ctx)))
    return -1 if place is None else place.count


@func
def cookie(ctx: UsdtContext) -> u64:
    """What `attach(cookie=…)` said of this attachment; 0 without."""
    place = __bpf_usdt_specs.lookup(u32(bpf_get_attach_cookie(ctx)))
    return u64(0) if place is None else place.cookie
