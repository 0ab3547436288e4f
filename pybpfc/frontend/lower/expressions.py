"""Lowering expressions: scalars become values, places become addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.contexts import ContextType
from pybpfc.frontend.lower.context import Lowering, call_result, register_type
from pybpfc.frontend.lower.kernel_access import (
    core_address,
    in_chain,
    is_foreign,
    lower_query,
    read_foreign,
    readable_address,
    strided_address,
)
from pybpfc.frontend.lower.maps import finish_ringbuf_call, lower_map_method
from pybpfc.frontend.lower.memory import (
    STACK_ALIGN,
    alignment,
    equals_array,
    equals_bytes,
    initialise,
    load_place,
    store_field,
)
from pybpfc.frontend.lower.reductions import lower_reduction
from pybpfc.frontend.lower.timers import lower_timer_callback
from pybpfc.ir.module import Block
from pybpfc.ir.ops import ArithOp, Const, GlobalPointer, MapPointer, Predicate, Value
from pybpfc.lang.types import (
    BOOL,
    CHAR,
    I64,
    U8,
    U32,
    U64,
    Array,
    Bool,
    Field,
    Int,
    Pointer,
    Space,
    Struct,
    Type,
    Void,
    as_int,
    size_of,
)


def lower_value(low: Lowering, e: t.Expr) -> Value:
    """The value of a scalar expression. Calls without a result give a constant that nothing uses."""
    low.b.span = e.span
    return _VALUES[type(e)](low, e)


def lower_address(low: Lowering, e: t.Expr) -> Value:
    """The address of a place; aggregates that are made here get a slot."""
    low.b.span = e.span
    match e:
        case t.Deref():
            return lower_value(low, e.pointer)
        case t.Member() | t.Element() if in_chain(e):
            return core_address(low, e)
        case t.Element() if e.through_pointer or is_foreign(e):
            return strided_address(low, e)
        case t.Member():
            return low.b.field_address(lower_address(low, e.base), e.struct, e.field)
        case t.Element():
            return _element_address(low, e)
        case t.Part():
            return _part_address(low, e)
        case t.GlobalPlace():
            return GlobalPointer(e.variable)
        case t.NewStruct():
            return _new_struct(low, e)
        case t.NewArray():
            return _new_array(low, e)
        case t.NewDynptr():
            return _new_dynptr(low, e)
        case t.CallFunction():
            slot = low.slot("result", e.type)
            _call_function(low, e, low.b.address_of(slot))
            return low.b.address_of(slot)
        case t.ContextMember() if isinstance(e.type, Array):
            slot = low.slot(e.name, e.type)
            initialise(low, low.b.address_of(slot), e.type, e, STACK_ALIGN)
            return low.b.address_of(slot)
        case _:
            raise AssertionError(f"{type(e).__name__} has no address")


def _element_address(low: Lowering, e: t.Element) -> Value:
    base = lower_address(low, e.base)
    index = lower_value(low, e.index)
    element = e.base.type.element if isinstance(e.base.type, Array) else e.type
    if not isinstance(index, Const):
        index = low.b.convert(index, I64 if as_int(index.type).signed else U64)
        if isinstance(e.base.type, Array) and not _is_counted(low, e.index):
            index = low.b.bounded(index, 0, e.base.type.length - 1)
            if e.end is not None:
                context = lower_value(low, e.end.context)
                return low.b.packet_element(base, element, index, context, e.end.offset)
    return low.b.element_address(base, element, index)


def _is_counted(low: Lowering, index: t.Expr) -> bool:
    while isinstance(index, t.Convert):
        index = index.operand
    return isinstance(index, t.ReadVariable) and index.variable in low.counted


def _part_address(low: Lowering, e: t.Part) -> Value:
    assert isinstance(e.type, Array)
    base = lower_address(low, e.base)
    space = base.type.space if isinstance(base.type, Pointer) else Space.STACK
    first = low.b.element_address(base, e.type.element, low.constant(I64, e.start))
    return low.b.convert(first, Pointer(e.type, space))


def _new_struct(low: Lowering, e: t.NewStruct) -> Value:
    slot = low.slot(e.struct.name, e.struct)
    pointer = low.b.address_of(slot)
    values = [(f, v, lower_value(low, v) if _is_scalar(v) else None) for f, v in e.members]
    low.b.memset(pointer, e.struct.size)
    for field, expr, value in values:
        _set_field(low, pointer, e.struct, field, expr, value)
    return low.b.address_of(slot)


def _new_dynptr(low: Lowering, e: t.NewDynptr) -> Value:
    args = [lower_value(low, a) for a in e.args]
    pointer = low.b.address_of(low.slot("dynptr", e.type))
    low.b.span = e.span
    low.b.helper(e.helper, (*args, pointer), I64)
    return pointer


def _is_scalar(e: t.Expr) -> bool:
    return not isinstance(e.type, Array | Struct)


def _set_field(low: Lowering, base: Value, struct: Struct, field: Field, expr: t.Expr, value: Value | None) -> None:
    from math import gcd

    address = low.b.field_address(base, struct, field)
    if value is not None and not isinstance(field.type, Array | Struct):
        store_field(low, address, field, value)
    else:
        initialise(low, address, field.type, expr, gcd(STACK_ALIGN, field.offset or STACK_ALIGN))


def _new_array(low: Lowering, e: t.NewArray) -> Value:
    assert isinstance(e.type, Array)
    slot = low.slot("array", e.type)
    pointer = low.b.address_of(slot)
    if e.initial is None:
        low.b.memset(pointer, size_of(e.type))
    elif isinstance(e.initial, tuple):
        if len(e.initial) < e.type.length:
            low.b.memset(pointer, size_of(e.type))
        for index, item in enumerate(e.initial):
            address = low.b.element_address(pointer, e.type.element, low.constant(I64, index))
            initialise(low, address, e.type.element, item, min(STACK_ALIGN, size_of(e.type.element)))
    else:
        initialise(low, pointer, e.type, e.initial, STACK_ALIGN if size_of(e.type) >= STACK_ALIGN else 1)
    return low.b.address_of(slot)


# -------------------------------------------------------------------------------------- values


def _literal(low: Lowering, e: t.Literal) -> Value:
    return low.constant(e.type, e.value)


def _read_variable(low: Lowering, e: t.ReadVariable) -> Value:
    return low.b.convert(low.read_variable(e.variable), register_type(e.type))


def _read_place(low: Lowering, e: t.Expr) -> Value:
    if is_foreign(e):
        return read_foreign(low, e)
    return load_place(low, lower_address(low, e), e)


def _map_object(low: Lowering, e: t.MapObject) -> Value:
    return MapPointer(e.map) if e.reference is None else lower_value(low, e.reference)


def _context_member(low: Lowering, e: t.ContextMember) -> Value:
    type = _context_type(e)
    value = low.b.context_load(lower_value(low, e.context), e.offset, register_type(type))
    if is_short(e):
        return swap_short(low, value)
    if isinstance(type, Int) and type.big_endian:
        return low.b.byte_swap(value)
    return value


def is_short(e: t.ContextMember) -> bool:
    """Whether a field of four bytes holds a 16-bit number in network order (`protocol`, `user_port`)."""
    struct = e.context.type.to if isinstance(e.context.type, Pointer) else None
    return e.name in getattr(struct, "short", ())


def swap_short(low: Lowering, value: Value) -> Value:
    """The lower 16 bits of a u32 between network and host order."""
    return low.b.convert(low.b.byte_swap(low.b.convert(value, Int(16, False))), value.type)


def _context_type(e: t.ContextMember) -> Any:
    """The field's type with its byte order, which the expression's type has lost."""
    pointer = e.context.type
    struct = pointer.to if isinstance(pointer, Pointer) else None
    field = struct.find(e.name) if isinstance(struct, Struct) else None
    if field is None:
        return e.type
    return field.type.element if isinstance(field.type, Array) else field.type


def _context_string(low: Lowering, e: t.ContextString) -> Value:
    context = lower_value(low, e.context)
    place = low.b.convert(low.b.context_load(context, e.offset, U32), U64)
    offset = low.b.arith(ArithOp.AND, place, low.constant(U64, 0xFFFF))
    base = low.b.convert(context, U64)
    return low.b.convert(low.b.arith(ArithOp.ADD, base, offset), Pointer(CHAR, Space.KERNEL))


def _packet_at(low: Lowering, e: t.PacketAt) -> Value:
    context, offset = lower_value(low, e.context), lower_value(low, e.offset)
    to = e.type.to if isinstance(e.type, Pointer) else U8
    return low.b.packet_pointer(context, e.data_offset, e.end_offset, offset, to, e.size)


def _arithmetic(low: Lowering, e: t.Arithmetic) -> Value:
    lhs, rhs = lower_value(low, e.lhs), lower_value(low, e.rhs)
    low.b.span = e.span
    if isinstance(e.type, Bool):
        type = U8
        wide = low.b.arith(e.op, low.b.convert(lhs, type), low.b.convert(rhs, type))
        return low.b.compare(Predicate.NE, wide, low.constant(type, 0))
    if e.op is ArithOp.SUB and _is_packet_address(e.lhs) and _is_packet_address(e.rhs):
        # a length: the verifier lets pointers be subtracted whole, not by their lower halves
        wide = low.b.arith(e.op, low.b.convert(lhs, U64), low.b.convert(rhs, U64))
        return low.b.convert(low.b.opaque(wide), e.type)
    return low.b.arith(e.op, lhs, rhs)


def _is_packet_address(e: t.Expr) -> bool:
    """`ctx.data` and the like, which programs know as numbers."""
    while isinstance(e, t.Convert):
        e = e.operand
    if not isinstance(e, t.ContextMember) or not isinstance(e.context.type, Pointer):
        return False
    context = e.context.type.to
    return isinstance(context, ContextType) and context.packet is not None and e.offset in context.packet


def _invert(low: Lowering, e: t.Invert) -> Value:
    operand = lower_value(low, e.operand)
    return low.b.arith(ArithOp.XOR, operand, low.constant(e.type, -1))


def _comparison(low: Lowering, e: t.Comparison) -> Value:
    lhs, rhs = lower_value(low, e.lhs), lower_value(low, e.rhs)
    low.b.span = e.span
    return low.b.compare(e.predicate, lhs, rhs)


def _text_comparison(low: Lowering, e: t.TextComparison) -> Value:
    lhs = readable_address(low, e.lhs)
    assert isinstance(e.lhs.type, Array)
    if isinstance(e.rhs, t.Text):
        data = e.rhs.value
        if e.rhs.is_str and not e.prefix:
            data += b"\0"
        if len(data) > size_of(e.lhs.type) or (not e.rhs.is_str and len(data) != size_of(e.lhs.type)):
            equal: Value = low.constant(BOOL, 0)
        else:
            equal = equals_bytes(low, lhs, data, alignment(e.lhs))
    else:
        assert isinstance(e.rhs.type, Array)
        equal = equals_array(low, lhs, readable_address(low, e.rhs), e.lhs.type, e.rhs.type)
    if e.negated:
        return low.b.compare(Predicate.EQ, equal, low.constant(BOOL, 0))
    return equal


def _condition_value(low: Lowering, e: t.Expr) -> Value:
    """`and`, `or` as a `bool`: by branches, so that what must not be evaluated is not."""
    b = low.b
    result = low.slot("condition", BOOL)
    yes, no, done = b.new_block("true"), b.new_block("false"), b.new_block("condition")
    lower_branch(low, e, yes, no)
    for block, value in ((yes, 1), (no, 0)):
        b.place(block)
        b.write(result, low.constant(BOOL, value))
        b.jump(done)
    b.place(done)
    return b.read(result)


def _not(low: Lowering, e: t.Not) -> Value:
    return low.b.compare(Predicate.EQ, lower_value(low, e.operand), low.constant(BOOL, 0))


_OWN_MEMORY = frozenset({Space.STACK, Space.MAP_VALUE, Space.RINGBUF, Space.GLOBAL})


def _truth(low: Lowering, e: t.Truth) -> Value:
    operand = lower_value(low, e.operand)
    if _is_never_null(e.operand.type):
        return low.constant(BOOL, 1)
    return low.b.compare(Predicate.NE, operand, Const(operand.type, 0))


def _is_never_null(type: Type) -> bool:
    """Whether an address needs no test. The verifier would follow both ways of one, even of a stack's."""
    return isinstance(type, Pointer) and type.space in _OWN_MEMORY and not type.nullable


