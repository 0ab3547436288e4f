"""Classes that are structs of operations: their members against the kernel's."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.span import Span
from pybpfc.frontend.capture import SourceNotFound
from pybpfc.frontend.check.numbers import fits
from pybpfc.frontend.prototypes import kernel_prototype, operations, types_are_known
from pybpfc.ir.module import Initial, OpsDef, OpsMember
from pybpfc.lang.codec import CodecError, codec_for
from pybpfc.lang.fingerprint import fingerprint
from pybpfc.lang.kernel_types import KernelField, KernelStruct
from pybpfc.lang.types import BOOL, Array, Enum, Type, as_int, is_integer

if TYPE_CHECKING:
    from pybpfc.frontend.unit import Unit
    from pybpfc.lang.struct_ops import StructOps


def check_struct_ops(unit: Unit, ops: StructOps) -> OpsDef | None:
    """What becomes of a class of operations in the object; None after a diagnostic."""
    places = _Places(unit, ops)
    unit.used[unit.name, ops.name] = fingerprint(ops)
    unit.note_kernel_types()
    kernel = operations(ops.struct)
    if kernel is None and types_are_known():
        unit.sink.emit(catalog.UnknownHookTarget("struct_ops", ops.struct).at(places.head))
        return None
    members: list[OpsMember] = []
    failed = False
    for name in vars(ops.cls):
        if name in ops.programs:
            made = _function(unit, ops, kernel, name, places.of(name))
        elif name in ops.values:
            made = _value(unit, ops, kernel, name, places.of(name))
        else:
            continue
        failed |= made is None
        members += [made] if made is not None else []
    return None if failed else OpsDef(ops.name, ops.struct, tuple(members), places.head)


class _Places:
    """Where a class and its members stand."""

    def __init__(self, unit: Unit, ops: StructOps) -> None:
        self.head = unit.no_span()
        self._members: dict[str, Span] = {}
        codes = [program.function.__code__ for program in ops.programs.values()]
        try:
            parsed = unit.files.parse(codes[0].co_filename if codes else unit.file)
        except SourceNotFound:
            return
        found = (n for n in ast.walk(parsed.tree) if isinstance(n, ast.ClassDef) and n.name == ops.name)
        node = next(found, None)
        if node is None:
            return
        self.head = parsed.header_span(node)
        for inner in node.body:
            if isinstance(inner, ast.FunctionDef):
                self._members[inner.name] = parsed.header_span(inner)
            elif isinstance(inner, ast.Assign | ast.AnnAssign):
                targets = inner.targets if isinstance(inner, ast.Assign) else [inner.target]
                names = (target.id for target in targets if isinstance(target, ast.Name))
                self._members.update(dict.fromkeys(names, parsed.span(inner)))

    def of(self, name: str) -> Span:
        """Where a member stands; the class, for one that is set otherwise."""
        return self._members.get(name, self.head)


def _member(unit: Unit, ops: StructOps, kernel: KernelStruct, name: str, span: Span) -> KernelField | None:
    found = kernel.find(name)
    if found is None:
        helps = catalog.did_you_mean(name, kernel.names)
        unit.sink.emit(catalog.UnknownOperation(ops.struct, name).at(span, helps=helps))
    return found


def _function(unit: Unit, ops: StructOps, kernel: KernelStruct | None, name: str, span: Span) -> OpsMember | None:
    if kernel is not None:
        if _member(unit, ops, kernel, name, span) is None:
            return None
        if kernel_prototype("struct_ops", f"{ops.struct}.{name}", lambda _: None) is None:
            unit.sink.emit(catalog.InvalidOperation(name, "it is no function").at(span))
            return None
    return OpsMember(name, ops.programs[name].name)


def _value(unit: Unit, ops: StructOps, kernel: KernelStruct | None, name: str, span: Span) -> OpsMember | None:
    """A number or text; of which type, only the kernel's own types tell."""
    if kernel is None:
        reason = "its type is not known: this kernel describes no types, and PYBPFC_BTF names no file with some"
        unit.sink.emit(catalog.InvalidOperation(name, reason).at(span))
        return None
    field = _member(unit, ops, kernel, name, span)
    if field is None:
        return None
    try:
        return OpsMember(name, "", field.type, _encoded(field, ops.values[name]))
    except CodecError as error:
        unit.sink.emit(catalog.InvalidOperation(name, str(error)).at(span))
        return None


def _encoded(field: KernelField, value: int | str | bytes) -> Initial:
    """A value as its field's type; raises `CodecError` where it is none."""
    type: Type = field.type
    if field.bits is not None or not (is_integer(type) or type == BOOL or isinstance(type, Enum | Array)):
        raise CodecError(f"a `{'bit-field' if field.bits is not None else type}` cannot be set")
    if isinstance(type, Array):
        return codec_for(type).encode(value)
    number = as_int(type) if type != BOOL else None
    if not isinstance(value, int) or not (value in (0, 1) if number is None else fits(value, number)):
        raise CodecError(f"{value!r} is no `{type}`")
    return int(value)
