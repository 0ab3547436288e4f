"""The state of lowering one function."""

from __future__ import annotations

from pybpfc.frontend import typed_ast as t
from pybpfc.ir.builder import Builder
from pybpfc.ir.module import Block, Function, Module, Target
from pybpfc.ir.ops import Const, Local, Value
from pybpfc.lang.types import Enum, Int, Type
from pybpfc.records import define, field


def register_type(type: Type) -> Type:
    """The type a value of `type` has in a register: enums as integers, everything in host order."""
    match type:
        case Enum():
            return type.underlying
        case Int():
            return type.host
        case _:
            return type


@define
class LoopBlocks:
    """Where `break` and `continue` go."""

    exit: Block
    next: Block


@define
class Lowering:
    """Everything the lowering functions share; they take it as `low`."""

    module: Module
    function: Function
    b: Builder
    target: Target
    out: Local | None
    locals: dict[t.Variable, Local] = field(default_factory=dict)
    loops: list[LoopBlocks] = field(default_factory=list)
    counted: set[t.Variable] = field(default_factory=set)

    def slot(self, name: str, type: Type) -> Local:
        """A compiler-made place on the stack."""
        return self.function.new_local(name, type, self.b.span)

    def constant(self, type: Type, value: int) -> Value:
        """An integer constant."""
        type = register_type(type)
        return Const(type, type.wrap(value) if isinstance(type, Int) else value)
