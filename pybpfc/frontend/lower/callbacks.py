"""Loops that a helper runs: `bpf_loop` and `bpf_for_each_map_elem` call the body, a function of its own.

    for k, v in m.items():          frame = {total, .left}
        total += v                  bpf_for_each_map_elem(m, prog.loop, &frame, 0)
                                    prog.loop(map, key, value, frame):
                                        frame.total += *value
                                        return 0

Variables that the body shares with the rest of the function live in a frame on the function's stack, whose address is
the callback's context; the body of a loop within the body reaches further frames through the first. The callback gives
1 to end the loop, and `.left` in the frame says why: by `break`, or by `return` with its value in `.value`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pybpfc.abi.helpers import HELPERS
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.lower.context import FRAME_SLOT, LoopBlocks, Lowering
from pybpfc.frontend.lower.memory import STACK_ALIGN, load
from pybpfc.ir.builder import Builder
from pybpfc.ir.module import Function
from pybpfc.ir.ops import ArithOp, Const, FunctionPointer, Local, MapPointer, Predicate, Value
from pybpfc.lang.types import I64, U8, U32, U64, VOID, Array, Field, Int, Pointer, Space, Struct, Type, as_int, size_of
from pybpfc.records import fields

MAX_ROUNDS = 1 << 23
"""BPF_MAX_LOOPS: `bpf_loop` refuses more."""
GO_ON, STOP = 0, 1
"""What a body tells the helper."""
BROKEN, RETURNED = 1, 2
"""What `.left` holds when the loop was left before its end."""


def prepare_frame(low: Lowering, body: Any) -> None:
    """Give the variables that loops run by helpers share with the rest of the function their place in a frame."""
    loops = list(_own_loops(body))
    if not loops:
        return
    shared: dict[t.Variable, None] = {}
    for loop in loops:
        outside = set(_variables(body, without=loop)) | set(low.parameters)
        carried = (v for v in _variables(_inside(loop)) if v in loop.carried or v.name.startswith("."))
        shared |= {v: None for v in carried if v in outside and not low.is_outer(v)}
    if low.outer is None and low.out is not None:
        shared[low.out] = None
    frame = Struct("frame")
    members = [".left", ".value", *([".outer"] if low.outer is not None else []), *(v.name for v in shared)]
    kinds: list[Type] = [I64, low.result if low.result != VOID else I64]
    kinds += [Pointer(VOID, Space.STACK)] if low.outer is not None else []
    kinds += [v.type if isinstance(v.type, Pointer) else U64 for v in shared]
    placed = [Field(n, k, i * FRAME_SLOT) for i, (n, k) in enumerate(zip(members, kinds, strict=True))]
    frame.set_layout(tuple(placed), len(placed) * FRAME_SLOT, FRAME_SLOT)
    low.frame = low.slot("frame", frame)
    low.frame_struct = frame
    low.shared = dict(zip(shared, placed[len(placed) - len(shared) :], strict=True))


def _own_loops(node: Any) -> Iterator[t.CallbackLoop]:
    """The loops run by helpers in a tree, without those inside them; an `else` is not inside."""
    if isinstance(node, t.CallbackLoop):
        yield node
        yield from _own_loops(node.otherwise)
        return
    for child in _children(node):
        yield from _own_loops(child)


def _children(node: Any) -> Iterator[Any]:
    if isinstance(node, tuple | list):
        yield from node
    elif isinstance(
        node, t.Stmt | t.Expr | t.MatchCase | t.RangeSource | t.MapSource | t.MessageSource | t.WhileSource
    ):
        yield from (getattr(node, name) for name in fields(node))


def _inside(loop: t.CallbackLoop) -> tuple[Any, ...]:
    """What the helper runs, in a function of its own."""
    return loop.source, loop.body


def _variables(node: Any, without: t.CallbackLoop | None = None) -> Iterator[t.Variable]:
    """The variables in a tree; not those inside the loop `without`."""
    if node is without and without is not None:
        yield from _variables(without.otherwise)
        return
    if isinstance(node, t.Variable):
        yield node
        return
    for child in _children(node):
        yield from _variables(child, without)


def store_parameters(low: Lowering) -> None:
    """Parameters that loops share are kept in the frame from the start."""
    for variable, place in low.shared.items():
        if variable.param is not None:
            value = low.b.convert(low.b.read(low.parameters[variable]), place.type)
            low.b.store(_slot(low, low.b.address_of(_frame(low)), place), value)


def _frame(low: Lowering) -> Local:
    assert low.frame is not None
    return low.frame


def _slot(low: Lowering, frame: Value, place: Field) -> Value:
    assert isinstance(frame.type, Pointer)
    struct = frame.type.to
    assert isinstance(struct, Struct)
    return low.b.convert(low.b.field_address(frame, struct, place), Pointer(place.type, Space.STACK))


def shared_place(low: Lowering, variable: t.Variable) -> Value | None:
    """The address of a variable in a frame, this function's or one further out; None for plain locals."""
    if variable in low.shared:
        return _slot(low, low.b.address_of(_frame(low)), low.shared[variable])
    owner, frame = low.outer, low.outer_frame(low.b)
    while owner is not None and frame is not None:
        if variable in owner.shared:
            return _slot(low, frame, owner.shared[variable])
        link = owner.frame_struct.find(".outer") if owner.frame_struct is not None else None
        if link is None or owner.outer is None or owner.outer.frame_struct is None:
            return None
        outer = low.b.load(_slot(low, frame, link), link.type)
        frame = low.b.convert(outer, Pointer(owner.outer.frame_struct, Space.STACK))
        owner = owner.outer
    return None


