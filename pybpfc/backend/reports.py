"""LLVM's refusals as diagnostics.

LLVM prints where it stopped, from the debug information, and ends its process:

    error: count.py:17:9: in function prog i32 (ptr): unsupported signed division, …
"""

from __future__ import annotations

import re

from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.diagnostic import Diagnostic
from pybpfc.diagnostics.span import Span
from pybpfc.ir.module import Module

_PLACE = re.compile(r"error: (?:(?P<file>.+?):(?P<line>\d+):(?P<column>\d+): )?in function (?P<function>\S+) .*?\): ")


def diagnose(words: str, module: Module) -> Diagnostic:
    """The diagnostic of what LLVM said before it gave up on `module`."""
    found = _PLACE.search(words)
    function = next((f for f in module.functions if found is not None and f.name == found["function"]), None)
    if found is None or function is None:
        where = module.functions[0].span if module.functions else Span(module.file, 1, 1, 1, 1)
        return catalog.CodegenDied(words).at(where)
    reason = words[found.end() :].splitlines()[0]
    where = function.span
    if found["line"] and int(found["line"]):
        line, column = int(found["line"]), max(int(found["column"]), 1)
        where = Span(function.span.file, line, column, line, column + 1)
    return catalog.CodegenError(reason).at(where)
