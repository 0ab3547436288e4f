"""`print` becomes `bpf_trace_printk`, or `bpf_trace_vprintk` (kernel 5.16) for more than three values.

print 'pid ' u '…' %0            →   helper bpf_trace_printk("pid %u…", size, %0)
snprintf %1, 16, 'pid ' u %0     →   helper bpf_snprintf(%1, 16, "pid %u", [%0], 8)
"""

from __future__ import annotations

from pybpfc.abi.helpers import HELPERS
from pybpfc.ir import ops
from pybpfc.ir.builder import Builder
from pybpfc.ir.module import Function, GlobalVar, Module, Target
from pybpfc.ir.passes.base import expand
from pybpfc.lang.types import CHAR, I64, U32, U64, Array, Bool, Int, Pointer, View, as_int, size_of

DIRECT = 3


def lower_print(module: Module, target: Target) -> None:
    """Lower all prints; each format becomes a constant of the object."""
    for function in module.functions:
        memory = _memory(function)

        def expansion(b: Builder, op: ops.Op, memory: ops.Local | None = memory) -> ops.Value | None:
            assert isinstance(op, ops.Print)
            return _call(b, op, _pattern(module, op), memory)

        expand(function, (ops.Print,), expansion)


def _memory(function: Function) -> ops.Local | None:
    """Where the values of one print after the other stand, where the helper takes them from memory."""
    prints = [op for block in function.blocks for op in block.ops if isinstance(op, ops.Print) and _takes_memory(op)]
    if not prints:
        return None
    largest = max(prints, key=lambda op: len(op.values))
    return function.new_local("printed", Array(U64, len(largest.values)), largest.span)


def _takes_memory(op: ops.Print) -> bool:
    return len(op.values) > (DIRECT if op.buffer is None else 0)


def _pattern(module: Module, op: ops.Print) -> GlobalVar:
    text = _format(op).encode() + b"\0"
    name = f".format.{sum(1 for g in module.globals if g.name.startswith('.format.'))}"
    variable = GlobalVar(name, Array(CHAR, len(text), View.STR), ".rodata", text, op.span, exported=False)
    module.globals.append(variable)
    return variable


def _call(b: Builder, op: ops.Print, variable: GlobalVar, memory: ops.Local | None) -> ops.Value | None:
    conversions = [part.conversion for part in op.parts if not isinstance(part, str)]
    values = [_wide(b, v, conversion) for v, conversion in zip(op.values, conversions, strict=True)]
    pattern, size = ops.GlobalPointer(variable), ops.Const(U32, size_of(variable.type))
    if op.buffer is None and not _takes_memory(op):
        padded = values + [ops.Const(U64, 0)] * (DIRECT - len(values))
        b.helper(HELPERS["bpf_trace_printk"], (pattern, size, *padded), I64)
        return None
    data: tuple[ops.Value, ops.Value] = ops.Const(U64, 0), ops.Const(U32, 0)
    if memory is not None and values:
        base = b.address_of(memory)
        for index, value in enumerate(values):
            b.store(b.element_address(base, U64, ops.Const(I64, index)), value)
        data = base, ops.Const(U32, len(values) * size_of(U64))
    if op.buffer is not None:
        return b.helper(HELPERS["bpf_snprintf"], (op.buffer, ops.Const(U32, op.size), pattern, *data), I64)
    b.helper(HELPERS["bpf_trace_vprintk"], (pattern, size, *data), I64)
    return None


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
