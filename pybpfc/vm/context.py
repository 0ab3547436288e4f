"""Contexts of the VM: from a packet, bytes or a dict of fields to what a program's first argument points to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pybpfc.abi.contexts import CONTEXTS, ContextStruct
from pybpfc.abi.program_types import PROGRAM_TYPES, Section
from pybpfc.abi.tracepoints import TRACEPOINTS
from pybpfc.formats.spec import ObjectSpec
from pybpfc.vm.memory import Pointer, Region, VmError

Order = Literal["little", "big"]


def make_context(
    kind: Section | None, spec: ObjectSpec, name: str, data: bytes, ctx: Any
) -> tuple[Region, Region | None]:
    """The context's region, and the packet's for hooks that have one."""
    type_name = kind.program_type if kind is not None else ""
    known = PROGRAM_TYPES.get(type_name)
    order: Order = "big" if spec.big_endian else "little"
    if type_name == "BPF_PROG_TYPE_TRACEPOINT" and kind is not None:
        event = spec.programs[name].section.removeprefix("?").removeprefix(kind.name).removeprefix("/")
        fields = {f.name: (f.offset, f.size) for f in TRACEPOINTS.get(event, ())}
        size = max([o + s for o, s in fields.values()] + [64])
        return _region(fields, size, ctx, order, {}), None
    struct = CONTEXTS.get(known.context) if known is not None and known.context else None
    if struct is None:
        raw = bytes(ctx) if isinstance(ctx, bytes | bytearray) else b""
        return Region("the context", bytearray(raw.ljust(512, b"\0")), writable=False), None
    return _uapi(struct, data, ctx, order)


def _uapi(struct: ContextStruct, data: bytes, ctx: Any, order: Order) -> tuple[Region, Region | None]:
    fields = {f.name: (f.offset, f.size) for f in struct.fields}
    region = _region(fields, struct.size, ctx, order, {f.name for f in struct.fields if f.big_endian})
    region.writable = any(f.writable for f in struct.fields)
    if "data" not in fields or "data_end" not in fields:
        return region, None
    packet = Region("the packet", bytearray(data))
    for name in ("data", "data_end", "data_meta"):
        if name in fields:
            offset, size = fields[name]
            region.fixed[offset, size] = Pointer(packet, len(data) if name == "data_end" else 0)
    if "len" in fields and not (isinstance(ctx, Mapping) and "len" in ctx):
        offset, size = fields["len"]
        region.data[offset : offset + size] = len(data).to_bytes(size, order)
    return region, packet


def _region(fields: Mapping[str, tuple[int, int]], size: int, ctx: Any, order: Order, big: Any) -> Region:
    region = Region("the context", bytearray(size), writable=False)
    if ctx is None:
        return region
    if isinstance(ctx, bytes | bytearray):
        region.data[:] = bytes(ctx).ljust(size, b"\0")
        return region
    if not isinstance(ctx, Mapping):
        raise VmError(f"`ctx` is bytes or a dict of fields, not {type(ctx).__name__}")
    for name, value in ctx.items():
        if name not in fields:
            raise VmError(f"the context has no field `{name}`; it has {', '.join(fields) or 'none'}")
        offset, width = fields[name]
        if isinstance(value, bytes):
            region.data[offset : offset + width] = value.ljust(width, b"\0")[:width]
        elif isinstance(value, list | tuple):
            for index, item in enumerate(value):
                region.data[offset + 8 * index : offset + 8 * index + 8] = (item & (1 << 64) - 1).to_bytes(8, order)
        else:
            end: Order = "big" if name in big else order
            region.data[offset : offset + width] = (int(value) & (1 << 8 * width) - 1).to_bytes(width, end)
    return region
