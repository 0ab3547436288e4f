"""Annotations of locals."""

from __future__ import annotations

import ast

from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.signatures import annotation_type
from pybpfc.lang.types import ERROR, Type


def resolve_annotation(c: FunctionChecker, node: ast.expr) -> Type:
    """The type of an annotation, or `ERROR` after a diagnostic."""
    with c.reporting():
        return annotation_type(c.unit, c.captured, node, tuples=True) or ERROR
