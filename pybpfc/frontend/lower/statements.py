"""Lowering statements to blocks and jumps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.conversion import space_of
from pybpfc.frontend.lower.callbacks import leave_function, lower_callback_loop
from pybpfc.frontend.lower.context import LoopBlocks, Lowering, register_type
from pybpfc.frontend.lower.expressions import is_short, lower_address, lower_branch, lower_value, swap_short
from pybpfc.frontend.lower.kernel_access import is_foreign, read_at
from pybpfc.frontend.lower.memory import (
    alignment,
    copy_aggregate,
    initialise,
    load,
    memory_type,
    store,
    store_field,
    store_text,
)
from pybpfc.ir.ops import ArithOp, Predicate, Switch, Value
from pybpfc.lang.types import I64, VOID, Array, Int, Struct


def lower_block(low: Lowering, body: Sequence[t.Stmt]) -> None:
    """Statements in order; what follows a way out is unreachable and ends up in no block."""
    for statement in body:
        if not low.b.reachable:
            return
        low.b.span = statement.span
        _STATEMENTS[type(statement)](low, statement)


def _bind(low: Lowering, s: t.Bind) -> None:
    value = lower_value(low, s.value)
    low.b.span = s.span
    low.write_variable(s.variable, value)


def _store_place(low: Lowering, s: t.StorePlace) -> None:
    memory = memory_type(s.place)
    if isinstance(memory, Array | Struct):
        copy_aggregate(low, lower_address(low, s.place), s.value, alignment(s.place))
        return
    value = lower_value(low, s.value)
    address = lower_address(low, s.place)
    low.b.span = s.span
    if isinstance(s.place, t.Member):
        store_field(low, address, s.place.field, value)
    else:
        store(low, address, value, memory)


def _store_text(low: Lowering, s: t.StoreText) -> None:
    assert isinstance(s.place.type, Array)
    store_text(low, lower_address(low, s.place), s.place.type, s.value, alignment(s.place))


def _store_context(low: Lowering, s: t.StoreContext) -> None:
    value = lower_value(low, s.value)
    context = lower_value(low, s.target.context)
    low.b.span = s.span
    pointer = s.target.context.type
    struct = getattr(pointer, "to", None)
    field = struct.find(s.target.name) if isinstance(struct, Struct) else None
    if is_short(s.target):
        value = swap_short(low, value)
    elif field is not None and isinstance(field.type, Int) and field.type.big_endian:
        value = low.b.byte_swap(value)
    low.b.context_store(context, s.target.offset, value)


def _evaluate(low: Lowering, s: t.Evaluate) -> None:
    lower_value(low, s.value)


def _if(low: Lowering, s: t.If) -> None:
    then, otherwise, done = low.b.new_block("then"), low.b.new_block("else"), low.b.new_block("endif")
    lower_branch(low, s.condition, then, otherwise if s.otherwise else done)
    low.b.place(then)
    lower_block(low, s.then)
    low.b.jump(done)
    if s.otherwise:
        low.b.place(otherwise)
        lower_block(low, s.otherwise)
        low.b.jump(done)
    low.b.place(done)


def _while(low: Lowering, s: t.While) -> None:
    head, body, ended, done = (low.b.new_block(n) for n in ("while", "while.body", "while.else", "while.done"))
    low.b.jump(head)
    low.b.place(head)
    lower_branch(low, s.condition, body, ended)
    _loop_body(low, s.body, body, LoopBlocks(done, head))
    low.b.jump(head)
    low.b.place(ended)
    lower_block(low, s.otherwise)
    low.b.jump(done)
    low.b.place(done)


def _loop_body(low: Lowering, statements: Sequence[t.Stmt], body: Any, loop: LoopBlocks) -> None:
    low.b.place(body)
    low.loops.append(loop)
    lower_block(low, statements)
    low.loops.pop()


def _for_range(low: Lowering, s: t.ForRange) -> None:
    """Counted in 64 bits beside the variable, so that the variable keeps its last value and cannot wrap."""
    b = low.b
    counter, stop = low.slot("counter", I64), low.slot("stop", I64)
    start = b.bounded(b.convert(lower_value(low, s.start), I64), *s.starts)
    b.write(stop, b.bounded(b.convert(lower_value(low, s.stop), I64), *s.stops))
    b.write(counter, start)
    head, body, step, ended, done = (b.new_block(n) for n in ("for", "for.body", "for.next", "for.else", "for.done"))
    b.jump(head)
    b.place(head)
    b.span = s.span
    predicate = Predicate.GT if s.step > 0 else Predicate.LT
    if not (isinstance(s.start, t.Literal) and isinstance(s.stop, t.Literal)):
        # LLVM would count down to zero and test `!= 0`, from which verifiers before 6.8 learn nothing; and they decide
        # a comparison of two registers only when the second is the one they know
        b.write(counter, b.opaque(b.read(counter)))
    b.branch(b.compare(predicate, b.read(stop), b.read(counter)), body, ended)
    b.place(body)
    low.write_variable(s.variable, b.read(counter))
    low.loops.append(LoopBlocks(done, step))
    if s.counted:
        low.counted.add(s.variable)
    lower_block(low, s.body)
    low.counted.discard(s.variable)
    low.loops.pop()
    b.jump(step)
    b.place(step)
    b.span = s.span
    b.write(counter, b.arith(ArithOp.ADD, b.read(counter), low.constant(I64, s.step)))
    b.jump(head)
    b.place(ended)
    lower_block(low, s.otherwise)
    b.jump(done)
    b.place(done)


def _for_array(low: Lowering, s: t.ForArray) -> None:
    b = low.b
    counter = low.slot("counter", I64)
    base = low.slot("array", register_type(_pointer_type(s)))
    b.write(base, b.convert(lower_address(low, s.array), base.type))
    b.write(counter, low.constant(I64, 0))
    head, body, step, ended, done = (b.new_block(n) for n in ("for", "for.body", "for.next", "for.else", "for.done"))
    b.jump(head)
    b.place(head)
    b.span = s.span
    b.branch(b.compare(Predicate.LT, b.read(counter), low.constant(I64, s.length)), body, ended)
    b.place(body)
    assert isinstance(s.array.type, Array)
    element = s.array.type.element
    address = b.element_address(b.read(base), element, b.read(counter))
    item: Value = address
    if not isinstance(element, Struct | Array):
        foreign = is_foreign(s.array)
        item = read_at(low, address, element, space_of(s.array)) if foreign else load(low, address, element)
    low.write_variable(s.variable, item)
    low.loops.append(LoopBlocks(done, step))
    lower_block(low, s.body)
    low.loops.pop()
    b.jump(step)
    b.place(step)
    b.span = s.span
    b.write(counter, b.arith(ArithOp.ADD, b.read(counter), low.constant(I64, 1)))
    b.jump(head)
    b.place(ended)
    lower_block(low, s.otherwise)
    b.jump(done)
    b.place(done)


def _pointer_type(s: t.ForArray) -> Any:
    from pybpfc.lang.types import Pointer

    return Pointer(s.array.type, space_of(s.array))


def _match(low: Lowering, s: t.Match) -> None:
    done = low.b.new_block("match.done")
    if any(c.guard is not None for c in s.cases):
        _match_by_tests(low, s)
        return
    value = low.read_variable(s.subject)
    blocks = [low.b.new_block("case") for _ in s.cases]
    table: dict[int, str] = {}
    default = done.label
    for case, block in zip(s.cases, blocks, strict=True):
        if not case.values:
            default = block.label
            break
        for number in case.values:
            table.setdefault(number, block.label)
    low.b.terminate(Switch(s.span, value, tuple(table.items()), default))
    for case, block in zip(s.cases, blocks, strict=True):
        low.b.place(block)
        if case.capture is not None:
            _bind(low, case.capture)
        lower_block(low, case.body)
        low.b.jump(done)
    low.b.place(done)


def _match_by_tests(low: Lowering, s: t.Match) -> None:
    done = low.b.new_block("match.done")
    kind = register_type(s.subject.type)
    for case in s.cases:
        body, following = low.b.new_block("case"), low.b.new_block("case.next")
        tested = low.b.new_block("case.guard") if case.guard is not None or case.capture is not None else body
        if not case.values:
            low.b.jump(tested)
        for index, number in enumerate(case.values):
            last = index == len(case.values) - 1
            other = following if last else low.b.new_block("case.or")
            same = low.b.compare(Predicate.EQ, low.read_variable(s.subject), low.constant(kind, number))
            low.b.branch(same, tested, other)
            if not last:
                low.b.place(other)
        if tested is not body:
            low.b.place(tested)
            if case.capture is not None:
                _bind(low, case.capture)
            if case.guard is not None:
                lower_branch(low, case.guard, body, following)
            else:
                low.b.jump(body)
        low.b.place(body)
        lower_block(low, case.body)
        low.b.jump(done)
        low.b.place(following)
    low.b.jump(done)
    low.b.place(done)


def _return(low: Lowering, s: t.Return) -> None:
    value: Value | None = None
    if s.value is not None and low.out is not None:
        initialise(low, low.read_variable(low.out), s.value.type, s.value, 1)
    elif s.value is not None:
        value = low.b.convert(lower_value(low, s.value), low.result)
    elif low.result != VOID:
        value = low.constant(low.result, 0)
    low.b.span = s.span
    leave_function(low, value)


def _break(low: Lowering, s: t.Break) -> None:
    low.b.jump(low.loops[-1].exit)


def _continue(low: Lowering, s: t.Continue) -> None:
    low.b.jump(low.loops[-1].next)


_STATEMENTS: dict[type[t.Stmt], Callable[[Lowering, Any], None]] = {
    t.Bind: _bind,
    t.StorePlace: _store_place,
    t.StoreText: _store_text,
    t.StoreContext: _store_context,
    t.Evaluate: _evaluate,
    t.If: _if,
    t.While: _while,
    t.ForRange: _for_range,
    t.ForArray: _for_array,
    t.CallbackLoop: lower_callback_loop,
    t.Match: _match,
    t.Return: _return,
    t.Break: _break,
    t.Continue: _continue,
}
