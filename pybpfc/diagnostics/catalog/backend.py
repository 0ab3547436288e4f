"""E06xx: code generation and the object file."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class CodegenError(ErrorClass):
    """The code generator refused the program.

    The program passed all checks, but the code generator did not accept what became of it.
    """

    code = "E0601"
    title = "the code generator refused this: {reason}"
    label = "in the code for this"
    help = "please report it: pybpfc should have found this before"
    reason: str


class CodegenDied(ErrorClass):
    """The code generator's process ended without an answer.

    The code generator runs in a process of its own, so that its end is not the end of yours.
    """

    code = "E0602"
    title = "the code generator ended: {reason}"
    label = "while compiling this"
    help = "please report it with the program that caused it"
    reason: str
