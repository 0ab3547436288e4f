"""What `pybpfc.kfuncs` and `pybpfc.vmlinux` give: functions of the kernel by name, types and enumerators from its BTF.

Where no BTF can be read, a name of `pybpfc.vmlinux` still stands for itself, so that modules can be imported; using it
in a program is an error that says what is missing.
"""

from __future__ import annotations

import os
import types
from typing import Any

from pybpfc.lang.errors import AnnotationError
from pybpfc.lang.types import Bool, Enum, Int, Type


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
    @property
    def __bpf_type__(cls) -> Type:
        """The type of the language; missing where it could not be read."""
        found: Type | None = cls.__dict__.get("_found")
        if found is None:
            raise AttributeError(f"the kernel type `{cls.__name__}` is not known")
        return found

    def __repr__(cls) -> str:
        return f"<kernel type {cls.__name__!r}>"


class KernelType(metaclass=_Named):
    """The base of the names of `pybpfc.vmlinux`, which are classes so that they can stand in annotations."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError(f"the kernel type `{type(self).__name__}` has values inside a BPF program only")


class UnknownKernelType(AnnotationError):
    """A type that only the kernel's own description could tell about."""

    def __init__(self, cls: type[KernelType]) -> None:
        super().__init__(
            f"the kernel type `{cls.__name__}` is not known: {cls.__dict__.get('_reason', 'it is not of this kernel')}",
            "declare the fields used with `@bpf.kernel_struct`, or name a file with the types by PYBPFC_BTF",
        )
        self.name = cls.__name__


def kernel_function(name: str) -> KernelFunction:
    """The function of a name; raises AttributeError for names that Python itself asks for."""
    if name.startswith("_"):
        raise AttributeError(f"module 'pybpfc.kfuncs' has no attribute {name!r}")
    return KernelFunction(name)


def kernel_name(name: str) -> Any:
    """The type or the enumerator of a name.

    Structs, unions and typedefs of them are classes, integer types those of `pybpfc`, enums `IntEnum` classes and
    enumerators their members, or `int` for those of enums without a name. Raises AttributeError when the kernel has
    nothing of this name, LoadError when the file that PYBPFC_BTF names can't be read.
    """
    if name.startswith("__") and name.endswith("__"):  # Python's own
        raise AttributeError(f"module 'pybpfc.vmlinux' has no attribute {name!r}")
    from pybpfc.diagnostics.errors import LoadError
    from pybpfc.formats.errors import BadBtf
    from pybpfc.lang.kernel_types import kernel_types

    try:
        source = kernel_types()
    except LoadError as error:
        if os.environ.get("PYBPFC_BTF"):
            raise
        return _class(name, {"_reason": error.message})
    try:
        found = source.find(name)
        if found is not None:
            return _of_type(name, found)
        member = source.enumerator(name)
    except BadBtf as error:
        raise LoadError(f"the kernel's types do not parse: {error}") from None
    if member is not None:
        return _enumerator(*member, name)
    near = _similar(name, source.btf)
    raise AttributeError(
        f"the kernel has no type and no enumerator `{name}`"
        + (f"; did you mean `{near}`?" if near else "; declare what other kernels have with `@bpf.kernel_struct`")
    )


def _of_type(name: str, found: Type) -> Any:
    match found:
        case Enum() if found.cls is not None:
            return found.cls
        case Bool():
            return bool
        case Int():
            from pybpfc.lang import integers

            return getattr(integers, str(found))
        case _:
            return _class(name, {"_found": found})


def _class(name: str, body: dict[str, Any]) -> type[KernelType]:
    made: type[KernelType] = types.new_class(
        name, (KernelType,), exec_body=lambda space: space.update(body, __module__="pybpfc.vmlinux")
    )
    return made


def _enumerator(owner: Enum, value: int, name: str) -> Any:
    """A member of the enum's class; of an enum without a name, the number."""
    if not owner.name or owner.cls is None:
        return value
    return owner.cls.__members__.get(name, value)


def _similar(name: str, btf: Any) -> str | None:
    """A type's name that looks like this one."""
    import difflib

    near = difflib.get_close_matches(name, sorted(btf.starting(name[:2])), 1, 0.75)
    return near[0] if near else None
