"""The exceptions users see: a short message, and the whole story in attributes.

Importing this is cheap: the catalogue and the renderer are loaded when an error is printed.
"""

from __future__ import annotations

import errno as errnos
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pybpfc.diagnostics.diagnostic import Diagnostic
    from pybpfc.diagnostics.source import SourceMap


class PybpfcError(Exception):
    """The base of every error pybpfc raises on purpose."""


class CompileError(PybpfcError):
    """The program is not valid: `diagnostics` lists each mistake; `str()` shows them rendered, without colour."""

    def __init__(
        self,
        diagnostics: Sequence[Diagnostic],
        warnings: Sequence[Diagnostic] = (),
        suppressed: int = 0,
        sources: SourceMap | None = None,
    ) -> None:
        super().__init__(diagnostics, warnings, suppressed, sources)
        self.diagnostics = tuple(diagnostics)
        self.warnings = tuple(warnings)
        self.suppressed = suppressed
        self.sources = sources

    def __str__(self) -> str:
        return self.render()

    def render(self, *, width: int = 100, color: bool = False) -> str:
        """All diagnostics as text, with a last line that counts them."""
        from pybpfc.diagnostics.render import render_all

        shown = (*self.diagnostics, *self.warnings)
        return render_all(shown, self.sources, suppressed=self.suppressed, width=width, color=color)


class LoadError(PybpfcError):
    """The kernel or the loader refused an object; `errno` is the kernel's, `remedy` says what to do."""

    def __init__(self, message: str, *, errno: int = 0, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.errno = errno
        self.remedy = remedy

    def __str__(self) -> str:
        return _story(self.message, self.errno, "", self.remedy)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))


class PermissionDenied(LoadError):
    """The process lacks a capability, or the system forbids bpf() to it; `remedy` names what is needed."""


class VerifierError(LoadError):
    """The kernel's verifier rejected a program: `file` and `line` of the Python source, why, and what to do.

    `log` is the verifier's full log. `diagnostic` is the rendered story's source when the instruction could be
    traced to a line.
    """

    def __init__(
        self,
        message: str,
        *,
        errno: int = 0,
        file: str = "",
        line: int = 0,
        explanation: str = "",
        remedy: str = "",
        log: str = "",
        diagnostic: Diagnostic | None = None,
        sources: SourceMap | None = None,
    ) -> None:
        super().__init__(message, errno=errno, remedy=remedy)
        self.file = file
        self.line = line
        self.explanation = explanation
        self.log = log
        self.diagnostic = diagnostic
        self.sources = sources

    def __str__(self) -> str:
        if self.diagnostic is not None:
            return self.render()
        place = f"{self.file}:{self.line}: " if self.file else ""
        return _story(place + self.message, self.errno, self.explanation, self.remedy)

    def render(self, *, width: int = 100, color: bool = False) -> str:
        """The rejection as text: the Python line, the verifier's reason and the remedy."""
        if self.diagnostic is None:
            return str(self)
        from pybpfc.diagnostics.render import render

        return render(self.diagnostic, self.sources, width=width, color=color)


class AttachError(PybpfcError):
    """A program could not be attached: `errno`, the `cause` in words, and the `remedy`."""

    def __init__(self, message: str, *, errno: int = 0, cause: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.errno = errno
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return _story(self.message, self.errno, self.cause, self.remedy)

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))


class CompilerBug(PybpfcError):
    """pybpfc itself went wrong, not the user's program; `dump` is the file with the state, when one was written."""

    def __init__(self, message: str, *, dump: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.dump = dump

    def __str__(self) -> str:
        where = f"; the state is in {self.dump}" if self.dump else ""
        return f"this is a bug in pybpfc, please report it: {self.message}{where}"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))


def errno_text(number: int) -> str:
    """An errno as its name and its words: `EPERM: Operation not permitted`."""
    name = errnos.errorcode.get(number)
    return f"{name}: {os.strerror(number)}" if name else f"errno {number}"


def _story(message: str, errno: int, cause: str, remedy: str) -> str:
    """The message, the errno unless the message names it, then cause and remedy on lines of their own."""
    name = errnos.errorcode.get(errno, "")
    lines = [f"{message} ({errno_text(errno)})" if errno and (not name or name not in message) else message]
    if cause:
        lines.append(f"  cause: {cause}")
    if remedy:
        lines.append(f"  help: {remedy}")
    return "\n".join(lines)


def _rebuild(cls: type[PybpfcError], args: tuple[object, ...], state: dict[str, object]) -> PybpfcError:
    """Recreate a pickled error, keyword-only attributes included."""
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error
