"""From IR to LLVM: one text, function by function.

LLVM is written as text because the process that compiles has no need of the LLVM library then: only the isolated
worker loads it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pybpfc.backend.core_access import emit_address, emit_query
from pybpfc.backend.debug_info import DebugInfo, quote
from pybpfc.backend.kernel_calls import KernelFunctions, emit_call, emit_exists
from pybpfc.backend.maps import map_attributes
from pybpfc.ir import ops
from pybpfc.ir.module import Function, GlobalVar, Initial, Linkage, Module, OpsDef, Target
from pybpfc.ir.ops import ArithOp, AtomicOp, Predicate
from pybpfc.lang.types import Array, Bool, Enum, Int, Pointer, Space, Struct, Type, Void, align_of, as_int, size_of

_ARITHMETIC = {
    ArithOp.ADD: "add",
    ArithOp.SUB: "sub",
    ArithOp.MUL: "mul",
    ArithOp.DIV: "udiv",
    ArithOp.MOD: "urem",
    ArithOp.SDIV: "sdiv",
    ArithOp.SMOD: "srem",
    ArithOp.AND: "and",
    ArithOp.OR: "or",
    ArithOp.XOR: "xor",
    ArithOp.LSH: "shl",
    ArithOp.RSH: "lshr",
    ArithOp.ARSH: "ashr",
}
_LAYOUT = {False: "e-m:e-p:64:64-i64:64-i128:128-n32:64-S128", True: "E-m:e-p:64:64-i64:64-i128:128-n32:64-S128"}
_MAX_ALIGN = 8
_CHUNK = 64  # stores LLVM is asked to make of one fill or copy; it makes up to 128 inline and fails on more


def emit_module(module: Module, target: Target) -> str:
    """The module as LLVM text."""
    return ModuleEmitter(module, target).emit()


def register(type: Type) -> str:
    """A type's LLVM type in a register."""
    match type:
        case Void():
            return "void"
        case Bool():
            return "i1"
        case Int() | Enum():
            return f"i{as_int(type).bits}"
        case Pointer():
            return "ptr"
        case _:
            return f"[{size_of(type)} x i8]"


def memory(type: Type) -> str:
    """A type's LLVM type in memory."""
    return "i8" if isinstance(type, Bool) else register(type)


def symbol(name: str) -> str:
    """A global's LLVM name."""
    return f"@{quote(name)}"


