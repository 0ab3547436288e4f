"""V…: what the kernel's verifier refuses, in terms of the Python source."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class VerifierRejection(ErrorClass):
    """The kernel's verifier rejected the program.

    The kernel checks every program before it runs: each memory access, each loop, each helper call. What it reports
    is shown at the Python line that the instruction came from.
    """

    code = "V0001"
    title = "the verifier rejected `{program}`: {reason}"
    label = "rejected here"
    program: str
    reason: str
