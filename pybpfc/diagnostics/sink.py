"""Where stages report: collects diagnostics, so that one run shows all mistakes of a file."""

from __future__ import annotations

from pybpfc.diagnostics.diagnostic import Diagnostic
from pybpfc.diagnostics.errors import CompileError
from pybpfc.diagnostics.source import SourceMap


class DiagnosticSink:
    """Collects diagnostics; past `cap` errors it only counts, since the rest are mostly consequences."""

    def __init__(self, sources: SourceMap | None = None, cap: int = 20) -> None:
        self.sources = sources if sources is not None else SourceMap()
        self.cap = cap
        self.suppressed = 0
        self._errors: list[Diagnostic] = []
        self._warnings: list[Diagnostic] = []
        self._seen: set[tuple[object, ...]] = set()

    def emit(self, diagnostic: Diagnostic) -> None:
        """Take a diagnostic; the same one again (another instance of a generic function, say) is dropped."""
        key = (diagnostic.code, diagnostic.message, diagnostic.span)
        if key in self._seen:
            return
        self._seen.add(key)
        if not diagnostic.is_error:
            self._warnings.append(diagnostic)
        elif len(self._errors) < self.cap:
            self._errors.append(diagnostic)
        else:
            self.suppressed += 1

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        """The errors so far, in the order of the source, file by file as first met."""
        return _in_source_order(self._errors)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """The warnings so far, in the order of the source, file by file as first met."""
        return _in_source_order(self._warnings)

    def __bool__(self) -> bool:
        """Whether there are errors."""
        return bool(self._errors)

    def raise_if_errors(self) -> None:
        """Raise `CompileError` with everything collected when there is an error."""
        if self._errors:
            raise CompileError(self.errors, self.warnings, self.suppressed, self.sources)


def _in_source_order(diagnostics: list[Diagnostic]) -> tuple[Diagnostic, ...]:
    files = {diagnostic.file: order for order, diagnostic in reversed(list(enumerate(diagnostics)))}
    return tuple(sorted(diagnostics, key=lambda d: (files[d.file], d.line, d.column)))
