"""Running source text that pybpfc writes, or that annotations hold.

Only as code objects: when an interrupt passes through `exec` or `eval` of a text, CPython notes it as unhandled and
lets the process die of SIGINT at its end, also where the program caught it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def run(source: str, names: dict[str, Any], what: str) -> None:
    """Execute generated source text; what it defines is added to `names`."""
    exec(compile(source, f"<{what} by pybpfc>", "exec"), names)


def value_of(expression: str, scope: Mapping[str, Any]) -> Any:
    """The value of an expression among the names of `scope`; raises what evaluating it raises."""
    return eval(compile(expression.strip(), "<annotation>", "eval"), dict(scope))
