"""The checked tree, run by Python: what a program means before lowering, LLVM and the kernel come into it.

Every implicit conversion must keep its value here: the checker has allowed it because it does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.lower.memory import memory_type
from pybpfc.ir.ops import ArithOp, AtomicOp, Predicate
from pybpfc.lang.types import Array, Bool, Field, Int, Pointer, Struct, Type, View, Void, as_int, is_integer, size_of


@dataclass(frozen=True)
class Address:
    """A place in memory."""

    memory: bytearray
    offset: int = 0

    def at(self, distance: int) -> Address:
        return Address(self.memory, self.offset + distance)

    def read(self, size: int) -> bytes:
        assert 0 <= self.offset <= len(self.memory) - size, "outside the memory"
        return bytes(self.memory[self.offset : self.offset + size])

    def write(self, data: bytes) -> None:
        assert 0 <= self.offset <= len(self.memory) - len(data), "outside the memory"
        self.memory[self.offset : self.offset + len(data)] = data

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and other.memory is self.memory and other.offset == self.offset

    def __hash__(self) -> int:
        return hash((id(self.memory), self.offset))


class _Return(Exception):
    def __init__(self, value: Any) -> None:
        self.value = value


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


Frame = dict[t.Variable, Any]


@dataclass
class Evaluator:
    """One unit with its globals and maps."""

    unit: t.TUnit
    context: Mapping[str, int]
    globals: dict[int, Address] = field(default_factory=dict)
    maps: dict[str, dict[bytes, bytearray]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.functions = {f.name: f for f in self.unit.functions}
        for variable in self.unit.globals:
            self.globals[id(variable)] = Address(bytearray(size_of(variable.type)))
        for declared in self.unit.maps:
            self.maps[declared.name] = {}
            declaration = declared.declaration
            if declaration.type_name == "BPF_MAP_TYPE_ARRAY":
                size = size_of(declaration.value or Void())
                entries = {i.to_bytes(4, "little"): bytearray(size) for i in range(declaration.max_entries)}
                self.maps[declared.name] = entries

    def set_global(self, name: str, value: int) -> None:
        variable = next(v for v in self.unit.globals if v.name == name)
        store(self.globals[id(variable)], variable.type, value)

    def get_global(self, name: str) -> int:
        variable = next(v for v in self.unit.globals if v.name == name)
        return load(self.globals[id(variable)], variable.type)

    def call(self, name: str, *args: Any) -> Any:
        function = self.functions[name]
        frame: Frame = dict(zip(function.params, args, strict=True))
        try:
            self.block(frame, function.body)
        except _Return as result:
            return result.value
        return None

    # -------------------------------------------------------------------- statements

    def block(self, frame: Frame, body: tuple[t.Stmt, ...]) -> None:
        for statement in body:
            _STATEMENTS[type(statement)](self, frame, statement)

    def bind(self, frame: Frame, s: t.Bind) -> None:
        frame[s.variable] = self.value(frame, s.value)

    def store_place(self, frame: Frame, s: t.StorePlace) -> None:
        kind = memory_type(s.place)
        if isinstance(kind, Array | Struct):
            data = self.address(frame, s.value).read(size_of(kind))
            self.address(frame, s.place).write(data)
            return
        value = self.value(frame, s.value)
        at = self.address(frame, s.place)
        if isinstance(s.place, t.Member):
            store_member(at, s.place.field, value)
        else:
            store(at, kind, value)

    def store_text(self, frame: Frame, s: t.StoreText) -> None:
        size = size_of(s.place.type)
        if isinstance(s.value, t.Text):
            data = s.value.value
        else:
            data = self.address(frame, s.value).read(size_of(s.value.type))
        self.address(frame, s.place).write(data.ljust(size, b"\0"))

    def evaluate(self, frame: Frame, s: t.Evaluate) -> None:
        self.value(frame, s.value)

    def branch(self, frame: Frame, s: t.If) -> None:
        self.block(frame, s.then if self.value(frame, s.condition) else s.otherwise)

    def loop(self, frame: Frame, s: Any, rounds: Any) -> None:
        for _ in rounds:
            try:
                self.block(frame, s.body)
            except _Break:
                return
            except _Continue:
                continue
        self.block(frame, s.otherwise)

    def while_loop(self, frame: Frame, s: t.While) -> None:
        self.loop(frame, s, iter(lambda: bool(self.value(frame, s.condition)), False))

    def for_range(self, frame: Frame, s: t.ForRange) -> None:
        numbers = range(self.value(frame, s.start), self.value(frame, s.stop), s.step)
        assert len(numbers) <= s.trips, "more rounds than the checker has seen"

        def rounds() -> Any:
            for number in numbers:
                frame[s.variable] = number
                yield number

        self.loop(frame, s, rounds())

    def for_array(self, frame: Frame, s: t.ForArray) -> None:
        base = self.address(frame, s.array)
        assert isinstance(s.array.type, Array)
        element = s.array.type.element

        def rounds() -> Any:
            for index in range(s.length):
                at = base.at(index * size_of(element))
                frame[s.variable] = at if isinstance(element, Array | Struct) else load(at, element)
                yield index

        self.loop(frame, s, rounds())

    def callback_loop(self, frame: Frame, s: t.CallbackLoop) -> None:
        source = s.source
        if isinstance(source, t.WhileSource):
            self.loop(frame, s, iter(lambda: bool(self.value(frame, source.condition)), False))
            return
        assert isinstance(source, t.RangeSource), "maps have no order to compare"
        numbers = range(self.value(frame, source.start), self.value(frame, source.stop), source.step)

        def rounds() -> Any:
            for number in numbers:
                frame[source.variable] = number
                yield number

        self.loop(frame, s, rounds())

    def match(self, frame: Frame, s: t.Match) -> None:
        for case in s.cases:
            if case.values and frame[s.subject] not in case.values:
                continue
            if case.capture is not None:
                self.bind(frame, case.capture)
            if case.guard is None or self.value(frame, case.guard):
                self.block(frame, case.body)
                return

    def leave(self, frame: Frame, s: t.Return) -> None:
        if s.value is None:
            raise _Return(None)
        if isinstance(s.value.type, Array | Struct):
            raise _Return(Address(bytearray(self.address(frame, s.value).read(size_of(s.value.type)))))
        raise _Return(self.value(frame, s.value))

    def stop(self, frame: Frame, s: t.Break) -> None:
        raise _Break

    def go_on(self, frame: Frame, s: t.Continue) -> None:
        raise _Continue

    # ------------------------------------------------------------------- expressions

    def value(self, frame: Frame, e: t.Expr) -> Any:
        match e:
            case t.Literal():
                return None if isinstance(e.type, Pointer) and not e.value else e.value
            case t.ReadVariable():
                return frame[e.variable]
            case t.Assignment():
                frame[e.variable] = self.value(frame, e.value)
                return frame[e.variable]
            case t.GlobalPlace() | t.Deref() | t.Member() | t.Element():
                at = self.address(frame, e)
                return load_member(at, e.field) if isinstance(e, t.Member) else load(at, memory_type(e))
            case t.ContextMember():
                return self.context[e.name]
            case t.AddressOf():
                return self.address(frame, e.place)
            case t.CallFunction():
                aggregate = (Array, Struct)
                args = [(self.address if isinstance(a.type, aggregate) else self.value)(frame, a) for a in e.args]
                return self.call(e.function.name, *args)
            case t.MapMethod():
                return self.map_method(frame, e)
            case _:
                return self.number(frame, e)

    def number(self, frame: Frame, e: t.Expr) -> Any:
        match e:
            case t.Arithmetic():
                return arithmetic(e.op, self.value(frame, e.lhs), self.value(frame, e.rhs), e.type)
            case t.Invert():
                return as_int(e.type).wrap(~self.value(frame, e.operand))
            case t.Comparison():
                return int(_COMPARE[e.predicate](self.value(frame, e.lhs), self.value(frame, e.rhs)))
            case t.TextComparison():
                return self.text_comparison(frame, e)
            case t.Logical():
                return int((all if e.is_and else any)(self.value(frame, o) for o in e.operands))
            case t.Not():
                return int(not self.value(frame, e.operand))
            case t.Truth():
                value = self.value(frame, e.operand)
                return int(value is not None and (isinstance(value, Address) or value != 0))
            case t.Conditional():
                return self.value(frame, e.then if self.value(frame, e.condition) else e.otherwise)
            case t.Convert():
                return self.convert(frame, e)
            case t.Limited():
                value = self.value(frame, e.operand)
                assert e.low <= value <= e.high
                return value
            case t.MinMax():
                return (min if e.is_min else max)([self.value(frame, o) for o in e.operands])
            case t.Reduction():
                return self.reduction(frame, e)
            case t.AtomicOperation():
                return self.atomic(frame, e)
            case _:
                raise AssertionError(type(e).__name__)

    def convert(self, frame: Frame, e: t.Convert) -> Any:
        value = self.value(frame, e.operand)
        if not is_integer(e.type) or not isinstance(value, int):
            return value
        if isinstance(e.type, Bool):
            return int(value != 0)
        wrapped = as_int(e.type).wrap(value)
        assert e.explicit or wrapped == value, f"{e.span}: {value} was converted to {e.type}"
        return wrapped

    def text_comparison(self, frame: Frame, e: t.TextComparison) -> int:
        lhs = self.address(frame, e.lhs).read(size_of(e.lhs.type))
        if isinstance(e.rhs, t.Text):
            rhs = e.rhs.value
            text = e.rhs.is_str
        else:
            rhs, text = self.address(frame, e.rhs).read(size_of(e.rhs.type)), False
            assert isinstance(e.lhs.type, Array)
            if e.lhs.type.view is View.STR:
                rhs, text = rhs.partition(b"\0")[0], True
        if e.prefix:
            same = lhs.startswith(rhs)
        else:
            same = (lhs.partition(b"\0")[0] if text else lhs) == rhs
        return int(same != e.negated)

    def reduction(self, frame: Frame, e: t.Reduction) -> int:
        base = self.address(frame, e.array)
        assert isinstance(e.array.type, Array)
        element = e.array.type.element
        items = [load(base.at(i * size_of(element)), element) for i in range(e.array.type.length)]
        wanted = self.value(frame, e.value) if e.value is not None else None
        functions: dict[t.Reducing, Callable[[Any], Any]] = {
            t.Reducing.SUM: sum,
            t.Reducing.ANY: any,
            t.Reducing.ALL: all,
            t.Reducing.MIN: min,
            t.Reducing.MAX: max,
            t.Reducing.CONTAINS: lambda found: wanted in found,
        }
        return int(functions[e.reducing](items))

    def atomic(self, frame: Frame, e: t.AtomicOperation) -> int:
        at, kind = self.address(frame, e.place), as_int(memory_type(e.place))
        old, value = load(at, kind), self.value(frame, e.value)
        if e.op is AtomicOp.CMPXCHG:
            assert e.expected is not None
            new = value if old == self.value(frame, e.expected) else old
        else:
            results = {"add": old + value, "and": old & value, "or": old | value, "xor": old ^ value, "xchg": value}
            new = kind.wrap(results[e.op.value])
        store(at, kind, new)
        return old

    # ------------------------------------------------------------------------ places

    def address(self, frame: Frame, e: t.Expr) -> Address:
        match e:
            case t.Deref():
                at = self.value(frame, e.pointer)
                assert isinstance(at, Address), "None is followed"
                return at
            case t.Member():
                return self.address(frame, e.base).at(e.field.offset)
            case t.Element():
                base, index = self.address(frame, e.base), self.value(frame, e.index)
                array = e.base.type
                assert not isinstance(array, Array) or 0 <= index < array.length, "outside the array"
                return base.at(index * size_of(memory_type(e)))
            case t.Part():
                assert isinstance(e.type, Array)
                return self.address(frame, e.base).at(e.start * size_of(e.type.element))
            case t.GlobalPlace():
                return self.globals[id(e.variable)]
            case t.NewStruct():
                made = Address(bytearray(e.struct.size))
                for member, value in e.members:
                    self.initialise(frame, made.at(member.offset), member.type, value, member)
                return made
            case t.NewArray():
                return self.new_array(frame, e)
            case t.CallFunction():
                result: Address = self.value(frame, e)
                return result
            case _:
                raise AssertionError(type(e).__name__)

    def new_array(self, frame: Frame, e: t.NewArray) -> Address:
        assert isinstance(e.type, Array)
        made = Address(bytearray(size_of(e.type)))
        if isinstance(e.initial, tuple):
            for index, item in enumerate(e.initial):
                self.initialise(frame, made.at(index * size_of(e.type.element)), e.type.element, item)
        elif e.initial is not None:
            self.initialise(frame, made, e.type, e.initial)
        return made

    def initialise(self, frame: Frame, at: Address, kind: Type, value: t.Expr, member: Field | None = None) -> None:
        if isinstance(value, t.Text):
            at.write(value.value.ljust(size_of(kind), b"\0"))
        elif isinstance(kind, Array | Struct):
            at.write(self.address(frame, value).read(size_of(value.type)))
        elif member is not None:
            store_member(at, member, self.value(frame, value))
        else:
            store(at, kind, self.value(frame, value))

    # -------------------------------------------------------------------------- maps

    def stored(self, frame: Frame, kind: Type, e: t.Expr) -> bytes:
        if isinstance(kind, Array | Struct):
            return self.address(frame, e).read(size_of(kind))
        at = Address(bytearray(size_of(kind)))
        store(at, kind, self.value(frame, e))
        return bytes(at.memory)

    def map_method(self, frame: Frame, e: t.MapMethod) -> Any:
        declaration, entries = e.map.declaration, self.maps[e.map.name]
        kind, array = declaration.value or Void(), declaration.type_name == "BPF_MAP_TYPE_ARRAY"
        key = self.stored(frame, declaration.key or Int(32, False), e.args[0])
        match e.method:
            case "lookup":
                return Address(entries[key]) if key in entries else None
            case "get":
                default = self.value(frame, e.args[1])
                return load(Address(entries[key]), kind) if key in entries else default
            case "update":
                value = self.stored(frame, kind, e.args[1])
                if key in entries:
                    entries[key][:] = value
                elif not array and len(entries) < declaration.max_entries:
                    entries[key] = bytearray(value)
                return 0
            case "delete":
                if not array:
                    entries.pop(key, None)
                return 0
            case "increment":
                amount = self.value(frame, e.args[1])
                if key not in entries and (array or len(entries) >= declaration.max_entries):
                    return 0
                at = Address(entries.setdefault(key, bytearray(size_of(kind))))
                store(at, kind, as_int(kind).wrap(load(at, kind) + amount))
                return 0
            case _:
                raise AssertionError(e.method)


_STATEMENTS: dict[type[t.Stmt], Callable[[Evaluator, Frame, Any], None]] = {
    t.Bind: Evaluator.bind,
    t.StorePlace: Evaluator.store_place,
    t.StoreText: Evaluator.store_text,
    t.Evaluate: Evaluator.evaluate,
    t.If: Evaluator.branch,
    t.While: Evaluator.while_loop,
    t.ForRange: Evaluator.for_range,
    t.ForArray: Evaluator.for_array,
    t.CallbackLoop: Evaluator.callback_loop,
    t.Match: Evaluator.match,
    t.Return: Evaluator.leave,
    t.Break: Evaluator.stop,
    t.Continue: Evaluator.go_on,
}

_COMPARE: dict[Predicate, Callable[[Any, Any], bool]] = {
    Predicate.EQ: lambda a, b: _plain(a) == _plain(b),
    Predicate.NE: lambda a, b: _plain(a) != _plain(b),
    Predicate.LT: lambda a, b: a < b,
    Predicate.LE: lambda a, b: a <= b,
    Predicate.GT: lambda a, b: a > b,
    Predicate.GE: lambda a, b: a >= b,
}


def _plain(value: Any) -> Any:
    return 0 if value is None else value


def arithmetic(op: ArithOp, a: int, b: int, kind: Type) -> int:
    match op:
        case ArithOp.FLOORDIV:
            result = a // b if b else 0
        case ArithOp.FLOORMOD:
            result = a % b if b else a
        case ArithOp.LSH:
            result = a << b
        case ArithOp.RSH | ArithOp.ARSH:
            result = a >> b
        case _:
            results = {"add": a + b, "sub": a - b, "mul": a * b, "and": a & b, "or": a | b, "xor": a ^ b}
            result = results[op.value]
    return int(result != 0) if isinstance(kind, Bool) else as_int(kind).wrap(result)


def stored_number(kind: Type) -> Int:
    """The integer that memory holds, in its own byte order."""
    return kind if isinstance(kind, Int) else Int(8, False) if isinstance(kind, Bool) else as_int(kind)


def load(at: Address, kind: Type) -> int:
    number = stored_number(kind)
    order: Any = "big" if number.big_endian else "little"
    value = int.from_bytes(at.read(number.bits // 8), order, signed=number.signed)
    return int(value != 0) if isinstance(kind, Bool) else value


def store(at: Address, kind: Type, value: int) -> None:
    number = stored_number(kind)
    order: Any = "big" if number.big_endian else "little"
    at.write((value & (1 << number.bits) - 1).to_bytes(number.bits // 8, order))


def load_member(at: Address, member: Field) -> int:
    if member.bits is None:
        return load(at, member.type)
    unit = int.from_bytes(at.read(size_of(member.type)), "little")
    return Int(member.bits, as_int(member.type).signed).wrap(unit >> member.bit_offset)


def store_member(at: Address, member: Field, value: int) -> None:
    if member.bits is None:
        store(at, member.type, value)
        return
    size, mask = size_of(member.type), (1 << member.bits) - 1
    unit = int.from_bytes(at.read(size), "little")
    unit = unit & ~(mask << member.bit_offset) | (value & mask) << member.bit_offset
    at.write(unit.to_bytes(size, "little"))
