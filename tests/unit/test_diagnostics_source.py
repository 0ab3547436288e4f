import ast
import linecache
from pathlib import Path

import pytest

from pybpfc.diagnostics.source import SourceMap, span_of, span_of_header, split_lines
from pybpfc.diagnostics.span import Span, line_start

SOURCE = """\
@decorator
def f(a: int, é: str = "ü") -> int:
    while a < é:  # comment: with a colon
        pass
    else: pass
    x = "日本" + nö
    with open(a) as b, \\
         open(c):
        pass
    match x:
        case 1: pass
    return {
        "ü": é.x,
    }
def g(): return 1
class C:
    pass
"""


@pytest.fixture
def sources() -> SourceMap:
    found = SourceMap()
    found.add("a.py", SOURCE)
    return found


def spans(kind: type[ast.AST]) -> list[Span]:
    lines = split_lines(SOURCE)
    return [span_of("a.py", node, lines) for node in ast.walk(ast.parse(SOURCE)) if isinstance(node, kind)]


def test_columns_are_characters_not_bytes(sources: SourceMap) -> None:
    names = {sources.text(span): span for span in spans(ast.Name)}
    assert names["nö"] == Span("a.py", 6, 16, 6, 18)
    assert {"a", "é", "int", "str", "nö", "x", "open", "b", "c", "decorator"} == set(names)


def test_text_of_a_span_over_several_lines(sources: SourceMap) -> None:
    assert [sources.text(span) for span in spans(ast.Dict)] == ['{\n        "ü": é.x,\n    }']


def test_nodes_without_position_span_their_children(sources: SourceMap) -> None:
    function = ast.parse(SOURCE).body[0]
    assert isinstance(function, ast.FunctionDef)
    arguments = span_of("a.py", function.args, split_lines(SOURCE))
    assert sources.text(arguments) == 'a: int, é: str = "ü"'
    assert [sources.text(s) for s in spans(ast.withitem)] == ["open(a) as b", "open(c)"]
    assert [sources.text(s) for s in spans(ast.match_case)] == ["1: pass"]


def test_a_node_without_any_position_is_refused() -> None:
    with pytest.raises(ValueError, match="arguments has no position"):
        span_of("a.py", ast.parse("def f(): pass").body[0].args, ["def f(): pass"])  # type: ignore[attr-defined]


def test_headers_end_before_the_colon(sources: SourceMap) -> None:
    lines = split_lines(SOURCE)
    headers = [
        sources.text(span_of_header("a.py", node, lines))
        for node in ast.walk(ast.parse(SOURCE))
        if isinstance(node, ast.FunctionDef | ast.While | ast.With | ast.Match | ast.ClassDef)
    ]
    assert headers == [
        'def f(a: int, é: str = "ü") -> int',
        "def g()",
        "class C",
        "while a < é",
        "with open(a) as b, \\\n         open(c)",
        "match x",
    ]


def test_header_of_a_simple_statement_is_all_of_it(sources: SourceMap) -> None:
    node = ast.parse(SOURCE).body[0].body[1]  # type: ignore[attr-defined]
    assert sources.text(span_of_header("a.py", node, split_lines(SOURCE))) == 'x = "日本" + nö'


def test_lines_are_split_as_the_parser_splits_them() -> None:
    assert split_lines("a\x0cb\r\nc\rd\u2028e\n") == ["a\x0cb", "c", "d\u2028e", ""]


def test_files_are_read_and_missing_ones_have_no_lines(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("eins\nzwei ü\n", encoding="utf-8")
    sources = SourceMap()
    assert sources.lines(str(path)) == ["eins", "zwei ü"]
    assert sources.line(str(path), 2) == "zwei ü"
    assert sources.line(str(path), 3) is None
    assert sources.line(str(path), 0) is None
    assert sources.lines(str(tmp_path / "missing.py")) == []
    assert sources.text(Span(str(tmp_path / "missing.py"), 1, 1, 1, 5)) == ""


def test_notebook_cells_come_from_linecache() -> None:
    linecache.cache["<cell 1>"] = (9, None, ["x = 1\n", "y = 2\n"], "<cell 1>")
    try:
        assert SourceMap().lines("<cell 1>") == ["x = 1", "y = 2"]
    finally:
        del linecache.cache["<cell 1>"]


def test_what_was_read_first_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.py"
    path.write_text("before\n")
    sources = SourceMap()
    assert sources.lines(str(path)) == ["before"]
    path.write_text("after\n")
    assert sources.lines(str(path)) == ["before"]


def test_files_are_named_relative_to_the_root() -> None:
    sources = SourceMap(root="/home/user")
    assert sources.display("/home/user/a/b.py") == "a/b.py"
    assert sources.display("/home/username/b.py") == "/home/username/b.py"
    assert sources.display("<stdin>") == "<stdin>"
    assert SourceMap().display("/a.py") == "/a.py"


def test_span_relations() -> None:
    inner, outer = Span("a", 2, 3, 2, 5), Span("a", 1, 9, 3, 1)
    assert outer.covers(inner)
    assert not inner.covers(outer)
    assert not outer.covers(Span("b", 2, 3, 2, 5))
    assert inner.start == Span("a", 2, 3, 2, 3)
    assert inner.end == Span("a", 2, 5, 2, 5)
    assert inner.to(Span("a", 4, 1, 4, 9)) == Span("a", 2, 3, 4, 9)
    assert str(inner) == "a:2:3"
    assert line_start("a", 7) == Span("a", 7, 1, 7, 1)