def _conditional(low: Lowering, e: t.Conditional) -> Value:
    b = low.b
    result = low.slot("choice", register_type(e.type))
    then, otherwise, done = b.new_block("then"), b.new_block("else"), b.new_block("choice")
    lower_branch(low, e.condition, then, otherwise)
    for block, branch in ((then, e.then), (otherwise, e.otherwise)):
        b.place(block)
        b.write(result, lower_value(low, branch))
        b.jump(done)
    b.place(done)
    return b.read(result)


def _convert(low: Lowering, e: t.Convert) -> Value:
    operand = lower_value(low, e.operand)
    low.b.span = e.span
    return low.b.convert(operand, register_type(e.type))


def _limited(low: Lowering, e: t.Limited) -> Value:
    return low.b.bounded(lower_value(low, e.operand), e.low, e.high)


def _assignment(low: Lowering, e: t.Assignment) -> Value:
    value = lower_value(low, e.value)
    low.write_variable(e.variable, value)
    return value


def _address_of(low: Lowering, e: t.AddressOf) -> Value:
    return low.b.convert(lower_address(low, e.place), register_type(e.type))


def _call_function(low: Lowering, e: t.CallFunction, out: Value | None = None) -> Value:
    args = [lower_address(low, a) if not _is_scalar(a) else lower_value(low, a) for a in e.args]
    low.b.span = e.span
    if out is None and not _is_scalar(e):
        return lower_address(low, e)
    result = Void() if out is not None else register_type(call_result(e.type, e.function.function.exported))
    return low.b.call(e.function.name, [*([out] if out is not None else []), *args], result) or Const(U64, 0)