def unpredicted(low: Lowering, value: Value) -> Value:
    """A number read from the stack, in a loop's body in a form whose value the verifier does not know.

    The verifier follows such a body round by round until one is like one before. A number that changes from round to
    round keeps them different for as long as tests of it come out one way; what it doesn't know, it doesn't test.
    """
    if low.unknown is None or not isinstance(value.type, Int):
        return value
    zero = low.b.convert(low.b.read(low.unknown), value.type)
    return low.b.arith(ArithOp.ADD, value, zero)


def _set_unknown(low: Lowering, params: list[Local]) -> None:
    """A zero that the verifier takes for any number: the difference of two things it doesn't know."""
    b = low.b
    some: Value = b.read(params[0])
    if isinstance(some.type, Pointer):
        first = b.convert(b.read(params[1]), Pointer(U8, Space.MAP_VALUE))
        some = b.arith(ArithOp.MUL, b.convert(b.load(first, U8), U64), low.constant(U64, 0x0101010101010101))
    zero = b.arith(ArithOp.XOR, b.opaque(some), some)
    low.unknown = low.slot("unknown", U64)
    b.write(low.unknown, zero)


# ------------------------------------------------------------------------------- the loop itself


def lower_callback_loop(low: Lowering, s: t.CallbackLoop) -> None:
    """Call the helper, then go where the body wanted to."""
    b = low.b
    frame = b.address_of(_frame(low))
    assert low.frame_struct is not None
    for name in (".left", ".value"):
        member = _member(low, name)
        b.store(_slot(low, frame, member), Const(member.type, 0))
    if (link := low.frame_struct.find(".outer")) is not None:
        outer = low.outer_frame(b)
        assert outer is not None
        b.store(_slot(low, frame, link), b.convert(outer, link.type))
    number = low.next_loop()
    name = f"{low.function.name}__loop{number}"
    rounds = _rounds(low, s.source) if isinstance(s.source, t.RangeSource) else low.constant(U32, MAX_ROUNDS)
    _body_function(low, s, name)
    b.span = s.span
    context = b.convert(frame, Pointer(VOID, Space.STACK))
    if isinstance(s.source, t.MapSource):
        arguments = (MapPointer(s.source.map), FunctionPointer(name), context, low.constant(U64, 0))
        b.helper(HELPERS["bpf_for_each_map_elem"], arguments, I64)
    elif isinstance(s.source, t.MessageSource):
        taken = (MapPointer(s.source.map), FunctionPointer(name), context, low.constant(U64, 0))
        b.helper(HELPERS["bpf_user_ringbuf_drain"], taken, I64)
    else:
        # a body that never runs is removed by the verifier, which then misses it here (EFAULT): so the call goes too,
        # and takes the body's address with it as long as it is not one call for two loops
        some, none = b.new_block("loop.call"), b.new_block("loop.called")
        b.branch(b.compare(Predicate.NE, rounds, low.constant(U32, 0)), some, none)
        b.place(some)
        b.helper(HELPERS["bpf_loop"], (rounds, FunctionPointer(name), context, low.constant(U64, 0)), I64)
        b.apart(number)
        b.jump(none)
        b.place(none)
    _after(low, s)


