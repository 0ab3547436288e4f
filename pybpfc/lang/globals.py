"""`bpf.Const[T]` and `bpf.Global[T]`: annotations of module-level variables that the object holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pybpfc.lang.annotations import GlobalMarker

if TYPE_CHECKING:
    _T = TypeVar("_T")
    Const = Annotated[_T, "const"]
    Global = Annotated[_T, "global"]
else:

    class Const:
        """`name: Const[u32] = 0`: read-only in programs, set by `load(name=…)`; lives in .rodata."""

        def __class_getitem__(cls, target: Any) -> GlobalMarker:
            """Mark the type of a constant."""
            return GlobalMarker("const", target)

    class Global:
        """`name: Global[u64] = 0`: read and written by programs and by user space; lives in .data or .bss."""

        def __class_getitem__(cls, target: Any) -> GlobalMarker:
            """Mark the type of a global."""
            return GlobalMarker("global", target)
