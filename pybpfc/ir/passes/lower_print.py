"""`print` becomes `bpf_trace_printk`, or `bpf_trace_vprintk` (kernel 5.16) for more than three values.

print 'pid ' u '…' %0   →   helper bpf_trace_printk("pid %u…", size, %0)
"""

from __future__ import annotations

from pybpfc.abi.helpers import HELPERS
from pybpfc.ir import ops
from pybpfc.ir.builder import Builder
from pybpfc.ir.module import GlobalVar, Module, Target
from pybpfc.ir.passes.base import expand
from pybpfc.lang.types import CHAR, I64, U32, U64, Array, Bool, Int, Pointer, View, as_int, size_of

DIRECT = 3


def lower_print(module: Module, target: Target) -> None:
    """Lower all prints; each format becomes a constant of the object."""

    def expansion(b: Builder, op: ops.Op) -> ops.Value | None:
        assert isinstance(op, ops.Print)
        text = _format(op).encode() + b"\0"
        name = f".format.{sum(1 for g in module.globals if g.name.startswith('.format.'))}"
        variable = GlobalVar(name, Array(CHAR, len(text), View.STR), ".rodata", text, op.span, exported=False)
        module.globals.append(variable)
        _call(b, op, variable, len(text))
        return None

    for function in module.functions:
        expand(function, (ops.Print,), expansion)


def _call(b: Builder, op: ops.Print, variable: GlobalVar, size: int) -> None:
    conversions = [part.conversion for part in op.parts if not isinstance(part, str)]
    values = [_wide(b, v, conversion) for v, conversion in zip(op.values, conversions, strict=True)]
    head = (ops.GlobalPointer(variable), ops.Const(U32, size))
    if len(values) <= DIRECT:
        padded = values + [ops.Const(U64, 0)] * (DIRECT - len(values))
        b.helper(HELPERS["bpf_trace_printk"], (*head, *padded), I64)
        return
    slot = b.function.new_local("printed", Array(U64, len(values)), b.span)
    base = b.address_of(slot)
    for index, value in enumerate(values):
        b.store(b.element_address(base, U64, ops.Const(I64, index)), value)
    b.helper(HELPERS["bpf_trace_vprintk"], (*head, base, ops.Const(U32, size_of(slot.type))), I64)


def _wide(b: Builder, value: ops.Value, conversion: str) -> ops.Value:
    """Values go to the kernel as 64 bits; in hexadecimal a negative number shows the bits that it has."""
    if isinstance(value.type, Pointer | Bool):
        return b.convert(value, U64)
    type = as_int(value.type)
    if type.signed and conversion in ("x", "X"):
        value = b.convert(value, Int(type.bits, False))
    return b.convert(value, I64 if as_int(value.type).signed else U64)


def _format(op: ops.Print) -> str:
    return "".join(part.replace("%", "%%") if isinstance(part, str) else _specifier(part) for part in op.parts)


def _specifier(spec: ops.FormatSpec) -> str:
    flags = spec.sign + ("-" if spec.left else "") + ("0" if spec.zero else "")
    size = "" if spec.conversion in ("s", "c", "p") else "ll"
    return f"%{flags}{spec.width or ''}{size}{spec.conversion}"
