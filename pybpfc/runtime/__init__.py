"""Loading objects into the kernel, attaching them, talking to them.

The names are loaded at their first use, so that a part of this package (`features`, say) costs only itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pybpfc.runtime.loaded import Globals, LoadedObject
    from pybpfc.runtime.loader import load_object

__all__ = ["Globals", "LoadedObject", "load_object"]


def __getattr__(name: str) -> Any:
    if name == "load_object":
        from pybpfc.runtime.loader import load_object

        return load_object
    if name in __all__:
        from pybpfc.runtime import loaded

        return getattr(loaded, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
