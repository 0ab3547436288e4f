"""Checking a file as `pybpfc check` does, for tests of diagnostics."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path
from types import ModuleType

from pybpfc.compiler import compile_source, options, resolve_source
from pybpfc.diagnostics.errors import CompileError
from pybpfc.diagnostics.render import render_all
from pybpfc.diagnostics.sink import DiagnosticSink
from pybpfc.diagnostics.source import SourceMap
from pybpfc.pipeline import check_without_code


def import_file(path: Path) -> ModuleType:
    """Import a file under its own name, without leaving it in `sys.modules`."""
    name = path.stem
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # Python's own remarks on what is wrong on purpose
            spec.loader.exec_module(module)
    finally:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
    return module


def check_file(path: Path, kernel: str | None = None) -> DiagnosticSink:
    """The diagnostics of a file, named relative to its folder."""
    sink = DiagnosticSink(SourceMap(root=str(path.parent)))
    check_without_code(resolve_source(import_file(path)), options(None, False, kernel), sink)
    return sink


def compile_file(path: Path, kernel: str | None = None) -> DiagnosticSink:
    """The diagnostics of a file that is compiled to the end."""
    sink = DiagnosticSink(SourceMap(root=str(path.parent)))
    try:
        made = compile_source(import_file(path), kernel=kernel, use_cache=False)
    except CompileError as error:
        found = (*error.diagnostics, *error.warnings)
    else:
        found = made.warnings
    for diagnostic in found:
        sink.emit(diagnostic)
    return sink


def rendered(sink: DiagnosticSink) -> str:
    """All diagnostics as a user sees them, ending in a newline unless there are none."""
    text = render_all((*sink.errors, *sink.warnings), sink.sources, suppressed=sink.suppressed)
    return text + "\n" if text else ""
