"""What a name of the program stands for, once Python has been asked."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from pybpfc.lang.types import Type
from pybpfc.records import define, frozen

if TYPE_CHECKING:
    from pybpfc.abi.helpers import Helper
    from pybpfc.ir.module import GlobalVar, MapDef


@frozen
class ConstInt:
    """An integer constant: a literal's worth."""

    value: int

    def describe(self) -> str:
        """For diagnostics."""
        return "a constant"


@frozen
class ConstText:
    """A string or bytes constant."""

    value: bytes
    is_str: bool

    def describe(self) -> str:
        """For diagnostics."""
        return "a constant"


@frozen
class ConstSequence:
    """A tuple, list, range or set of constants; sets in ascending order."""

    name: str
    values: tuple[Any, ...]
    kind: str

    def describe(self) -> str:
        """For diagnostics."""
        return f"`{self.name}`, a Python {self.kind},"


@frozen
class ConstMapping:
    """A dict of constants."""

    name: str
    items: tuple[tuple[Any, Any], ...]

    def describe(self) -> str:
        """For diagnostics."""
        return f"`{self.name}`, a Python dict,"


@frozen
class NoneSymbol:
    """A name bound to None."""

    def describe(self) -> str:
        """For diagnostics."""
        return "None"


@frozen
class MapSymbol:
    """A map."""

    map: MapDef

    def describe(self) -> str:
        """For diagnostics."""
        return f"the map `{self.map.name}`"


@frozen
class GlobalSymbol:
    """A global variable of the object."""

    variable: GlobalVar

    def describe(self) -> str:
        """For diagnostics."""
        return f"the global `{self.variable.name}`"


@frozen
class FunctionSymbol:
    """A `@bpf.func` function."""

    function: Any

    def describe(self) -> str:
        """For diagnostics."""
        return f"the function `{self.function.name}`"


@frozen
class HelperSymbol:
    """A kernel helper."""

    helper: Helper

    def describe(self) -> str:
        """For diagnostics."""
        return f"the helper `{self.helper.name}`"


@frozen
class TypeSymbol:
    """A type of the language: an integer, an enum, a struct."""

    type: Type

    def describe(self) -> str:
        """For diagnostics."""
        return f"the type `{self.type}`"


@frozen
class IntrinsicSymbol:
    """A function that the compiler itself implements."""

    name: str

    def describe(self) -> str:
        """For diagnostics."""
        return f"`bpf.{self.name}`"


@frozen
class BuiltinSymbol:
    """A builtin of Python that the language has too."""

    name: str

    def describe(self) -> str:
        """For diagnostics."""
        return f"`{self.name}`"


@frozen
class Namespace:
    """A module or an enum class: something with members."""

    value: Any
    name: str

    def describe(self) -> str:
        """For diagnostics."""
        return f"`{self.name}`"


@frozen
class Undefined:
    """A name, or a member of `owner`, that does not exist."""

    name: str
    owner: str = ""
    candidates: tuple[str, ...] = ()

    def describe(self) -> str:
        """For diagnostics."""
        return f"`{self.name}`"


@frozen
class Foreign:
    """A Python object that has no meaning in a BPF program."""

    name: str
    value: Any

    def describe(self) -> str:
        """For diagnostics."""
        from pybpfc.lang.functions import Kfunc
        from pybpfc.lang.kernel_names import KernelFunction

        if isinstance(self.value, Kfunc | KernelFunction):
            return f"the kernel function `{self.name}`"
        kind = type(self.value).__name__
        return f"`{self.name}`, a Python {kind},"


Symbol: TypeAlias = (
    ConstInt
    | ConstText
    | ConstSequence
    | ConstMapping
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

BUILTINS = frozenset(
    {"range", "min", "max", "abs", "len", "bool", "int", "print", "sum", "any", "all"}
    | {"enumerate", "zip", "reversed"}
)


@define
class Formal:
    """A parameter as it is written: how arguments are bound to it, before its type is known.

    `variable` is the `T` of a compile-time parameter `type[T]`, None for parameters that hold values. `open` is the
    class of a parameter whose type is that of the argument: any context, or a `net.Cursor` over any.
    """

    name: str
    node: ast.arg
    positional: bool
    keyword: bool
    default: Symbol | None
    variable: Any
    open: type | None


@frozen
class Parameter:
    """A parameter that holds a value."""

    name: str
    type: Type


@frozen
class Signature:
    """What callers need to know of a function, or of one instance of it."""

    params: Sequence[Parameter]
    result: Type


TypeArguments: TypeAlias = tuple[tuple[str, type | Type], ...]
"""What one instance of a function is made for: classes of `type[T]` parameters, and types of open parameters."""
