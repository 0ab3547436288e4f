import json
from typing import Any

import pytest

from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.diagnostic import Diagnostic, Fix, Help, Label
from pybpfc.diagnostics.render_json import render_json, render_sarif
from pybpfc.diagnostics.source import SourceMap
from pybpfc.diagnostics.span import Span, line_start


@pytest.fixture
def sources() -> SourceMap:
    found = SourceMap(root="/home/user")
    found.add("/home/user/a b.py", "count = counts.lookup(key)\ncount.value += 1\n")
    found.add("/usr/lib/maps.py", "counts = 1\n")
    return found


@pytest.fixture
def diagnostics() -> list[Diagnostic]:
    fix = Fix(line_start("/home/user/a b.py", 2), "if count is None:\n    return 0\n")
    return [
        catalog.MayBeNone("count").at(
            Span("/home/user/a b.py", 2, 1, 2, 6),
            labels=[Label(Span("/usr/lib/maps.py", 1, 1, 1, 7), "declared here")],
            notes=("a note",),
            helps=[Help("return early", (fix,)), "or use `get`"],
        ),
        catalog.UnreachableCode().at(Span("/home/user/a b.py", 1, 1, 1, 6)),
    ]


def test_one_object_per_line(diagnostics: list[Diagnostic], sources: SourceMap) -> None:
    lines = render_json(diagnostics, sources).split("\n")
    assert lines.pop() == ""
    first, second = (json.loads(line) for line in lines)
    place = {"file": "/home/user/a b.py", "line": 2, "column": 1, "end_line": 2, "end_column": 6}
    rendered = first.pop("rendered")
    assert rendered.startswith("error[E0301]: `count` may be None\n --> a b.py:2:1\n")
    assert first == {
        "code": "E0301",
        "severity": "error",
        "message": "`count` may be None",
        **place,
        "labels": [
            {**place, "text": "used without a check", "primary": True},
            {
                "file": "/usr/lib/maps.py",
                "line": 1,
                "column": 1,
                "end_line": 1,
                "end_column": 7,
                "text": "declared here",
                "primary": False,
            },
        ],
        "notes": ["a note"],
        "helps": [
            {
                "text": "return early",
                "fixes": [
                    {
                        **place,
                        "end_column": 1,
                        "replacement": "if count is None:\n    return 0\n",
                    }
                ],
            },
            {"text": "or use `get`", "fixes": []},
        ],
    }
    assert (second["code"], second["severity"]) == ("W0101", "warning")


def test_no_diagnostics_give_no_lines() -> None:
    assert render_json([]) == ""


def test_sarif(diagnostics: list[Diagnostic], sources: SourceMap) -> None:
    log: dict[str, Any] = json.loads(render_sarif(diagnostics, "1.2", sources))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    driver = run["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("pybpfc", "1.2")
    assert [(rule["id"], rule["name"]) for rule in driver["rules"]] == [
        ("E0301", "MayBeNone"),
        ("W0101", "UnreachableCode"),
    ]
    assert [rule["defaultConfiguration"]["level"] for rule in driver["rules"]] == ["error", "warning"]
    error, warning = run["results"]
    assert driver["rules"][error["ruleIndex"]]["id"] == error["ruleId"] == "E0301"
    assert driver["rules"][warning["ruleIndex"]]["id"] == warning["ruleId"] == "W0101"
    assert (error["level"], warning["level"]) == ("error", "warning")
    assert error["message"]["text"] == "`count` may be None\na note\nhelp: return early\nhelp: or use `get`"
    region = {"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 6}
    assert error["locations"] == [
        {
            "physicalLocation": {"artifactLocation": {"uri": "a%20b.py"}, "region": region},
            "message": {"text": "used without a check"},
        }
    ]
    (related,) = error["relatedLocations"]
    assert related["physicalLocation"]["artifactLocation"] == {"uri": "file:///usr/lib/maps.py"}
    (fix,) = error["fixes"]
    assert fix["description"] == {"text": "return early"}
    (change,) = fix["artifactChanges"]
    assert change["replacements"] == [
        {
            "deletedRegion": {**region, "endColumn": 1},
            "insertedContent": {"text": "if count is None:\n    return 0\n"},
        }
    ]
    assert "relatedLocations" not in warning
    assert "fixes" not in warning


def test_sarif_without_results_is_a_valid_run() -> None:
    (run,) = json.loads(render_sarif([], "1"))["runs"]
    assert run["results"] == []
    assert run["tool"]["driver"]["rules"] == []
