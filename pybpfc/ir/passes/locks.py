"""What the verifier does not allow while a spin lock is held, and with locks themselves.

Under a lock nothing is called but its release; a second lock is a call too. The memory of a lock is the kernel's.
"""

from __future__ import annotations

from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.diagnostic import Label
from pybpfc.diagnostics.sink import DiagnosticSink
from pybpfc.diagnostics.span import Span
from pybpfc.ir import ops
from pybpfc.ir.module import Function, Module, Target
from pybpfc.lang.opaque import Opaque
from pybpfc.lang.types import Array, Pointer, Space, Struct, Type

TAKES, RELEASES = "bpf_spin_lock", "bpf_spin_unlock"


def check_locks(module: Module, target: Target, sink: DiagnosticSink) -> None:
    """Report calls under locks, and accesses of what belongs to the kernel."""
    for function in module.functions:
        for op in (op for block in function.blocks for op in block.ops):
            if (name := _touched(op)) is not None:
                sink.emit(catalog.KernelsOwnField(name).at(op.span))
        if any(_is_call(op, TAKES) for block in function.blocks for op in block.ops):
            _check_function(module, function, sink)


def _is_call(op: ops.Op, name: str) -> bool:
    return isinstance(op, ops.HelperCall) and op.helper.name == name


def _check_function(module: Module, function: Function, sink: DiagnosticSink) -> None:
    """Follow the lock from where it is taken, block by block."""
    blocks = {block.label: block for block in function.blocks}
    waiting: list[tuple[str, Span | None]] = [(function.blocks[0].label, None)]
    seen: set[tuple[str, bool]] = set()
    while waiting:
        label, held = waiting.pop()
        if (label, held is not None) in seen:
            continue
        seen.add((label, held is not None))
        block = blocks[label]
        for op in block.ops:
            if _is_call(op, RELEASES):
                held = None
            elif held is not None and (what := _called(module, op)) is not None:
                sink.emit(catalog.CallUnderLock(what).at(op.span, labels=[Label(held, "taken here")]))
            elif _is_call(op, TAKES):
                held = op.span
        if block.terminator is not None:
            waiting += [(target, held) for target in block.terminator.targets()]


def _called(module: Module, op: ops.Op) -> str | None:
    """What an op calls; None for those that compute, and for functions that are inlined and only compute."""
    if isinstance(op, ops.HelperCall):
        return op.helper.name
    if not isinstance(op, ops.Call):
        return None
    callee = module.function(op.function)
    if not callee.inline:
        return op.function
    found = (_called(module, inner) for block in callee.blocks for inner in block.ops)
    return op.function if any(name is not None for name in found) else None


def _touched(op: ops.Op) -> str | None:
    """The kernel's own struct that an op would read or write in a map value; None for others."""
    match op:
        case ops.FieldAddress() if _is_opaque(op.struct):
            return op.struct.name
        case ops.MemCopy():
            pointers: tuple[ops.Value, ...] = (op.destination, op.source)
        case ops.MemSet():
            pointers = (op.pointer,)
        case _:
            return None
    kinds = (p.type for p in pointers)
    found = (_opaque_in(k.to) for k in kinds if isinstance(k, Pointer) and k.space is Space.MAP_VALUE)
    return next((name for name in found if name is not None), None)


def _is_opaque(type: Type) -> bool:
    return isinstance(type, Struct) and type.cls is not None and issubclass(type.cls, Opaque)


def _opaque_in(type: Type) -> str | None:
    if isinstance(type, Array):
        return _opaque_in(type.element)
    if not isinstance(type, Struct):
        return None
    if _is_opaque(type):
        return type.name
    return next((found for field in type.fields if (found := _opaque_in(field.type)) is not None), None)
