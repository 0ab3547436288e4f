"""The state of lowering one function."""

from __future__ import annotations

from collections.abc import Iterable

from pybpfc.frontend import typed_ast as t
from pybpfc.ir.builder import Builder
from pybpfc.ir.module import Block, Function, Module, Target
from pybpfc.ir.ops import Const, Local, Value
from pybpfc.lang.types import I32, VOID, Enum, Field, Int, Pointer, Space, Struct, Type
from pybpfc.records import define, field

FRAME_SLOT = 8
"""Bytes that each variable of a frame takes: registers are spilled whole."""


def register_type(type: Type) -> Type:
    """The type a value of `type` has in a register: enums as integers, everything in host order."""
    match type:
        case Enum():
            return type.underlying
        case Int():
            return type.host
        case _:
            return type


def call_result(type: Type, exported: bool) -> Type:
    """What a call gives in a register: functions verified on their own have to return a number."""
    return I32 if exported and type == VOID else type


@define
class LoopBlocks:
    """Where `break` and `continue` go."""

    exit: Block
    next: Block


@define
class Lowering:
    """Everything the lowering functions share; they take it as `low`.

    The body of a loop that a helper runs is a function of its own: `outer` is the lowering of the function around it,
    and `frame_parameter` holds the address of that one's frame. `fetched` is where scalars from other memory than the
    program's are read into. `result` is what the user's function returns in a
    register, `out` where it puts a struct or an array.
    """

    module: Module
    function: Function
    b: Builder
    target: Target
    result: Type
    out: t.Variable | None
    locals: dict[t.Variable, Local] = field(default_factory=dict)
    parameters: dict[t.Variable, Local] = field(default_factory=dict)
    loops: list[LoopBlocks] = field(default_factory=list)
    counted: set[t.Variable] = field(default_factory=set)
    outer: Lowering | None = None
    frame_parameter: Local | None = None
    unknown: Local | None = None
    frame: Local | None = None
    frame_struct: Struct | None = None
    shared: dict[t.Variable, Field] = field(default_factory=dict)
    fetched: Local | None = None
    callbacks: int = 0

    def slot(self, name: str, type: Type) -> Local:
        """A compiler-made place on the stack."""
        return self.function.new_local(name, type, self.b.span)

    def constant(self, type: Type, value: int) -> Value:
        """An integer constant."""
        type = register_type(type)
        return Const(type, type.wrap(value) if isinstance(type, Int) else value)

    # ---------------------------------------------------------------------- variables

    def declare_locals(self, variables: Iterable[t.Variable]) -> None:
        """Give variables their slots."""
        for variable in variables:
            user = variable.name[0] != "."
            local = self.function.new_local(variable.name, register_type(variable.type), variable.span, user=user)
            self.locals[variable] = local
            if variable.param is not None:
                self.parameters[variable] = local

    def read_variable(self, variable: t.Variable) -> Value:
        """A variable's value, wherever it is kept."""
        from pybpfc.frontend.lower.callbacks import shared_place, unpredicted

        place = shared_place(self, variable)
        if place is None:
            return self.b.read(self.locals[variable])
        assert isinstance(place.type, Pointer)
        return self.b.convert(unpredicted(self, self.b.load(place, place.type.to)), register_type(variable.type))

    def write_variable(self, variable: t.Variable, value: Value) -> None:
        """Set a variable, wherever it is kept."""
        from pybpfc.frontend.lower.callbacks import shared_place

        place, value = shared_place(self, variable), self.b.convert(value, register_type(variable.type))
        if place is not None:
            assert isinstance(place.type, Pointer)
            self.b.store(place, self.b.convert(value, place.type.to))
        else:
            self.b.write(self.locals[variable], value)

    def is_outer(self, variable: t.Variable) -> bool:
        """Whether a variable lives in the frame of a function around this one."""
        owner = self.outer
        while owner is not None:
            if variable in owner.shared:
                return True
            owner = owner.outer
        return False

    def outer_frame(self, b: Builder) -> Value | None:
        """The address of the frame around, None in the user's own function."""
        if self.frame_parameter is None or self.outer is None or self.outer.frame_struct is None:
            return None
        return b.convert(b.read(self.frame_parameter), Pointer(self.outer.frame_struct, Space.STACK))

    def next_loop(self) -> int:
        """A number for the next callback of this function."""
        self.callbacks += 1
        return self.callbacks
