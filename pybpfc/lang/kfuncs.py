"""What a program needs to know of a kernel function (kfunc) to call it."""

from __future__ import annotations

from pybpfc.abi.kfuncs import KFUNCS, KfuncFlags
from pybpfc.abi.versions import KernelVersion
from pybpfc.lang.kernel_types import KernelSignature
from pybpfc.lang.types import Pointer, Type, Void
from pybpfc.records import frozen

_SIZES = ("__sz", "__szk")
_PLAIN = (*_SIZES, "__ign", "__k", "__nullable", "__opt")


@frozen
class KfuncParameter:
    """A parameter: the kernel tells by the end of its name what the verifier makes of it."""

    name: str
    type: Type

    @property
    def python_name(self) -> str:
        """Its name without what is for the verifier."""
        return self.name.partition("__")[0] or self.name

    @property
    def is_size(self) -> bool:
        """Whether it is the size of the memory before it."""
        return self.name.endswith(_SIZES)

    @property
    def is_ignored(self) -> bool:
        """Whether the kernel does not look at it."""
        return self.name.endswith("__ign")

    @property
    def is_constant(self) -> bool:
        """Whether it has to be a constant."""
        return self.name.endswith(("__k", "__szk"))

    @property
    def nullable(self) -> bool:
        """Whether it may be None."""
        return self.name.endswith(("__nullable", "__opt"))

    @property
    def special(self) -> str:
        """The ending that asks for something the language does not have; empty for others."""
        _, mark, ending = self.name.rpartition("__")
        return f"__{ending}" if mark and f"__{ending}" not in _PLAIN and isinstance(self.type, Pointer) else ""


@frozen
class KernelFunctionType:
    """A kernel function as programs call it."""

    name: str
    params: tuple[KfuncParameter, ...]
    result: Type
    flags: KfuncFlags

    @property
    def given(self) -> tuple[KfuncParameter, ...]:
        """The parameters that have an argument in Python."""
        return tuple(p for p in self.params if not p.is_size and not p.is_ignored)


UNKNOWN = KfuncFlags(KernelVersion(5, 13))


def kernel_function_type(signature: KernelSignature) -> KernelFunctionType:
    """A function as the kernel's types tell, with what they don't from the table."""
    params = tuple(KfuncParameter(p.name, p.type) for p in signature.parameters)
    result = signature.result
    return KernelFunctionType(signature.name, params, result, KFUNCS.get(signature.name, UNKNOWN))


def returns_nothing(function: KernelFunctionType) -> bool:
    """Whether there is no result."""
    return isinstance(function.result, Void)
