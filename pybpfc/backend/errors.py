"""Errors of code generation."""

from __future__ import annotations

from pybpfc.diagnostics.errors import PybpfcError


class BackendError(PybpfcError):
    """LLVM refused what it was given; the message holds its own words."""