class ModuleEmitter:
    """Emits a module; `declared` and `constants` are what its functions need besides."""

    def __init__(self, module: Module, target: Target) -> None:
        self.module = module
        self.target = target
        self.debug = DebugInfo(module)
        self.declared: set[str] = set()
        self.constants: list[str] = []
        self.queries = 0
        self.kernel_functions = KernelFunctions()

    def emit(self) -> str:
        """Everything."""
        parts = [
            f"source_filename = {quote(self.module.file)}",
            f'target datalayout = "{_LAYOUT[self.target.big_endian]}"',
            f'target triple = "{self.target.triple}"',
            "",
        ]
        parts += [self._map(m) for m in self.module.maps]
        parts += [self._global(g) for g in self.module.globals]
        parts.append(self._license())
        used = [symbol(m.name) for m in self.module.maps] + ["@_license"]
        parts += [self._struct_ops(o) for o in self.module.struct_ops]
        used += [symbol(o.name) for o in self.module.struct_ops]
        used += [symbol(g.name) for g in self.module.globals if g.exported and not g.external]
        listed = ", ".join(f"ptr {u}" for u in used)
        parts.append(f'@llvm.compiler.used = appending global [{len(used)} x ptr] [{listed}], section "llvm.metadata"')
        for function in self.module.functions:
            parts.append("")
            parts += FunctionEmitter(self, function).emit()
        parts.append("")
        parts += self.constants
        parts += sorted(self.declared)
        parts += self.kernel_functions.declarations(self.debug)
        parts.append('attributes #0 = { nounwind "no-builtins" }')
        parts.append('attributes #1 = { nounwind alwaysinline "no-builtins" }')
        parts.append('attributes #2 = { nounwind noinline "no-builtins" }')
        parts.append("")
        parts += self.debug.finish()
        return "\n".join(parts) + "\n"

    def _license(self) -> str:
        """The licence; libbpf's linker wants it described in BTF too."""
        text = self.module.license.encode() + b"\0"
        value, debug = f"[{len(text)} x i8] {_bytes(text)}", self.debug.license(len(text))
        return f'@_license = dso_local global {value}, section "license", align 1, !dbg {debug}'

    def _map(self, m: Any) -> str:
        attributes = map_attributes(m)
        debug = self.debug.map(m, attributes)
        struct = "{ " + ", ".join("[0 x ptr]" if name == "values" else "ptr" for name, _ in attributes) + " }"
        return f'{symbol(m.name)} = dso_local global {struct} zeroinitializer, section ".maps", align 8, !dbg {debug}'

    def _struct_ops(self, ops: OpsDef) -> str:
        """A struct of operations, in the section from which libbpf attaches it by a link."""
        kinds = ["ptr" if m.type is None else memory(m.type) for m in ops.members]
        values = [
            symbol(m.function) if m.type is None else _initial(m.type, m.initial, self.target.big_endian)
            for m in ops.members
        ]
        members = ", ".join(f"{kind} {value}" for kind, value in zip(kinds, values, strict=True))
        place = f'section ".struct_ops.link", align 8, !dbg {self.debug.struct_ops(ops)}'
        return f"{symbol(ops.name)} = dso_local global {{ {', '.join(kinds)} }} {{ {members} }}, {place}"

    def _global(self, g: GlobalVar) -> str:
        if g.external:
            debug = self.debug.global_variable(g)
            linkage = "extern_weak" if g.weak else "external"
            kind, align = ("i8", 1) if isinstance(g.type, Void) else (memory(g.type), align_of(g.type))
            place = f"section {quote(g.section)}, align {align}, !dbg {debug}"
            return f"{symbol(g.name)} = {linkage} global {kind}, {place}"
        align = max(align_of(g.type), _MAX_ALIGN if size_of(g.type) >= _MAX_ALIGN else 1)
        constant = "constant" if g.section == ".rodata" else "global"
        value = _initial(g.type, g.initial, self.target.big_endian)
        if not g.exported:
            return f"{symbol(g.name)} = internal {constant} {memory(g.type)} {value}, align {align}"
        # set before load: the optimiser must not believe the initial value
        outside = "externally_initialized " if g.section == ".rodata" else ""
        debug = self.debug.global_variable(g)
        return f"{symbol(g.name)} = dso_local {outside}{constant} {memory(g.type)} {value}, align {align}, !dbg {debug}"


def _bytes(data: bytes) -> str:
    return "c" + '"' + "".join(chr(b) if 32 <= b < 127 and b not in (34, 92) else f"\\{b:02X}" for b in data) + '"'


