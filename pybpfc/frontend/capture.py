"""From a live Python function to its syntax tree and the names it can see.

The whole file is parsed once and the definition is found by name and first line, so that columns
are true and nested or multi-line-decorated functions work. Names resolve against the live closure
and module globals: what Python would see now is what is compiled.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any

from pybpfc.diagnostics.source import SourceMap, span_of, span_of_header
from pybpfc.diagnostics.span import Span, line_start
from pybpfc.lang.types import Type
from pybpfc.records import define, field

_MISSING = object()


class SourceNotFound(Exception):
    """The function's source text cannot be had (made by `exec`, or its file has changed)."""


class SourceChanged(SourceNotFound):
    """The file no longer holds the function where it was when its module was imported; `span` is that place."""

    def __init__(self, span: Span) -> None:
        super().__init__(str(span))
        self.span = span


class AsyncFunction(Exception):
    """The function is a coroutine; `span` is its header."""

    def __init__(self, span: Span) -> None:
        super().__init__(str(span))
        self.span = span


@define
class ParsedFile:
    """One file's lines and its functions by name and first line."""

    file: str
    lines: list[str]
    tree: ast.Module
    functions: dict[tuple[str, int], ast.FunctionDef | ast.AsyncFunctionDef] = field(default_factory=dict)
    imports: list[ast.ImportFrom] = field(default_factory=list)

    def span(self, node: ast.AST) -> Span:
        """The span of a node of this file."""
        return span_of(self.file, node, self.lines)

    def header_span(self, node: ast.stmt) -> Span:
        """The span of a compound statement without its body."""
        return span_of_header(self.file, node, self.lines)


@define
class Captured:
    """A function with its syntax tree and environment.

    For one instance of it, `types` are the classes that names stand for, `given` the types of open parameters.
    """

    name: str
    node: ast.FunctionDef
    source: ParsedFile
    function: Callable[..., Any]
    nonlocals: Mapping[str, Any]
    globals: Mapping[str, Any]
    types: Mapping[str, Any] = field(default_factory=dict)
    given: Mapping[str, Type] = field(default_factory=dict)

    def lookup(self, name: str) -> tuple[bool, Any]:
        """What a free name means: type parameters, then closure, then module, then builtins."""
        for scope in (self.types, self.nonlocals, self.globals):
            value = scope.get(name, _MISSING)
            if value is not _MISSING:
                return True, value
        if hasattr(builtins, name):
            return True, getattr(builtins, name)
        return False, None

    def visible_names(self) -> list[str]:
        """Names that could have been meant, for suggestions."""
        return [*self.nonlocals, *(n for n in self.globals if isinstance(n, str) and not n.startswith("__"))]


class FileCache:
    """Parses each file once."""

    def __init__(self, sources: SourceMap) -> None:
        self.sources = sources
        self.parsed: dict[str, ParsedFile] = {}

    def parse(self, file: str) -> ParsedFile:
        """The parsed file; `SourceNotFound` when there is no text or it does not parse."""
        if file not in self.parsed:
            lines = self.sources.lines(file)
            if not lines:
                raise SourceNotFound(file)
            try:
                tree = ast.parse("\n".join(lines) + "\n", file)
            except SyntaxError as error:
                raise SourceNotFound(file) from error
            parsed = ParsedFile(file, lines, tree)
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    parsed.functions[node.name, _first_line(node)] = node
                elif isinstance(node, ast.ImportFrom):
                    parsed.imports.append(node)
            self.parsed[file] = parsed
        return self.parsed[file]

    def capture(self, function: Callable[..., Any]) -> Captured:
        """Find the definition of `function`; `SourceNotFound` when that fails."""
        code = getattr(function, "__code__", None)
        if not isinstance(code, CodeType):
            raise SourceNotFound(repr(function))
        parsed = self.parse(code.co_filename)
        node = parsed.functions.get((code.co_name, code.co_firstlineno))
        if isinstance(node, ast.AsyncFunctionDef):
            raise AsyncFunction(parsed.header_span(node))
        if node is None:
            raise SourceChanged(line_start(code.co_filename, code.co_firstlineno))
        return Captured(code.co_name, node, parsed, function, _nonlocals(function), function.__globals__)


def _first_line(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([d.lineno for d in node.decorator_list] + [node.lineno])


def _nonlocals(function: Callable[..., Any]) -> dict[str, Any]:
    """Closure variables with their values; cells not filled yet are left out."""
    found: dict[str, Any] = {t.__name__: t for t in getattr(function, "__type_params__", ())}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            found[name] = cell.cell_contents
        except ValueError:
            continue
    return found
