"""W…: programs that are valid and probably not what was meant."""

from __future__ import annotations

from typing import ClassVar

from pybpfc.diagnostics.catalog.base import ErrorClass
from pybpfc.diagnostics.diagnostic import Severity


class WarningClass(ErrorClass):
    """The base of all warnings."""

    severity: ClassVar[Severity] = Severity.WARNING


class UnreachableCode(WarningClass):
    """A statement can never run."""

    code = "W0101"
    title = "this code never runs"
    label = "unreachable"


class AlwaysCompares(WarningClass):
    """A comparison has the same result for every value."""

    code = "W0201"
    title = "this comparison is always {result}"
    label = "always {result}"
    result: bool


class UnusedResult(WarningClass):
    """An expression's value is thrown away."""

    code = "W0202"
    title = "the value of {what} is not used"
    label = "computed for nothing"
    what: str


class EndlessLoop(WarningClass):
    """A loop has no way out."""

    code = "W0501"
    title = "this loop has no way out"
    label = "no `break` or `return` inside"
    help = "add a `break`: the verifier refuses a program that does not end"
