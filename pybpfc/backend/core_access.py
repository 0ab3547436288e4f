"""Access to kernel structs by LLVM's intrinsics, from which the BPF backend makes CO-RE records.

An address is a chain of `llvm.preserve.*.access.index` calls, one for each step; LLVM merges them into one record. What
each step is, only the debug information says. The intrinsics' own element types just have to have such an element:
until the chain is merged, LLVM makes `getelementptr` of it and may compute its cost.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pybpfc.ir import ops
from pybpfc.ir.module import Module
from pybpfc.ir.ops import CoreKind
from pybpfc.lang.types import Array, Enum, Field, Struct, Type, size_of

if TYPE_CHECKING:
    from pybpfc.backend.emit import FunctionEmitter

Path = tuple[Field | int, ...]

_TYPE_INFO = {CoreKind.TYPE_EXISTS: 0, CoreKind.TYPE_SIZE: 1, CoreKind.TYPE_MATCHES: 2}
_TYPE_ID = {CoreKind.TYPE_ID_LOCAL: 0, CoreKind.TYPE_ID_TARGET: 1}
_ENUM = {CoreKind.ENUMVAL_EXISTS: 0, CoreKind.ENUMVAL_VALUE: 1}


class UsedFields:
    """The fields of kernel structs that a module uses: only these are described, so that objects stay small."""

    def __init__(self, module: Module) -> None:
        self._used: dict[int, dict[str, Field]] = {}
        self._sorted: dict[int, tuple[Field, ...]] = {}
        for function in module.functions:
            for block in function.blocks:
                for op in block.ops:
                    self._note(op)

    def _note(self, op: ops.Op) -> None:
        if isinstance(op, ops.CoreAddress):
            self._follow(op.struct, op.path)
        elif isinstance(op, ops.CoreQuery) and isinstance(op.type, Struct):
            self._follow(op.type, op.path)
            if op.kind is CoreKind.TYPE_MATCHES:
                self._used.setdefault(id(op.type), {}).update(op.type.by_name)

    def _follow(self, at: Type, path: Path) -> None:
        for step in path:
            if isinstance(step, Field):
                self._used.setdefault(id(at), {})[step.name] = step
            at = following(at, step)

    def of(self, struct: Struct) -> tuple[Field, ...]:
        """A struct's fields that are used, in the order BTF wants."""
        key = id(struct)
        if key not in self._sorted:
            fields = self._used.get(key, {}).values()
            self._sorted[key] = tuple(sorted(fields, key=lambda f: f.offset * 8 + f.bit_offset))
        return self._sorted[key]

    def index(self, struct: Struct, field: Field) -> int:
        """Which of the fields described a field is."""
        return next(i for i, f in enumerate(self.of(struct)) if f.name == field.name)


def following(at: Type, step: Field | int) -> Type:
    """The type that a step leads to."""
    if isinstance(step, Field):
        return step.type
    assert isinstance(at, Array)
    return at.element


def emit_address(f: FunctionEmitter, op: ops.CoreAddress) -> None:
    """A field's address."""
    assert op.result is not None
    f.names[op.result.id] = _chain(f, f.value(op.base), op.struct, op.path)


def _chain(f: FunctionEmitter, pointer: str, struct: Struct, path: Path) -> str:
    """One call for each step."""
    at: Type = struct
    for step in path:
        if isinstance(step, Field):
            assert isinstance(at, Struct)
            pointer = _member(f, pointer, at, step)
        else:
            pointer = _call(f, "array", pointer, f"i32 1, i32 {step}", at, "i32, i32", step + 1)
        at = following(at, step)
    return pointer


def _member(f: FunctionEmitter, pointer: str, struct: Struct, field: Field) -> str:
    index = f.debug.used.index(struct, field)
    if struct.union:
        return _call(f, "union", pointer, f"i32 {index}", struct, "i32")
    return _call(f, "struct", pointer, f"i32 0, i32 {index}", struct, "i32, i32", index + 1, _unit(field))


def _unit(field: Field) -> int:
    """Bits of the integer whose alignment tells LLVM in what unit a bit-field lies; it may not cross a unit's end."""
    if field.bits is None:
        return 8
    unit = size_of(field.type) * 8
    first = field.offset * 8 + field.bit_offset
    while unit < 64 and first // unit != (first + field.bits - 1) // unit:
        unit *= 2
    return unit


def _call(
    f: FunctionEmitter, kind: str, pointer: str, rest: str, of: Type, parameters: str, elements: int = 0, unit: int = 8
) -> str:
    name = f"@llvm.preserve.{kind}.access.index.p0.p0"
    f.owner.declared.add(f"declare ptr {name}(ptr, {parameters})")
    element = f"elementtype([{elements} x i{unit}]) " if elements else ""
    return f.make(f"call ptr {name}(ptr {element}{pointer}, {rest}), !llvm.preserve.access.index {f.debug.type(of)}")


def emit_query(f: FunctionEmitter, op: ops.CoreQuery) -> None:
    """A fact about a type: a constant that the loader fills in."""
    assert op.result is not None
    if op.kind in _ENUM:
        value, width = _enumerator(f, op), 64
    elif op.kind in _TYPE_ID:
        flag = _TYPE_ID[op.kind]
        value, width = _numbered(f, "llvm.bpf.btf.type.id", "i64", f"i64 {flag}", ("i64",), op.type), 64
    elif op.kind in _TYPE_INFO:
        flag = _TYPE_INFO[op.kind]
        value, width = _numbered(f, "llvm.bpf.preserve.type.info", "i32", f"i64 {flag}", ("i64",), op.type), 32
    else:
        assert isinstance(op.type, Struct)
        place = _chain(f, "null", op.type, op.path)
        f.owner.declared.add("declare i32 @llvm.bpf.preserve.field.info.p0(ptr, i64)")
        value, width = f.make(f"call i32 @llvm.bpf.preserve.field.info.p0(ptr {place}, i64 {op.kind.value})"), 32
    f.set_number(op, value, width)


def _numbered(f: FunctionEmitter, name: str, result: str, rest: str, parameters: Iterable[str], of: Type) -> str:
    """A call that LLVM tells from others by its number."""
    f.owner.declared.add(f"declare {result} @{name}(i32, {', '.join(parameters)})")
    f.owner.queries += 1
    node = f.debug.type(of)
    return f.make(f"call {result} @{name}(i32 {f.owner.queries}, {rest}), !llvm.preserve.access.index {node}")


def _enumerator(f: FunctionEmitter, op: ops.CoreQuery) -> str:
    assert isinstance(op.type, Enum)
    text = f"{op.member}:{dict(op.type.members)[op.member]}\0"
    place = f"@.enumerator.{f.owner.queries}"
    f.owner.constants.append(f'{place} = private unnamed_addr constant [{len(text)} x i8] c"{text[:-1]}\\00"')
    rest = f"ptr {place}, i64 {_ENUM[op.kind]}"
    return _numbered(f, "llvm.bpf.preserve.enum.value", "i64", rest, ("ptr", "i64"), op.type)
