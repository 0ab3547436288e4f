import ast
import re
import string

import pytest

from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.catalog.base import PRELUDE, ErrorClass
from pybpfc.diagnostics.diagnostic import Severity
from pybpfc.diagnostics.span import Span

ENTRIES = catalog.entries()
CHAPTERS = {
    "E01": {"sources", "syntax", "python", "places"},
    "E02": {"numbers", "values", "names", "calls", "members"},
    "E03": {"pointers", "packets"},
    "E04": {"maps", "reservations", "availability", "rules"},
    "E05": {"limits"},
    "E06": {"backend"},
    "E07": {"functions"},
    "E08": {"locks"},
    "E09": {"kernel_objects"},
    "E10": {"kfuncs"},
    "V00": {"verifier"},
}
SPAN = Span("a.py", 1, 1, 1, 2)

entries = pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.code)


def example_of(entry: type[ErrorClass]) -> ErrorClass:
    """An instance with a value for each field."""
    return entry(**{name: f"<{name}>" for name in entry.field_names})


def test_codes_are_unique_and_ordered() -> None:
    assert list(ENTRIES) == sorted(ENTRIES)
    defined = [
        value
        for name in catalog.CHAPTERS
        for value in vars(__import__(f"pybpfc.diagnostics.catalog.{name}", fromlist=["*"])).values()
        if isinstance(value, type) and issubclass(value, ErrorClass) and value.code
    ]
    assert len(defined) == len(ENTRIES), "two entries share a code"
    assert len({entry.__name__ for entry in defined}) == len(defined), "two entries share a name"


@entries
def test_code_severity_and_chapter_agree(entry: type[ErrorClass]) -> None:
    assert re.fullmatch(r"[EVWR]\d{4}", entry.code)
    expected = Severity.WARNING if entry.code.startswith("W") else Severity.ERROR
    assert entry.severity is expected
    chapters = {"warnings"} if entry.code.startswith("W") else CHAPTERS[entry.code[:3]]
    assert entry.__module__.rpartition(".")[2] in chapters


@entries
def test_texts_use_the_fields(entry: type[ErrorClass]) -> None:
    texts = (entry.title, entry.label, entry.help)
    used = {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    assert used == set(entry.field_names)
    diagnostic = example_of(entry).at(SPAN)
    assert "{" not in diagnostic.message
    assert not diagnostic.message.endswith(".")
    assert all("{" not in label.text for label in diagnostic.labels)
    assert diagnostic.code == entry.code


@entries
def test_explanation(entry: type[ErrorClass]) -> None:
    first, _, rest = entry.explanation().partition("\n")
    assert first.endswith(".")
    assert rest.strip(), "the reason is missing"
    assert catalog.explain(entry.code).startswith(f"{entry.code}: {first}\n")


@entries
def test_examples_parse(entry: type[ErrorClass]) -> None:
    examples = entry.examples()
    if examples is None:
        assert "Bad:" not in entry.explanation()
        assert "Good:" not in entry.explanation()
        return
    for example in examples:
        ast.parse(PRELUDE + example)
    assert examples[0] != examples[1]


def test_entries_are_found_by_code_in_any_case() -> None:
    assert catalog.find("e0301") is catalog.MayBeNone
    assert catalog.find(" E0301 ") is catalog.MayBeNone
    assert catalog.find("E9999") is None
    with pytest.raises(KeyError):
        catalog.explain("E9999")


def test_fields_by_position_and_by_name() -> None:
    assert catalog.TypeMismatch("a", "b") == catalog.TypeMismatch(found="b", expected="a")
    assert hash(catalog.TypeMismatch("a", "b")) == hash(catalog.TypeMismatch("a", "b"))
    assert catalog.TypeMismatch("a", "b") != catalog.TypeMismatch("b", "a")
    assert repr(catalog.TypeMismatch("a", "b")) == "TypeMismatch(expected='a', found='b')"


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        (("a",), {}, "missing field 'found'"),
        (("a", "b", "c"), {}, "takes 2 fields, got 3"),
        (("a",), {"expected": "b"}, "unexpected or repeated field 'expected'"),
        (("a", "b"), {"other": "c"}, "unexpected or repeated field 'other'"),
    ],
)
def test_wrong_fields_are_refused(args: tuple[str, ...], kwargs: dict[str, str], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        catalog.TypeMismatch(*args, **kwargs)


def test_given_helps_replace_the_general_one() -> None:
    assert [help.text for help in catalog.TrueDivision().at(SPAN).helps] == ["divide with `//`, which rounds down"]
    assert [help.text for help in catalog.TrueDivision().at(SPAN, helps=["other"]).helps] == ["other"]
    assert catalog.TrueDivision().at(SPAN, label="here").primary.text == "here"


def test_braces_in_values_are_kept() -> None:
    assert catalog.UndefinedName("{x}").at(SPAN).message == "`{x}` is not defined"


def test_did_you_mean() -> None:
    (help,) = catalog.did_you_mean("cuont", ["counts", "count", "other"], SPAN)
    assert help.text == "did you mean `count`?"
    assert help.fixes[0].replacement == "count"
    assert catalog.did_you_mean("xdp_pass", ["XDP_PASS"])[0].text == "did you mean `XDP_PASS`?"
    assert catalog.did_you_mean("zzz", ["count"]) == []


def test_one_of() -> None:
    assert catalog.one_of([]) == ""
    assert catalog.one_of(["a"]) == "`a`"
    assert catalog.one_of(["a", "b", "c"]) == "`a`, `b` or `c`"
    assert catalog.one_of("abcdefghij", limit=2) == "`a`, `b` …"


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="NoSuchEntry"):
        catalog.NoSuchEntry  # noqa: B018
