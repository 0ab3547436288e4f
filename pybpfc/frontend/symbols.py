"""What a name of the program stands for, once Python has been asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from pybpfc.lang.types import Type

if TYPE_CHECKING:
    from pybpfc.abi.helpers import Helper
    from pybpfc.ir.module import GlobalVar, MapDef


@dataclass(frozen=True, slots=True)
class ConstInt:
    """An integer constant: a literal's worth."""

    value: int

    def describe(self) -> str:
        """For diagnostics."""
        return "a constant"


@dataclass(frozen=True, slots=True)
class ConstText:
    """A string or bytes constant."""

    value: bytes
    is_str: bool

    def describe(self) -> str:
        """For diagnostics."""
        return "a constant"


@dataclass(frozen=True, slots=True)
class NoneSymbol:
    """A name bound to None."""

    def describe(self) -> str:
        """For diagnostics."""
        return "None"


@dataclass(frozen=True, slots=True)
class MapSymbol:
    """A map."""

    map: MapDef

    def describe(self) -> str:
        """For diagnostics."""
        return f"the map `{self.map.name}`"


@dataclass(frozen=True, slots=True)
class GlobalSymbol:
    """A global variable of the object."""

    variable: GlobalVar

    def describe(self) -> str:
        """For diagnostics."""
        return f"the global `{self.variable.name}`"


@dataclass(frozen=True, slots=True)
class FunctionSymbol:
    """A `@bpf.func` function."""

    function: Any

    def describe(self) -> str:
        """For diagnostics."""
        return f"the function `{self.function.name}`"


@dataclass(frozen=True, slots=True)
class HelperSymbol:
    """A kernel helper."""

    helper: Helper

    def describe(self) -> str:
        """For diagnostics."""
        return f"the helper `{self.helper.name}`"


@dataclass(frozen=True, slots=True)
class TypeSymbol:
    """A type of the language: an integer, an enum, a struct."""

    type: Type

    def describe(self) -> str:
        """For diagnostics."""
        return f"the type `{self.type}`"


@dataclass(frozen=True, slots=True)
class IntrinsicSymbol:
    """A function that the compiler itself implements."""

    name: str

    def describe(self) -> str:
        """For diagnostics."""
        return f"`bpf.{self.name}`"


@dataclass(frozen=True, slots=True)
class BuiltinSymbol:
    """A builtin of Python that the language has too."""

    name: str

    def describe(self) -> str:
        """For diagnostics."""
        return f"`{self.name}`"


@dataclass(frozen=True, slots=True)
class Namespace:
    """A module or an enum class: something with members."""

    value: Any
    name: str

    def describe(self) -> str:
        """For diagnostics."""
        return f"`{self.name}`"


@dataclass(frozen=True, slots=True)
class Undefined:
    """A name, or a member of `owner`, that does not exist."""

    name: str
    owner: str = ""
    candidates: tuple[str, ...] = ()

    def describe(self) -> str:
        """For diagnostics."""
        return f"`{self.name}`"


@dataclass(frozen=True, slots=True)
class Foreign:
    """A Python object that has no meaning in a BPF program."""

    name: str
    value: Any

    def describe(self) -> str:
        """For diagnostics."""
        kind = type(self.value).__name__
        return f"`{self.name}`, a Python {kind},"


Symbol: TypeAlias = (
    ConstInt
    | ConstText
    | NoneSymbol
    | MapSymbol
    | GlobalSymbol
    | FunctionSymbol
    | HelperSymbol
    | TypeSymbol
    | IntrinsicSymbol
    | BuiltinSymbol
    | Namespace
    | Undefined
    | Foreign
)

BUILTINS = frozenset({"range", "min", "max", "abs", "len", "bool", "int", "print", "sum", "any", "all"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """A function's parameter; `default` is a constant."""

    name: str
    type: Type
    default: int | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """What callers need to know of a function."""

    params: Sequence[Parameter]
    result: Type