def _call_kernel(low: Lowering, e: t.CallKernel) -> Value:
    args = [lower_value(low, a) for a in e.args]
    low.b.span = e.span
    return low.b.kernel(e.function, args, register_type(e.type)) or Const(U64, 0)


def _kernel_symbol_exists(low: Lowering, e: t.KernelSymbolExists) -> Value:
    low.b.span = e.span
    return low.b.kernel_symbol_exists(e.function)


def _call_helper(low: Lowering, e: t.CallHelper) -> Value:
    args = [lower_value(low, a) for a in e.args]
    low.b.span = e.span
    result = low.b.helper(e.helper, args, register_type(e.type))
    if result is None:
        return Const(U64, 0)
    finish_ringbuf_call(low, e, result)
    return result


def _atomic(low: Lowering, e: t.AtomicOperation) -> Value:
    address, value = lower_address(low, e.place), lower_value(low, e.value)
    expected = lower_value(low, e.expected) if e.expected is not None else None
    low.b.span = e.span
    return low.b.atomic(e.op, address, value, expected=expected, fetch=e.fetch) or Const(U64, 0)


def _min_max(low: Lowering, e: t.MinMax) -> Value:
    best = lower_value(low, e.operands[0])
    predicate = Predicate.LT if e.is_min else Predicate.GT
    for operand in e.operands[1:]:
        value = lower_value(low, operand)
        best = low.b.select(low.b.compare(predicate, value, best), value, best)
    return best


