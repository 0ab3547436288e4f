"""Whatever the source and the spans, a rendering shows every text once and never fails."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pybpfc.diagnostics.diagnostic import Diagnostic, Fix, Help, Label, Severity
from pybpfc.diagnostics.render import apply_fixes, render
from pybpfc.diagnostics.source import SourceMap, split_lines
from pybpfc.diagnostics.span import Span

CHARACTERS = st.sampled_from(list("ab (=\t.") + ["ü", "宽", "\u0301", "\x1b", "\u200b", "🐝"])
LINES = st.lists(st.text(CHARACTERS, max_size=60), min_size=1, max_size=12)


@st.composite
def spans(draw: st.DrawFn, lines: list[str]) -> Span:
    """Any span within the lines, or a little beyond them."""
    line = draw(st.integers(1, len(lines) + 1))
    end_line = draw(st.integers(line, len(lines) + 1))
    column = draw(st.integers(1, 70))
    end_column = draw(st.integers(column if line == end_line else 1, 75))
    return Span("a.py", line, column, end_line, end_column)


@st.composite
def diagnostics(draw: st.DrawFn) -> tuple[list[str], Diagnostic]:
    lines = draw(LINES)
    count = draw(st.integers(1, 5))
    labels = tuple(Label(draw(spans(lines)), f"label{i}", primary=i == 0) for i in range(count))
    return lines, Diagnostic("E0000", "message", Severity.ERROR, labels, ("note0",), (Help("help0"),))


@given(diagnostics(), st.integers(0, 120))
@settings(max_examples=300, deadline=None)
def test_every_text_appears_once(case: tuple[list[str], Diagnostic], width: int) -> None:
    lines, diagnostic = case
    sources = SourceMap()
    sources.add("a.py", "\n".join(lines))
    text = render(diagnostic, sources, width=width)
    assert "\x1b" not in text
    assert text.count("message") == 1
    assert text.count("note0") == 1
    assert text.count("help0") == 1
    for label in diagnostic.labels:
        assert text.count(label.text) == 1
    assert not any(line.endswith(" ") for line in text.split("\n"))


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_fixes_change_what_they_say(data: st.DataObject) -> None:
    lines = data.draw(st.lists(st.text("abc", min_size=1, max_size=9), min_size=1, max_size=5))
    number = data.draw(st.integers(1, len(lines)))
    start = data.draw(st.integers(1, len(lines[number - 1]) + 1))
    end = data.draw(st.integers(start, len(lines[number - 1]) + 1))
    replacement = data.draw(st.text("xyz\n", max_size=9))
    line = lines[number - 1]
    expected = "\n".join([*lines[: number - 1], line[: start - 1] + replacement + line[end - 1 :], *lines[number:]])
    fix = Fix(Span("a.py", number, start, number, end), replacement)
    assert apply_fixes(lines, [fix]) == split_lines(expected)
    sources = SourceMap()
    sources.add("a.py", "\n".join(lines))
    label = Label(fix.span, "label", primary=True)
    text = render(Diagnostic("E0000", "message", Severity.ERROR, (label,), (), (Help("help0", (fix,)),)), sources)
    assert text.count("help0") == 1
