import errno
import pickle

import pytest

from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.diagnostic import Diagnostic, Label
from pybpfc.diagnostics.errors import (
    AttachError,
    CompileError,
    CompilerBug,
    LoadError,
    PermissionDenied,
    PybpfcError,
    VerifierError,
    errno_text,
)
from pybpfc.diagnostics.render import render
from pybpfc.diagnostics.sink import DiagnosticSink
from pybpfc.diagnostics.source import SourceMap
from pybpfc.diagnostics.span import Span


def undefined(name: str, line: int = 1, file: str = "a.py") -> Diagnostic:
    return catalog.UndefinedName(name).at(Span(file, line, 1, line, 1 + len(name)))


@pytest.fixture
def sink() -> DiagnosticSink:
    sources = SourceMap()
    sources.add("a.py", "x\ny\nz\n")
    sources.add("b.py", "x\n")
    return DiagnosticSink(sources)


def test_nothing_is_raised_without_errors(sink: DiagnosticSink) -> None:
    sink.emit(catalog.UnreachableCode().at(Span("a.py", 1, 1, 1, 2)))
    assert not sink
    sink.raise_if_errors()
    assert [w.code for w in sink.warnings] == ["W0101"]
    assert sink.errors == ()


def test_all_mistakes_are_raised_in_source_order(sink: DiagnosticSink) -> None:
    for diagnostic in (undefined("y", 2), undefined("x", 1, "b.py"), undefined("x", 1)):
        sink.emit(diagnostic)
    sink.emit(catalog.UnreachableCode().at(Span("a.py", 3, 1, 3, 2)))
    with pytest.raises(CompileError) as caught:
        sink.raise_if_errors()
    error = caught.value
    assert [(d.file, d.line) for d in error.diagnostics] == [("a.py", 1), ("a.py", 2), ("b.py", 1)]
    assert [w.code for w in error.warnings] == ["W0101"]
    assert str(error).endswith("3 errors, 1 warning")
    assert "\x1b" not in str(error)
    assert "1 | x\n  | ^ not found in this scope" in str(error)
    assert "\x1b[" in error.render(color=True)


def test_the_same_diagnostic_counts_once(sink: DiagnosticSink) -> None:
    sink.emit(undefined("x"))
    sink.emit(undefined("x"))
    sink.emit(undefined("x", 2))
    assert len(sink.errors) == 2


def test_errors_past_the_cap_are_counted() -> None:
    sink = DiagnosticSink()
    for line in range(1, 26):
        sink.emit(undefined("x", line))
    assert len(sink.errors) == 20
    assert sink.suppressed == 5
    with pytest.raises(CompileError, match="20 errors, 5 more errors not shown"):
        sink.raise_if_errors()


def test_a_compile_error_without_sources_reads_the_files() -> None:
    assert "a.py:1:1" in str(CompileError([undefined("x")]))


def test_diagnostic_attributes() -> None:
    diagnostic = catalog.TypeMismatch("`u32`", "`u64`").at(
        Span("a.py", 2, 3, 4, 5), labels=[Label(Span("b.py", 9, 1, 9, 2), "there")], notes=("n",), helps=["h"]
    )
    assert (diagnostic.code, diagnostic.message, diagnostic.title) == ("E0201", *["expected `u32`, found `u64`"] * 2)
    assert (diagnostic.file, diagnostic.line, diagnostic.column) == ("a.py", 2, 3)
    assert (diagnostic.end_line, diagnostic.end_column) == (4, 5)
    assert [label.text for label in diagnostic.labels] == ["this is `u64`", "there"]
    assert diagnostic.helps[0].text == "h"
    assert str(diagnostic) == "a.py:2:3: error[E0201]: expected `u32`, found `u64`"


def test_the_primary_label_is_found_wherever_it_stands() -> None:
    span = Span("a.py", 1, 1, 1, 2)
    other = Span("a.py", 2, 1, 2, 2)
    made = catalog.DivisionByZero().at(span)
    moved = Diagnostic(made.code, made.message, made.severity, (Label(other), *made.labels))
    assert moved.line == 1
    assert Diagnostic(made.code, "m", made.severity, (Label(other),)).line == 2


ERRORS: list[PybpfcError] = [
    CompileError([undefined("x")], [catalog.UnreachableCode().at(Span("a.py", 1, 1, 1, 2))], 3),
    LoadError("the object has no programs", remedy="add one"),
    LoadError("bpf(BPF_MAP_CREATE) failed", errno=errno.E2BIG),
    PermissionDenied("bpf() is not permitted", errno=errno.EPERM, remedy="run as root"),
    VerifierError("rejected", file="a.py", line=3, explanation="r1 may be NULL", remedy="check it", log="0: …"),
    AttachError("cannot attach", errno=errno.EBUSY, cause="another program is there", remedy="detach it"),
    CompilerBug("a block without an end", dump="x.ir"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_errors_survive_pickling(error: PybpfcError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert {k: v for k, v in vars(copy).items() if k != "sources"} == {
        k: v for k, v in vars(error).items() if k != "sources"
    }


def test_texts_of_errors() -> None:
    texts = [str(error) for error in ERRORS[1:]]
    assert texts == [
        "the object has no programs\n  help: add one",
        "bpf(BPF_MAP_CREATE) failed (E2BIG: Argument list too long)",
        "bpf() is not permitted (EPERM: Operation not permitted)\n  help: run as root",
        "a.py:3: rejected\n  cause: r1 may be NULL\n  help: check it",
        "cannot attach (EBUSY: Device or resource busy)\n  cause: another program is there\n  help: detach it",
        "this is a bug in pybpfc, please report it: a block without an end; the state is in x.ir",
    ]
    assert str(LoadError("failed with EPERM", errno=errno.EPERM)) == "failed with EPERM"
    assert errno_text(524) == "errno 524"


def test_verifier_errors_are_load_errors_and_permission_too() -> None:
    assert issubclass(VerifierError, LoadError)
    assert issubclass(PermissionDenied, LoadError)
    assert not issubclass(AttachError, LoadError)


def test_a_verifier_error_with_a_diagnostic_is_rendered() -> None:
    sources = SourceMap()
    sources.add("a.py", "x = p.value\n")
    diagnostic = catalog.MayBeNone("p").at(Span("a.py", 1, 5, 1, 12))
    error = VerifierError("rejected", file="a.py", line=1, diagnostic=diagnostic, sources=sources)
    assert str(error) == render(diagnostic, sources)
    assert "1 | x = p.value" in str(error)


def test_control_characters_in_names_do_not_reach_the_terminal() -> None:
    sources = SourceMap()
    sources.add("a.py", 'x = "\x1b[31m" + y\n')
    text = render(catalog.UndefinedName("\x1b[2Jy").at(Span("a.py", 1, 14, 1, 15)), sources)
    assert "\x1b" not in text
    assert 'x = "�[31m" + y' in text


@pytest.mark.parametrize("width", [0, 1, 40, 60, 100, 1000])
@pytest.mark.parametrize("column", [1, 50, 300])
def test_labels_stay_under_their_text_at_any_width(width: int, column: int) -> None:
    sources = SourceMap()
    line = "".join(chr(ord("a") + i % 26) for i in range(400))
    sources.add("a.py", line)
    diagnostic = catalog.UndefinedName("x").at(Span("a.py", 1, column, 1, column + 3))
    rows = render(diagnostic, sources, width=width).split("\n")
    source, marks = rows[3], rows[4]
    start = marks.index("^")
    assert marks[start : start + 4] == "^^^ "
    assert source[start : start + 3] == line[column - 1 : column + 2]
    assert len(source) <= max(width, 40)