def _printing(low: Lowering, e: t.Printing) -> Value:
    values = [readable_address(low, v) if not _is_scalar(v) else lower_value(low, v) for v in e.values]
    if e.buffer is not None:
        buffer = lower_address(low, e.buffer)
        low.b.span = e.span
        return low.b.snprintf(buffer, size_of(e.buffer.type), e.parts, values)
    low.b.span = e.span
    low.b.print(e.parts, values)
    return Const(U64, 0)


# ----------------------------------------------------------------------------------- branching


def lower_branch(low: Lowering, e: t.Expr, then: Block, otherwise: Block) -> None:
    """Branch on a condition without making a `bool` of it first."""
    match e:
        case t.Logical():
            for operand in e.operands[:-1]:
                going = low.b.new_block("and" if e.is_and else "or")
                if e.is_and:
                    lower_branch(low, operand, going, otherwise)
                else:
                    lower_branch(low, operand, then, going)
                low.b.place(going)
            lower_branch(low, e.operands[-1], then, otherwise)
        case t.Not():
            lower_branch(low, e.operand, otherwise, then)
        case t.Literal():
            low.b.jump(then if e.value else otherwise)
        case t.Truth(operand=operand) if _is_never_null(operand.type):
            lower_value(low, operand)
            low.b.jump(then)
        case _:
            variable, nonnull = _tested_pointer(e)
            condition = lower_value(low, e)
            low.b.span = e.span
            if variable is None or variable not in low.locals:
                low.b.branch(condition, then, otherwise)
                return
            known, wanted = low.b.new_block("known"), then if nonnull else otherwise
            low.b.branch(condition, known if nonnull else then, otherwise if nonnull else known)
            low.b.place(known)
            low.write_variable(variable, low.b.checked(low.read_variable(variable)))
            low.b.jump(wanted)


