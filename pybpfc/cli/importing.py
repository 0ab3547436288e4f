"""The user's file as a module; what is wrong with the file becomes diagnostics at its lines."""

from __future__ import annotations

import os
import traceback
from types import ModuleType
from typing import TYPE_CHECKING

from pybpfc.compiler import import_file
from pybpfc.diagnostics.errors import CompileError, PybpfcError
from pybpfc.diagnostics.span import Span
from pybpfc.lang.errors import DeclarationError

if TYPE_CHECKING:
    from pybpfc.diagnostics.diagnostic import Diagnostic


def import_source(path: str) -> ModuleType:
    """Import a file; raises `CompileError` for what its author can correct, `PybpfcError` for what is no source."""
    try:
        return import_file(path)
    except CompileError:
        raise
    except SyntaxError as error:
        raise CompileError([_invalid_syntax(path, error)]) from error
    except (Exception, SystemExit) as error:
        place = _place(path, error)
        if place is None and isinstance(error, PybpfcError):
            raise  # it is about the file, not from it
        from pybpfc.diagnostics import catalog

        reason, notes, helps = _told(error)
        span = place or Span(os.path.abspath(path), 1, 1, 1, 1)
        raise CompileError([catalog.ImportFails(reason).at(span, notes=notes, helps=helps)]) from error


def _invalid_syntax(path: str, error: SyntaxError) -> Diagnostic:
    """The file at fault may be one that the user's file imports."""
    from pybpfc.diagnostics import catalog

    file, line, column = error.filename or os.path.abspath(path), error.lineno or 1, max(error.offset or 1, 1)
    end_line, end = error.end_lineno or line, error.end_offset or 0
    if (end_line, end) <= (line, column):  # Python says so where it knows only where the mistake begins
        end_line, end = line, column + 1
    return catalog.InvalidSyntax(error.msg).at(Span(file, line, column, end_line, end))


def _place(path: str, error: BaseException) -> Span | None:
    """What of the file was running, in its innermost frame."""
    file = os.path.abspath(path)
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    if not frames or frames[-1].lineno is None:
        return None
    frame, line = frames[-1], frames[-1].lineno or 1
    if frame.colno is None or frame.end_colno is None or frame.end_lineno is None:
        return Span(file, line, 1, line, 1)
    from pybpfc.diagnostics.source import SourceMap, column_of

    lines = SourceMap().lines(file)
    start, end = column_of(lines, line, frame.colno), column_of(lines, frame.end_lineno, frame.end_colno)
    return Span(file, line, start, frame.end_lineno, end)


def _told(error: BaseException) -> tuple[str, list[str], list[str]]:
    """An exception as reason, notes and help."""
    if isinstance(error, SystemExit):
        help = 'what only a script does stands under `if __name__ == "__main__":`'
        return f"it ends the process (SystemExit: {error.code})", [], [help]
    if isinstance(error, PybpfcError | DeclarationError):
        text = str(error)  # in our own words: whose they are helps nobody
    else:
        text = "".join(traceback.TracebackException(type(error), error, None).format_exception_only())
    reason, *notes = [line.strip() for line in text.splitlines() if line.strip()] or [type(error).__name__]
    return reason, notes, []
