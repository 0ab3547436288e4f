"""The IR as text: one stable form for goldens and for `--emit ir`.

program tracepoint/… on_open(ctx: Ptr[…]) -> i32:
  local pid: u32
entry.4:
  %7 = call current_pid()
  pid = %7
  branch %9 ? then.6 : endif.8
"""

from __future__ import annotations

from collections.abc import Iterator

from pybpfc.ir import ops
from pybpfc.ir.module import Function, Linkage, Module
from pybpfc.lang.types import Field, Pointer, Type


def print_module(module: Module, *, spans: bool = False) -> str:
    """A module as text; with `spans`, each op with its line and column."""
    lines = [f"module {module.name} license {module.license!r}"]
    for map in module.maps:
        d = map.declaration
        types = f"[{d.key}, {d.value}]" if d.key is not None else f"[{d.value}]"
        kind = d.type_name.removeprefix("BPF_MAP_TYPE_")
        lines.append(f"map {map.name}: {kind}{types} max_entries={d.max_entries} flags={d.flags}")
    for variable in module.globals:
        lines.append(f"global {variable.section} {variable.name}: {variable.type} = {variable.initial!r}")
    for ops_def in module.struct_ops:
        lines.append(f"struct_ops {ops_def.name}: {ops_def.struct}")
        for member in ops_def.members:
            value = f"{member.type} = {member.initial!r}" if member.type is not None else member.function
            lines.append(f"  {member.name}: {value}")
    for function in module.functions:
        lines.append("")
        lines.extend(_function(function, spans))
    return "\n".join(lines) + "\n"


def print_function(function: Function, *, spans: bool = False) -> str:
    """A function as text."""
    return "\n".join(_function(function, spans)) + "\n"


def _function(function: Function, spans: bool) -> Iterator[str]:
    names = _Names(function)
    kind = f"program {function.program.section}" if function.program is not None else function.linkage.value
    if function.linkage is Linkage.STATIC and function.inline:
        kind += " inline"
    params = ", ".join(f"{names.local(p)}: {_type(p.type)}" for p in function.params)
    yield f"{kind} {function.name}({params}) -> {function.result}:"
    for local in function.locals:
        if local.param is None:
            yield f"  local {names.local(local)}: {_type(local.type)}"
    for block in function.blocks:
        yield f"{names.label(block.label)}:"
        for op in block.ops:
            where = f"  ; {op.span.line}:{op.span.column}" if spans else ""
            yield f"  {_op(op, names)}{where}"
        if block.terminator is not None:
            yield f"  {_terminator(block.terminator, names)}"


class _Names:
    """Numbers in the order of appearance, so that text does not depend on what was numbered and dropped."""

    def __init__(self, function: Function) -> None:
        self._temps: dict[int, int] = {}
        self._labels: dict[str, str] = {}
        self._locals: dict[int, str] = {}
        taken: dict[str, int] = {}
        for block in function.blocks:
            stem = block.label.rpartition(".")[0] or block.label
            taken[stem] = taken.get(stem, 0) + 1
            self._labels[block.label] = stem if taken[stem] == 1 else f"{stem}.{taken[stem]}"
        used: dict[str, int] = {}
        for local in function.locals:
            name = local.name if local.user else f".{local.name.lstrip('.')}"
            used[name] = used.get(name, 0) + 1
            self._locals[local.id] = name if used[name] == 1 else f"{name}.{used[name]}"

    def temp(self, temp: ops.Temp) -> str:
        """A temporary's name."""
        return f"%{self._temps.setdefault(temp.id, len(self._temps) + 1)}"

    def label(self, label: str) -> str:
        """A block's name."""
        return self._labels.get(label, label)

    def local(self, local: ops.Local) -> str:
        """A local's name."""
        return self._locals[local.id]

    def value(self, value: ops.Value) -> str:
        """A value."""
        match value:
            case ops.Const():
                return "null" if isinstance(value.type, Pointer) else f"{value.value}:{value.type}"
            case ops.Temp():
                return self.temp(value)
            case ops.MapPointer():
                return f"@{value.map.name}"
            case ops.GlobalPointer():
                return f"@{value.variable.name}"
            case ops.FunctionPointer():
                return f"&{value.name}"


def core_path(root: Type, path: tuple[Field | int, ...]) -> str:
    """A type and the way from it to a field: `task_struct.thread.cpu[0]`."""
    return str(root) + "".join(f"[{step}]" if isinstance(step, int) else f".{step.name}" for step in path)


def _type(type: Type) -> str:
    return f"{type}@{type.space.value}" if isinstance(type, Pointer) else str(type)


def _op(op: ops.Op, names: _Names) -> str:
    text = _action(op, names)
    if op.result is None:
        return text
    return f"{names.temp(op.result)}: {_type(op.result.type)} = {text}"