def _tested_pointer(e: t.Expr) -> tuple[t.Variable | None, bool]:
    """The variable that a condition tests for None, and whether it is not None where the condition holds.

    Not those of packets: the verifier knows no null among them, and LLVM finds the tests of their bounds behind it.
    """
    nonnull = True
    match e:
        case t.Truth(operand=operand):
            pass
        case t.Comparison(lhs=operand, rhs=t.Literal(value=0), predicate=predicate):
            nonnull = predicate is Predicate.NE
        case _:
            return None, False
    if isinstance(operand, t.ReadVariable | t.Assignment) and isinstance(operand.type, Pointer):
        return (operand.variable, nonnull) if operand.type.space is not Space.PACKET else (None, False)
    return None, False


_VALUES: dict[type[t.Expr], Callable[[Lowering, Any], Value]] = {
    t.Literal: _literal,
    t.ReadVariable: _read_variable,
    t.GlobalPlace: _read_place,
    t.Deref: _read_place,
    t.Member: _read_place,
    t.Element: _read_place,
    t.MapObject: _map_object,
    t.TimerCallback: lower_timer_callback,
    t.ContextMember: _context_member,
    t.ContextString: _context_string,
    t.PacketAt: _packet_at,
    t.Arithmetic: _arithmetic,
    t.Invert: _invert,
    t.Comparison: _comparison,
    t.TextComparison: _text_comparison,
    t.Logical: _condition_value,
    t.Not: _not,
    t.Truth: _truth,
    t.Conditional: _conditional,
    t.Convert: _convert,
    t.Limited: _limited,
    t.Assignment: _assignment,
    t.AddressOf: _address_of,
    t.CallFunction: _call_function,
    t.CallHelper: _call_helper,
    t.CallKernel: _call_kernel,
    t.KernelSymbolExists: _kernel_symbol_exists,
    t.MapMethod: lower_map_method,
    t.AtomicOperation: _atomic,
    t.CoreQuery: lower_query,
    t.MinMax: _min_max,
    t.Reduction: lower_reduction,
    t.Printing: _printing,
}
