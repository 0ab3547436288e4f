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


class InstructionMissing(ErrorClass):
    """The target's instruction set lacks what the program needs.

    BPF's instruction set has grown: v2 added compares, v3 32-bit jumps and atomics with a result, v4 signed division
    and long jumps.
    """

    code = "E0603"
    title = "{what} needs BPF ISA {needed}; the target is {target}"
    label = "not in {target}"
    help = 'compile for a newer instruction set: `cpu="{needed}"`'
    what: str
    needed: str
    target: str


class UnknownTarget(ErrorClass):
    """A target that does not exist.

    The compiler knows the instruction sets v1 to v4 in both byte orders.
    """

    code = "E0604"
    title = "`{name}` is not a target"
    label = "unknown"
    help = "targets are v1 to v4, little- or big-endian"
    name: str