def _member(low: Lowering, name: str) -> Field:
    assert low.frame_struct is not None
    found = low.frame_struct.find(name)
    assert found is not None
    return found


def _rounds(low: Lowering, source: t.RangeSource) -> Value:
    """How many rounds a range has, as u32 and no more than the helper takes."""
    from pybpfc.frontend.lower.expressions import lower_value

    b = low.b
    start, stop = lower_value(low, source.start), lower_value(low, source.stop)
    first, last = (start, stop) if source.step > 0 else (stop, start)
    some = b.compare(Predicate.LT, first, last)
    distance = b.arith(ArithOp.SUB, b.convert(last, U64), b.convert(first, U64))
    steps = b.arith(ArithOp.DIV, b.arith(ArithOp.SUB, distance, _one()), low.constant(U64, abs(source.step)))
    rounds = b.select(some, b.arith(ArithOp.ADD, steps, _one()), low.constant(U64, 0))
    most = low.constant(U64, MAX_ROUNDS)
    return b.convert(b.select(b.compare(Predicate.LT, rounds, most), rounds, most), U32)


def _one() -> Value:
    return Const(U64, 1)


def _after(low: Lowering, s: t.CallbackLoop) -> None:
    """`else` after the last round; on a `return` in the body, the function's own."""
    from pybpfc.frontend.lower.statements import lower_block

    b = low.b
    left = b.load(_slot(low, b.address_of(_frame(low)), _member(low, ".left")), I64)
    ended, cut, returned, done = (b.new_block(f"loop.{n}") for n in ("else", "left", "returned", "done"))
    b.branch(b.compare(Predicate.EQ, left, low.constant(I64, 0)), ended, cut)
    b.place(ended)
    lower_block(low, s.otherwise)
    b.jump(done)
    b.place(cut)
    if _returns(s.body):
        b.branch(b.compare(Predicate.EQ, left, low.constant(I64, RETURNED)), returned, done)
        b.place(returned)
        place = _member(low, ".value")
        leave_function(low, b.load(_slot(low, b.address_of(_frame(low)), place), place.type))
    else:
        b.jump(done)
    b.place(done)


def _returns(node: Any) -> bool:
    return isinstance(node, t.Return) or any(_returns(child) for child in _children(node))


def leave_function(low: Lowering, value: Value | None) -> None:
    """`return` from the user's function: directly, or through the loops that helpers run around this place."""
    b, outer = low.b, low.outer_frame(low.b)
    if outer is None or low.outer is None:
        b.ret(value if low.result != VOID else None)
        return
    if value is not None and low.result != VOID:
        b.store(_slot(low, outer, _member(low.outer, ".value")), value)
    b.store(_slot(low, outer, _member(low.outer, ".left")), low.constant(I64, RETURNED))
    _end_round(b, STOP)


# ---------------------------------------------------------------------------------- the body


