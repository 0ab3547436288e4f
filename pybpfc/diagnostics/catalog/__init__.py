"""Every error and warning pybpfc can report, one class each, found by name or by code.

Use it as a module, `from pybpfc.diagnostics import catalog`, and name entries by attribute
(`catalog.MayBeNone("p").at(span)`): the entries are then loaded when the first mistake is found, which keeps
compiling a correct program fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from pybpfc.diagnostics.catalog.base import ErrorClass as ErrorClass
from pybpfc.diagnostics.catalog.base import did_you_mean as did_you_mean
from pybpfc.diagnostics.catalog.base import one_of as one_of

if TYPE_CHECKING:
    from pybpfc.diagnostics.catalog.availability import *  # noqa: F403
    from pybpfc.diagnostics.catalog.backend import *  # noqa: F403
    from pybpfc.diagnostics.catalog.calls import *  # noqa: F403
    from pybpfc.diagnostics.catalog.functions import *  # noqa: F403
    from pybpfc.diagnostics.catalog.kernel_objects import *  # noqa: F403
    from pybpfc.diagnostics.catalog.kfuncs import *  # noqa: F403
    from pybpfc.diagnostics.catalog.limits import *  # noqa: F403
    from pybpfc.diagnostics.catalog.locks import *  # noqa: F403
    from pybpfc.diagnostics.catalog.maps import *  # noqa: F403
    from pybpfc.diagnostics.catalog.members import *  # noqa: F403
    from pybpfc.diagnostics.catalog.names import *  # noqa: F403
    from pybpfc.diagnostics.catalog.numbers import *  # noqa: F403
    from pybpfc.diagnostics.catalog.packets import *  # noqa: F403
    from pybpfc.diagnostics.catalog.places import *  # noqa: F403
    from pybpfc.diagnostics.catalog.pointers import *  # noqa: F403
    from pybpfc.diagnostics.catalog.python import *  # noqa: F403
    from pybpfc.diagnostics.catalog.reservations import *  # noqa: F403
    from pybpfc.diagnostics.catalog.rules import *  # noqa: F403
    from pybpfc.diagnostics.catalog.sources import *  # noqa: F403
    from pybpfc.diagnostics.catalog.syntax import *  # noqa: F403
    from pybpfc.diagnostics.catalog.values import *  # noqa: F403
    from pybpfc.diagnostics.catalog.verifier import *  # noqa: F403
    from pybpfc.diagnostics.catalog.warnings import *  # noqa: F403
else:

    def __getattr__(name: str) -> object:
        if not name.startswith("_"):
            _load()
        try:
            return globals()[name]
        except KeyError:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


CHAPTERS = (
    "sources",
    "syntax",
    "python",
    "places",
    "numbers",
    "values",
    "names",
    "calls",
    "members",
    "packets",
    "pointers",
    "maps",
    "reservations",
    "availability",
    "rules",
    "limits",
    "backend",
    "functions",
    "locks",
    "kernel_objects",
    "kfuncs",
    "verifier",
    "warnings",
)
"""The modules of the catalogue, in the order of their codes."""


def _load() -> None:
    """Import all chapters and make their entries attributes of this module."""
    for chapter in CHAPTERS:
        module = importlib.import_module(f"{__name__}.{chapter}")
        for name, value in vars(module).items():
            if isinstance(value, type) and issubclass(value, ErrorClass) and value.code:
                globals()[name] = value


def entries() -> dict[str, type[ErrorClass]]:
    """All entries by code, in order."""
    from pybpfc.diagnostics.catalog.base import REGISTRY

    _load()
    return dict(sorted(REGISTRY.items()))


def find(code: str) -> type[ErrorClass] | None:
    """The entry with this code, in any letter case."""
    return entries().get(code.strip().upper())


def explain(code: str) -> str:
    """The explanation of a code: what is wrong, why, a bad and a good example.

    Raises `KeyError` when there is no such code.
    """
    entry = find(code)
    if entry is None:
        raise KeyError(code)
    return f"{entry.code}: {entry.explanation()}\n"
