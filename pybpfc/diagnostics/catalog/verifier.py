"""V…: what the kernel's verifier refuses, in terms of the Python source."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class VerifierRejection(ErrorClass):
    """The kernel's verifier rejected the program."""

    code = "V0001"
    title = "the verifier rejected `{program}`: {reason}"
    label = "rejected here"
    program: str
    reason: str