def _body_function(low: Lowering, s: t.CallbackLoop, name: str) -> None:
    """The callback: sets the loop's variables, runs the body, and says whether to go on."""
    from pybpfc.frontend.lower.statements import lower_block

    ir = Function(name, (), I64, s.span, noinline=True)
    inner = Lowering(low.module, ir, Builder(ir, s.span), low.target, low.result, low.out, outer=low)
    low.module.functions.append(ir)
    kinds: list[tuple[str, Type]] = [("index", U64)]
    if isinstance(s.source, t.MapSource):
        declaration = s.source.map.declaration
        key, value = declaration.key or U32, declaration.value or U64
        kinds = [("map", Pointer(VOID, Space.MAP)), ("key", Pointer(key, Space.MAP_VALUE))]
        kinds += [("value", Pointer(value, Space.MAP_VALUE))]
    if isinstance(s.source, t.MessageSource):
        kinds = [("message", Pointer(VOID, Space.STACK))]
    params = [ir.new_local(n, k, s.span) for n, k in (*kinds, ("frame", Pointer(VOID, Space.STACK)))]
    for index, local in enumerate(params):
        local.param = index
    ir.params = tuple(params)
    inner.frame_parameter = params[-1]
    inner.declare_locals(v for v in dict.fromkeys(_variables(_inside(s))) if not inner.is_outer(v))
    prepare_frame(inner, _inside(s))
    b = inner.b
    b.place(b.new_block("entry"))
    if not isinstance(s.source, t.MessageSource):
        _set_unknown(inner, params)
    following, broken = b.new_block("loop.next"), b.new_block("loop.break")
    _set_variables(inner, s.source, params)
    inner.loops.append(LoopBlocks(broken, following))
    lower_block(inner, s.body)
    b.span = s.span
    b.jump(following)
    b.place(following)
    _end_round(b, GO_ON)
    b.place(broken)
    outer = inner.outer_frame(b)
    assert outer is not None
    b.store(_slot(inner, outer, _member(low, ".left")), low.constant(I64, BROKEN))
    _end_round(b, STOP)


def _end_round(b: Builder, then: int) -> None:
    """Return from the body. LLVM would take what it has compared with 0 or 1 for it; the verifier wants the number."""
    b.ret(b.opaque(Const(I64, then)))


def _set_variables(low: Lowering, source: t.LoopSource, params: list[Local]) -> None:
    """The loop's own variables for this round; a `while` tests its condition."""
    from pybpfc.frontend.lower.expressions import lower_branch, lower_value

    b = low.b
    match source:
        case t.RangeSource():
            kind = as_int(source.variable.type)
            step = low.constant(U64, source.step & U64.max)
            distance = b.arith(ArithOp.MUL, b.read(params[0]), step)
            start = b.convert(lower_value(low, source.start), U64)
            low.write_variable(source.variable, b.convert(b.arith(ArithOp.ADD, start, distance), kind))
        case t.WhileSource():
            body, ended = b.new_block("while.body"), b.new_block("while.ended")
            lower_branch(low, source.condition, body, ended)
            b.place(ended)
            _end_round(b, STOP)
            b.place(body)
        case t.MessageSource():
            _read_message(low, source, b.read(params[0]))
        case t.MapSource():
            if source.key is not None:
                low.write_variable(source.key, entry_part(low, b.read(params[1]), copy=True))
            if source.value is not None:
                low.write_variable(source.value, entry_part(low, b.read(params[2]), copy=False))


def _read_message(low: Lowering, source: t.MessageSource, dynptr: Value) -> None:
    """Copy a message into the loop's variable; one that is too short for its type is passed over."""
    b, kind = low.b, source.map.declaration.value or U64
    slot = b.address_of(low.slot("message", kind))
    nothing = low.constant(U64, 0)
    given = (slot, low.constant(U32, size_of(kind)), dynptr, nothing, nothing)
    failed = b.helper(HELPERS["bpf_dynptr_read"], given, I64)
    assert failed is not None
    low.unknown = low.slot("unknown", U64)
    b.write(low.unknown, b.convert(b.arith(ArithOp.XOR, b.opaque(failed), failed), U64))
    whole, short = b.new_block("message"), b.new_block("message.short")
    b.branch(b.compare(Predicate.EQ, failed, low.constant(I64, 0)), whole, short)
    b.place(short)
    _end_round(b, GO_ON)
    b.place(whole)
    low.write_variable(source.variable, slot if isinstance(kind, Struct | Array) else load(low, slot, kind))


def entry_part(low: Lowering, pointer: Value, *, copy: bool) -> Value:
    """A key or value: a number, a copy of a struct (keys cannot be written to), or the struct itself."""
    assert isinstance(pointer.type, Pointer)
    kind = pointer.type.to
    if not isinstance(kind, Struct | Array):
        return load(low, pointer, kind)
    if not copy:
        return pointer
    slot = low.slot("key", kind)
    low.b.memcpy(low.b.address_of(slot), pointer, size_of(kind), STACK_ALIGN if size_of(kind) % STACK_ALIGN == 0 else 1)
    return low.b.address_of(slot)
