"""Finding out how a kernel function is called: by its declaration in Python, or by the kernel's types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pybpfc.abi.kfuncs import KFUNCS, KfuncFlags
from pybpfc.abi.versions import parse_version
from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.errors import LoadError
from pybpfc.formats.errors import BadBtf
from pybpfc.frontend.signatures import annotation_type
from pybpfc.lang.functions import Kfunc
from pybpfc.lang.kernel_names import KernelFunction
from pybpfc.lang.kernel_types import kernel_types
from pybpfc.lang.kfuncs import UNKNOWN, KernelFunctionType, KfuncParameter, kernel_function_type
from pybpfc.lang.types import VOID, Array, Pointer, Space, Struct, Type, is_kernel

if TYPE_CHECKING:
    from pybpfc.frontend.unit import Unit


def function_type(unit: Unit, value: Kfunc | KernelFunction) -> KernelFunctionType | catalog.ErrorClass | None:
    """How it is called; the mistake of naming one that is not known, None after a diagnostic."""
    if isinstance(value, Kfunc):
        return _declared(unit, value)
    unit.note_kernel_types()
    try:
        found = kernel_types().function(value.name)
    except (LoadError, BadBtf):
        return catalog.KernelFunctionUnknown(value.name, "the kernel's types are not to be had")
    if found is None:
        return catalog.KernelFunctionUnknown(value.name, "this kernel has none of that name")
    return kernel_function_type(found)


def _declared(unit: Unit, value: Kfunc) -> KernelFunctionType | None:
    captured = unit.capture(value)
    if captured is None:
        return None
    arguments = captured.node.args
    params: list[KfuncParameter] = []
    failed = False
    for node in (*arguments.posonlyargs, *arguments.args):
        if node.annotation is None:
            unit.sink.emit(catalog.MissingAnnotation(node.arg).at(captured.source.span(node)))
            failed = True
            continue
        type = annotation_type(unit, captured, node.annotation)
        if type is None:
            failed = True
        else:
            params.append(KfuncParameter(node.arg, _passed(type)))
    result: Type | None = VOID
    if captured.node.returns is not None:
        result = annotation_type(unit, captured, captured.node.returns)
    if failed or result is None:
        return None
    return KernelFunctionType(value.name, tuple(params), _passed(result), _flags(value, result))


def _passed(type: Type) -> Type:
    """Structs and arrays are passed by their addresses."""
    if isinstance(type, Struct):
        return Pointer(type, Space.KERNEL)
    if isinstance(type, Array):
        return Pointer(type.element, Space.KERNEL)
    return type


def _flags(value: Kfunc, result: Type) -> KfuncFlags:
    """What the declaration says, completed by what is known of the function."""
    known = KFUNCS.get(value.name, UNKNOWN)
    nullable = isinstance(result, Pointer) and result.nullable
    return KfuncFlags(
        parse_version(value.since) if value.since else known.since,
        (known.released_by or "its release function") if value.acquire else known.released_by,
        value.release or known.releases,
        known.never_null or (is_kernel(result) and not nullable),
        value.sleepable or known.sleepable,
    )