def _initial(type: Type, value: Initial, big_endian: bool) -> str:
    if isinstance(type, Array) and isinstance(value, tuple):
        return _bytes(_elements(type, value, big_endian))
    if isinstance(type, Array | Struct):
        if not isinstance(value, bytes) or not any(value):
            return "zeroinitializer"
        return _bytes(value.ljust(size_of(type), b"\0"))
    number = value if isinstance(value, int) else 0
    if isinstance(type, Int) and type.big_endian and not big_endian:
        raw = type.host.wrap(number).to_bytes(type.bits // 8, "big")
        number = int.from_bytes(raw, "little")
    return str(number)


def _elements(type: Array, values: tuple[Initial, ...], big_endian: bool) -> bytes:
    """Numbers, or rows of them, as they lie in the target's memory."""
    parts: list[bytes] = []
    for value in values:
        if isinstance(type.element, Array) and isinstance(value, tuple):
            parts.append(_elements(type.element, value, big_endian))
        elif isinstance(type.element, Int) and isinstance(value, int):
            raw = value & (1 << type.element.bits) - 1
            parts.append(raw.to_bytes(type.element.bits // 8, "big" if big_endian else "little"))
    return b"".join(parts)


def _slot(local: ops.Local, addressed: bool) -> str:
    """The type and alignment of a local's place on the stack.

    One whose address is used fills slots of 8 bytes: the verifier forgets what it knows of a spilled register when
    something else is written into its slot.
    """
    size = size_of(local.type)
    if addressed:
        return f"[{-(-size // _MAX_ALIGN) * _MAX_ALIGN} x i8], align {_MAX_ALIGN}"
    align = max(align_of(local.type), _MAX_ALIGN if size >= _MAX_ALIGN else 1)
    return f"{memory(local.type)}, align {align}"


class FunctionEmitter:
    """Emits one function; `values` maps temporaries to LLVM names."""

    def __init__(self, owner: ModuleEmitter, function: Function) -> None:
        self.owner = owner
        self.function = function
        self.debug = owner.debug
        self.scope = self.debug.function(function)
        self.lines: list[str] = []
        self.count = 0
        self.names: dict[int, str] = {}
        self.aligns: dict[int, int] = {}
        self.at = ""

    def emit(self) -> list[str]:
        """The function's lines."""
        f = self.function
        params = ", ".join(f"{register(p.type)} %p{i}" for i, p in enumerate(f.params))
        linkage = "internal" if f.linkage is Linkage.STATIC else "dso_local"
        section = f" section {quote(f.program.section)}" if f.program is not None else ""
        attributes = "#1" if f.inline else "#2" if f.noinline else "#0"
        name = symbol(f.name)
        head = f"define {linkage} {register(f.result)} {name}({params}) {attributes}{section} !dbg {self.scope} {{"
        self.at = f", !dbg {self.debug.location(f.span, self.scope)}"
        addressed = {op.local.id for block in f.blocks for op in block.ops if isinstance(op, ops.AddressOf)}
        for local in f.locals:
            self.lines.append(f"  %l{local.id} = alloca {_slot(local, local.id in addressed)}")
        for index, param in enumerate(f.params):
            if f.linkage is Linkage.GLOBAL:  # what callers do not pass, as it is not used, the verifier misses
                self.lines.append(f'  call void asm sideeffect "", "r"({register(param.type)} %p{index}){self.at}')
            self._store_register(f"%p{index}", param.type, f"%l{param.id}")
        first = f.blocks[0].label
        self.lines.append(f"  br label %{quote(first)}{self.at}")
        for block in f.blocks:
            self.lines.append(f"{quote(block.label)}:")
            for op in block.ops:
                self.at = f", !dbg {self.debug.location(op.span, self.scope)}"
                _EMITTERS[type(op)](self, op)
            assert block.terminator is not None
            self.at = f", !dbg {self.debug.location(block.terminator.span, self.scope)}"
            self._terminator(block.terminator)
        return [head, "start:", *self.lines, "}"]

    # --------------------------------------------------------------------------- basics

    def _fresh(self) -> str:
        self.count += 1
        return f"%v{self.count}"

    def _set(self, op: ops.Op, text: str) -> str:
        """An instruction with a result."""
        name = self._fresh()
        if op.result is not None:
            self.names[op.result.id] = name
        self.lines.append(f"  {name} = {text}{self.at}")
        return name

    def _do(self, text: str) -> None:
        self.lines.append(f"  {text}{self.at}")

    def make(self, text: str) -> str:
        """An instruction whose value is no op's result."""
        name = self._fresh()
        self.lines.append(f"  {name} = {text}{self.at}")
        return name

    def do(self, text: str) -> None:
        """An instruction without a result."""
        self._do(text)

    def set_pointer(self, op: ops.Op, text: str) -> None:
        """An op's result from an instruction that gives an address."""
        self._set(op, text)
        self._note_align(op, _MAX_ALIGN)

    def set_truth(self, op: ops.Op, text: str) -> None:
        """An op's result from a comparison."""
        self._set(op, text)

    def set_number(self, op: ops.Op, value: str, width: int) -> None:
        """An op's result from a number of `width` bits, which is truncated, or tested for a `bool`."""
        assert op.result is not None
        if isinstance(op.result.type, Bool):
            self._set(op, f"icmp ne i{width} {value}, 0")
        elif (bits := as_int(op.result.type).bits) == width:
            self.names[op.result.id] = value
        else:
            self._set(op, f"{'trunc' if bits < width else 'zext'} i{width} {value} to i{bits}")

    def value(self, v: ops.Value) -> str:
        """A value's LLVM operand, without its type."""
        match v:
            case ops.Const():
                if isinstance(v.type, Pointer):
                    return "null" if v.value == 0 else f"inttoptr (i64 {v.value} to ptr)"
                if isinstance(v.type, Bool):
                    return "true" if v.value else "false"
                return str(v.value)
            case ops.Temp():
                return self.names[v.id]
            case ops.MapPointer():
                return symbol(v.map.name)
            case ops.GlobalPointer():
                return symbol(v.variable.name)
            case ops.FunctionPointer():
                return symbol(v.name)

    def typed(self, v: ops.Value) -> str:
        """A value's LLVM operand with its type."""
        return f"{register(v.type)} {self.value(v)}"

    def align(self, v: ops.Value) -> int:
        """What an address is known to be a multiple of."""
        if isinstance(v, ops.Temp):
            return self.aligns.get(v.id, 1)
        return _MAX_ALIGN if isinstance(v, ops.GlobalPointer) and size_of(v.variable.type) >= _MAX_ALIGN else 1

    def _note_align(self, op: ops.Op, align: int) -> None:
        if op.result is not None:
            self.aligns[op.result.id] = align

    def _store_register(self, value: str, type: Type, pointer: str, *, volatile: bool = False) -> None:
        if isinstance(type, Bool):
            value = self.make(f"zext i1 {value} to i8")
        word = "store volatile" if volatile else "store"
        self._do(f"{word} {memory(type)} {value}, ptr {pointer}, align {_natural(type)}")

    def _load_register(self, op: ops.Op, pointer: str, type: Type, *, volatile: bool = False) -> None:
        word = "load volatile" if volatile else "load"
        text = f"{word} {memory(type)}, ptr {pointer}, align {_natural(type)}"
        if isinstance(type, Bool):
            loaded = self.make(text)
            self._set(op, f"icmp ne i8 {loaded}, 0")
        else:
            self._set(op, text)

    # ------------------------------------------------------------------------------ ops

    def read_local(self, op: ops.ReadLocal) -> None:
        """A local's value."""
        self._load_register(op, f"%l{op.local.id}", op.local.type)

    def write_local(self, op: ops.WriteLocal) -> None:
        """Set a local."""
        self._store_register(self.value(op.value), op.local.type, f"%l{op.local.id}")

    def address_of(self, op: ops.AddressOf) -> None:
        """A local's address needs no instruction."""
        assert op.result is not None
        self.names[op.result.id] = f"%l{op.local.id}"
        size = size_of(op.local.type)
        self._note_align(op, _MAX_ALIGN if size >= _MAX_ALIGN else align_of(op.local.type))

    def load(self, op: ops.Load) -> None:
        """Read memory."""
        assert op.result is not None
        self._load_register(op, self.value(op.pointer), op.result.type, volatile=op.volatile)

    def store(self, op: ops.Store) -> None:
        """Write memory."""
        self._store_register(self.value(op.value), op.value.type, self.value(op.pointer), volatile=op.volatile)

    def field_address(self, op: ops.FieldAddress) -> None:
        """A member's address."""
        self._set(op, f"getelementptr i8, ptr {self.value(op.base)}, i64 {op.field.offset}")
        self._note_align(op, math.gcd(self.align(op.base), op.field.offset or _MAX_ALIGN))

    def element_address(self, op: ops.ElementAddress) -> None:
        """An element's address."""
        size = size_of(op.element)
        if isinstance(op.index, ops.Const):
            self._set(op, f"getelementptr i8, ptr {self.value(op.base)}, i64 {op.index.value * size}")
            self._note_align(op, math.gcd(self.align(op.base), op.index.value * size or _MAX_ALIGN))
            return
        index = self._extended(op.index)
        unit = {1: "i8", 2: "i16", 4: "i32", 8: "i64"}.get(size, f"[{size} x i8]")
        self._set(op, f"getelementptr {unit}, ptr {self.value(op.base)}, i64 {index}")
        self._note_align(op, math.gcd(self.align(op.base), size))

    def arith(self, op: ops.Arith) -> None:
        """Arithmetic."""
        self._set(op, f"{_ARITHMETIC[op.op]} {self.typed(op.lhs)}, {self.value(op.rhs)}")

    def compare(self, op: ops.Compare) -> None:
        """A comparison."""
        type = op.lhs.type
        signed = not isinstance(type, Bool | Pointer) and as_int(type).signed
        word = op.predicate.value
        if op.predicate not in (Predicate.EQ, Predicate.NE):
            word = ("s" if signed else "u") + word
        self._set(op, f"icmp {word} {self.typed(op.lhs)}, {self.value(op.rhs)}")

    def convert(self, op: ops.Convert) -> None:
        """A change of type."""
        assert op.result is not None
        source, to = op.value.type, op.result.type
        if isinstance(source, Pointer) and isinstance(to, Pointer):
            self.names[op.result.id] = self.value(op.value)
            self._note_align(op, self.align(op.value))
            return
        if isinstance(source, Pointer):
            wide = f"ptrtoint {self.typed(op.value)} to i64"
            if register(to) == "i64":
                self._set(op, wide)
            else:
                self._set(op, f"trunc i64 {self.make(wide)} to {register(to)}")
            return
        if isinstance(to, Pointer):
            self._set(op, f"inttoptr i64 {self._extended(op.value)} to ptr")
            if to.space is Space.PACKET:
                self._assume_not_null(op.result)
            return
        self._number(op, source, to)

    def _assume_not_null(self, pointer: ops.Temp) -> None:
        """The start of a packet never is null: without this, LLVM tests the lower half of the address for it."""
        self.owner.declared.add("declare void @llvm.assume(i1)")
        self._do(f'call void @llvm.assume(i1 true) ["nonnull"(ptr {self.names[pointer.id]})]')

    def _number(self, op: ops.Convert, source: Type, to: Type) -> None:
        assert op.result is not None
        have, want = (1 if isinstance(t, Bool) else as_int(t).bits for t in (source, to))
        if have == want:
            self.names[op.result.id] = self.value(op.value)
            return
        signed = not isinstance(source, Bool) and as_int(source).signed
        word = "trunc" if want < have else "sext" if signed else "zext"
        self._set(op, f"{word} {self.typed(op.value)} to {register(to)}")

    def byte_swap(self, op: ops.ByteSwapBigEndian) -> None:
        """Between network and host order."""
        assert op.result is not None
        kind = register(op.value.type)
        if self.owner.target.big_endian or kind == "i8":
            self.names[op.result.id] = self.value(op.value)
            return
        self.owner.declared.add(f"declare {kind} @llvm.bswap.{kind}({kind})")
        self._set(op, f"call {kind} @llvm.bswap.{kind}({self.typed(op.value)})")

    def opaque(self, op: ops.Opaque) -> None:
        """Assembly without instructions."""
        kind = register(op.value.type)
        self._set(op, f'call {kind} asm "", "=r,0"({kind} {self.value(op.value)})')

    def bounded(self, op: ops.Bounded) -> None:
        """A test that LLVM cannot drop, as it does not know where the value comes from."""
        kind = register(op.value.type)
        number = as_int(op.value.type)
        value = self.make(f'call {kind} asm "", "=r,0"({kind} {self.value(op.value)})')
        if op.low == 0 and op.high & (op.high + 1) == 0:
            self._set(op, f"and {kind} {value}, {op.high}")
            return
        if op.low == 0:
            fits = self.make(f"icmp ule {kind} {value}, {op.high}")
            self._set(op, f"select i1 {fits}, {kind} {value}, {kind} 0")
            return
        order = "s" if number.signed else "u"
        below = self.make(f"icmp {order}le {kind} {value}, {op.high}")
        value = self.make(f"select i1 {below}, {kind} {value}, {kind} {op.high}")
        above = self.make(f"icmp {order}ge {kind} {value}, {op.low}")
        self._set(op, f"select i1 {above}, {kind} {value}, {kind} {op.low}")

    def checked(self, op: ops.Checked) -> None:
        """The same register, of which LLVM knows nothing."""
        self._note_align(op, self.align(op.value))
        self._set(op, f'call ptr asm "", "=r,0"(ptr {self.value(op.value)})')

    def select(self, op: ops.Select) -> None:
        """One of two values."""
        self._set(op, f"select {self.typed(op.condition)}, {self.typed(op.then)}, {self.typed(op.otherwise)}")

    def memset(self, op: ops.MemSet) -> None:
        """Zero memory."""
        self.owner.declared.add("declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)")
        align = self.align(op.pointer)
        for offset, size in _pieces(op.size, align):
            place = self._moved(self.value(op.pointer), offset)
            self._do(f"call void @llvm.memset.p0.i64(ptr align {align} {place}, i8 0, i64 {size}, i1 false)")

    def memcpy(self, op: ops.MemCopy) -> None:
        """Copy memory."""
        self.owner.declared.add("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
        align = max(op.align, math.gcd(self.align(op.destination), self.align(op.source)))
        for offset, size in _pieces(op.size, align):
            to = self._moved(self.value(op.destination), offset)
            source = self._moved(self.value(op.source), offset)
            operands = f"ptr align {align} {to}, ptr align {align} {source}, i64 {size}, i1 false"
            self._do(f"call void @llvm.memcpy.p0.p0.i64({operands})")

    def _moved(self, pointer: str, offset: int) -> str:
        return self.make(f"getelementptr i8, ptr {pointer}, i64 {offset}") if offset else pointer

    def atomic(self, op: ops.Atomic) -> None:
        """An atomic read-modify-write; without a result it need not be ordered, and has no fetch."""
        kind, pointer, value = register(op.value.type), self.value(op.pointer), self.value(op.value)
        if op.op is AtomicOp.CMPXCHG:
            assert op.expected is not None
            operands = f"ptr {pointer}, {kind} {self.value(op.expected)}, {kind} {value}"
            pair = self.make(f"cmpxchg {operands} seq_cst seq_cst")
            self._set(op, f"extractvalue {{ {kind}, i1 }} {pair}, 0")
            return
        order = "seq_cst" if op.result is not None else "monotonic"
        self._set(op, f"atomicrmw {op.op.value} ptr {pointer}, {kind} {value} {order}")

    def apart(self, op: ops.Apart) -> None:
        """No instruction."""
        self._do(f'call void asm sideeffect "", "i"(i64 {op.number})')

    def helper_call(self, op: ops.HelperCall) -> None:
        """Call a helper: a call to its number. The kernel passes and returns 64 bits."""
        args = ", ".join(self._argument(a) for a in op.args)
        result = op.result.type if op.result is not None else Void()
        wide = "i64" if not isinstance(result, Void | Pointer) else register(result)
        call = f"call {wide} inttoptr (i64 {op.helper.id} to ptr)({args})"
        if op.result is None:
            self._do(call)
        elif wide == "i64" and register(result) not in ("i64",):
            self._set(op, f"trunc i64 {self.make(call)} to {register(result)}")
        else:
            self._set(op, call)
        self._note_align(op, _MAX_ALIGN)

    def _argument(self, v: ops.Value) -> str:
        return self.typed(v) if isinstance(v.type, Pointer) else f"i64 {self._extended(v)}"

    def _extended(self, v: ops.Value) -> str:
        """An integer as 64 bits."""
        if isinstance(v, ops.Const):
            return str(v.value)
        if register(v.type) == "i64":
            return self.value(v)
        signed = not isinstance(v.type, Bool) and as_int(v.type).signed
        return self.make(f"{'sext' if signed else 'zext'} {self.typed(v)} to i64")

    def call(self, op: ops.Call) -> None:
        """Call a function of the module."""
        args = ", ".join(self.typed(a) for a in op.args)
        result = register(op.result.type) if op.result is not None else "void"
        text = f"call {result} {symbol(op.function)}({args})"
        if op.result is None:
            self._do(text)
        else:
            self._set(op, text)

    def context_load(self, op: ops.ContextLoad) -> None:
        """Read the context: the verifier wants one access at a constant offset, just as written."""
        assert op.result is not None
        self._load_register(op, self._context(op.context, op.offset), op.result.type, volatile=True)

    def context_store(self, op: ops.ContextStore) -> None:
        """Write the context."""
        self._store_register(self.value(op.value), op.value.type, self._context(op.context, op.offset), volatile=True)

    def _context(self, context: ops.Value, offset: int) -> str:
        self.owner.declared.add("declare ptr @llvm.preserve.static.offset(ptr readnone)")
        base = self.make(f"call ptr @llvm.preserve.static.offset(ptr {self.value(context)})")
        return self.make(f"getelementptr inbounds i8, ptr {base}, i64 {offset}") if offset else base

    def _terminator(self, t: ops.Terminator) -> None:
        match t:
            case ops.Jump():
                self._do(f"br label %{quote(t.target)}")
            case ops.Branch():
                targets = f"label %{quote(t.then)}, label %{quote(t.otherwise)}"
                self._do(f"br {self.typed(t.condition)}, {targets}")
            case ops.Switch():
                kind = register(t.value.type)
                cases = " ".join(f"{kind} {value}, label %{quote(label)}" for value, label in t.cases)
                self._do(f"switch {self.typed(t.value)}, label %{quote(t.default)} [ {cases} ]")
            case ops.Return():
                self._do("ret void" if t.value is None else f"ret {self.typed(t.value)}")
            case _:
                self._do("unreachable")


def _natural(type: Type) -> int:
    return max(1, align_of(type))


def _pieces(size: int, align: int) -> list[tuple[int, int]]:
    """Offsets and sizes that LLVM makes inline stores of."""
    most = _CHUNK * max(1, min(align, _MAX_ALIGN))
    return [(at, min(most, size - at)) for at in range(0, size, most)]


_EMITTERS: dict[type[ops.Op], Callable[[FunctionEmitter, Any], None]] = {
    ops.ReadLocal: FunctionEmitter.read_local,
    ops.WriteLocal: FunctionEmitter.write_local,
    ops.AddressOf: FunctionEmitter.address_of,
    ops.Load: FunctionEmitter.load,
    ops.Store: FunctionEmitter.store,
    ops.FieldAddress: FunctionEmitter.field_address,
    ops.ElementAddress: FunctionEmitter.element_address,
    ops.CoreAddress: emit_address,
    ops.CoreQuery: emit_query,
    ops.Arith: FunctionEmitter.arith,
    ops.Compare: FunctionEmitter.compare,
    ops.Convert: FunctionEmitter.convert,
    ops.ByteSwapBigEndian: FunctionEmitter.byte_swap,
    ops.Opaque: FunctionEmitter.opaque,
    ops.Bounded: FunctionEmitter.bounded,
    ops.Checked: FunctionEmitter.checked,
    ops.Select: FunctionEmitter.select,
    ops.MemSet: FunctionEmitter.memset,
    ops.MemCopy: FunctionEmitter.memcpy,
    ops.Atomic: FunctionEmitter.atomic,
    ops.Apart: FunctionEmitter.apart,
    ops.HelperCall: FunctionEmitter.helper_call,
    ops.KernelCall: emit_call,
    ops.KernelSymbolExists: emit_exists,
    ops.Call: FunctionEmitter.call,
    ops.ContextLoad: FunctionEmitter.context_load,
    ops.ContextStore: FunctionEmitter.context_store,
}
