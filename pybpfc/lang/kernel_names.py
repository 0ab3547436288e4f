"""Functions and types of the kernel: any name may be one, so `pybpfc.kfuncs` and `pybpfc.vmlinux` have them all.

The compiler does not know them yet; using one in a program is an error at its line.
"""

from __future__ import annotations

import types
from typing import Any

from pybpfc.lang.errors import AnnotationError


class KernelFunction:
    """A name of `pybpfc.kfuncs`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: only programs can call it."""
        raise TypeError(f"the kernel function `{self.name}` can be called inside a BPF program only")

    def __repr__(self) -> str:
        return f"<kernel function {self.name!r}>"


class _Named(type):
    def __repr__(cls) -> str:
        return f"<kernel type {cls.__name__!r}>"


class KernelType(metaclass=_Named):
    """The base of the names of `pybpfc.vmlinux`, which are classes so that they can stand in annotations."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError(f"the kernel type `{type(self).__name__}` has values inside a BPF program only")


class UnknownKernelType(AnnotationError):
    """A type that only the kernel's own description could tell about."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the kernel type `{name}` is not known to the compiler yet")
        self.name = name


def kernel_function(name: str) -> KernelFunction:
    """The function of a name; raises AttributeError for names that Python itself asks for."""
    return KernelFunction(_possible("pybpfc.kfuncs", name))


def kernel_type(name: str) -> type[KernelType]:
    """The type of a name; raises AttributeError for names that Python itself asks for."""
    made: type[KernelType] = types.new_class(_possible("pybpfc.vmlinux", name), (KernelType,))
    return made


def _possible(module: str, name: str) -> str:
    if name.startswith("_"):
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    return name