def _action(op: ops.Op, names: _Names) -> str:
    v = names.value
    match op:
        case ops.ReadLocal():
            return f"read {names.local(op.local)}"
        case ops.WriteLocal():
            return f"{names.local(op.local)} = {v(op.value)}"
        case ops.AddressOf():
            return f"address {names.local(op.local)}"
        case ops.Load():
            return f"load{' volatile' if op.volatile else ''} {v(op.pointer)}"
        case ops.Store():
            return f"store{' volatile' if op.volatile else ''} {v(op.pointer)}, {v(op.value)}"
        case ops.FieldAddress():
            return f"field {v(op.base)}, {op.struct.name}.{op.field.name} +{op.field.offset}"
        case ops.ElementAddress():
            return f"element {v(op.base)}[{v(op.index)}] of {op.element}"
        case ops.CoreAddress():
            return f"core {v(op.base)}, {core_path(op.struct, op.path)}"
        case ops.CoreQuery():
            member = f".{op.member}" if op.member else ""
            return f"core {op.kind.name.lower()} {core_path(op.type, op.path)}{member}"
        case ops.Arith():
            return f"{op.op.value} {v(op.lhs)}, {v(op.rhs)}"
        case ops.Compare():
            return f"{op.predicate.value} {v(op.lhs)}, {v(op.rhs)}"
        case ops.Convert():
            return f"convert {v(op.value)}"
        case ops.ByteSwapBigEndian():
            return f"swap_be {v(op.value)}"
        case ops.Opaque():
            return f"opaque {v(op.value)}"
        case ops.Apart():
            return f"apart {op.number}"
        case ops.Bounded():
            return f"bounded {v(op.value)}, {op.low} to {op.high}"
        case ops.Checked():
            return f"checked {v(op.value)}"
        case ops.Select():
            return f"select {v(op.condition)} ? {v(op.then)} : {v(op.otherwise)}"
        case ops.MemSet():
            return f"zero {v(op.pointer)}, {op.size}"
        case ops.MemCopy():
            return f"copy {v(op.destination)}, {v(op.source)}, {op.size} align {op.align}"
        case ops.Atomic():
            expected = f", expected {v(op.expected)}" if op.expected is not None else ""
            return f"atomic {op.op.value} {v(op.pointer)}, {v(op.value)}{expected}"
        case ops.HelperCall():
            return f"helper {op.helper.name}({', '.join(v(a) for a in op.args)})"
        case ops.KernelCall():
            return f"kernel {op.function.name}({', '.join(v(a) for a in op.args)})"
        case ops.KernelSymbolExists():
            return f"exists {op.function.name}"
        case ops.Call():
            return f"call {op.function}({', '.join(v(a) for a in op.args)})"
        case ops.ContextLoad():
            return f"context {v(op.context)} +{op.offset}"
        case ops.ContextStore():
            return f"context {v(op.context)} +{op.offset} = {v(op.value)}"
        case _:
            return _high_level(op, names)


def _map(op: ops.MapLookup | ops.MapUpdate | ops.MapDelete | ops.MapIncrement, names: _Names) -> str:
    return f"@{op.map.name}" if op.reference is None else names.value(op.reference)


def _high_level(op: ops.Op, names: _Names) -> str:
    v = names.value
    match op:
        case ops.PacketPointer():
            return f"packet {v(op.context)} at {v(op.offset)}, {op.size} bytes"
        case ops.PacketElement():
            return f"packet {v(op.context)} at {v(op.base)}[{v(op.index)}], {op.size} bytes each"
        case ops.MapLookup():
            return f"lookup {_map(op, names)}[{v(op.key)}]"
        case ops.MapUpdate():
            return f"update {_map(op, names)}[{v(op.key)}] = {v(op.value)}, flags {v(op.flags)}"
        case ops.MapDelete():
            return f"delete {_map(op, names)}[{v(op.key)}]"
        case ops.MapIncrement():
            return f"increment {_map(op, names)}[{v(op.key)}] += {v(op.value)}{' per-cpu' if op.per_cpu else ''}"
        case ops.Print():
            head = "print" if op.buffer is None else f"snprintf {v(op.buffer)}, {op.size},"
            return f"{head} {op.parts!r} {', '.join(v(a) for a in op.values)}".rstrip()
        case _:
            raise AssertionError(f"no text for {type(op).__name__}")


def _terminator(t: ops.Terminator, names: _Names) -> str:
    match t:
        case ops.Jump():
            return f"jump {names.label(t.target)}"
        case ops.Branch():
            return f"branch {names.value(t.condition)} ? {names.label(t.then)} : {names.label(t.otherwise)}"
        case ops.Switch():
            cases = ", ".join(f"{value}: {names.label(label)}" for value, label in t.cases)
            return f"switch {names.value(t.value)} {{{cases}, else: {names.label(t.default)}}}"
        case ops.Return():
            return "return" if t.value is None else f"return {names.value(t.value)}"
        case _:
            return "unreachable"
