"""Diagnostics for programs: one JSON object per line for editors, SARIF 2.1.0 for code hosts and CI."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from pybpfc.diagnostics.diagnostic import Diagnostic, Fix, Severity
from pybpfc.diagnostics.render import render
from pybpfc.diagnostics.source import SourceMap
from pybpfc.diagnostics.span import Span

_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def to_dict(diagnostic: Diagnostic, sources: SourceMap | None = None) -> dict[str, Any]:
    """A diagnostic as plain data; lines and columns count from 1, ends are exclusive, `rendered` is the text form."""
    sources = sources if sources is not None else SourceMap()
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        **_place(diagnostic.span),
        "labels": [{**_place(label.span), "text": label.text, "primary": label.primary} for label in diagnostic.labels],
        "notes": list(diagnostic.notes),
        "helps": [
            {
                "text": help.text,
                "fixes": [{**_place(fix.span), "replacement": fix.replacement} for fix in help.fixes],
            }
            for help in diagnostic.helps
        ],
        "rendered": render(diagnostic, sources),
    }


def render_json(diagnostics: Iterable[Diagnostic], sources: SourceMap | None = None) -> str:
    """JSON lines: one object per diagnostic, each line ended; empty when there are none."""
    return "".join(json.dumps(to_dict(diagnostic, sources), ensure_ascii=False) + "\n" for diagnostic in diagnostics)


def render_sarif(diagnostics: Iterable[Diagnostic], version: str, sources: SourceMap | None = None) -> str:
    """A SARIF log with one run; `version` is pybpfc's."""
    sources = sources if sources is not None else SourceMap()
    listed = list(diagnostics)
    codes = sorted({diagnostic.code for diagnostic in listed})
    driver = {
        "name": "pybpfc",
        "version": version,
        "rules": [_rule(code) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(diagnostic, codes.index(diagnostic.code), sources) for diagnostic in listed],
    }
    return json.dumps({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _place(span: Span) -> dict[str, Any]:
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def _rule(code: str) -> dict[str, Any]:
    from pybpfc.diagnostics import catalog

    entry = catalog.find(code)
    if entry is None:
        return {"id": code}
    text = entry.explanation()
    return {
        "id": code,
        "name": entry.__name__,
        "shortDescription": {"text": text.split("\n", 1)[0]},
        "help": {"text": text},
        "defaultConfiguration": {"level": entry.severity.value},
    }


def _result(diagnostic: Diagnostic, rule: int, sources: SourceMap) -> dict[str, Any]:
    parts = [diagnostic.message, *diagnostic.notes, *(f"help: {help.text}" for help in diagnostic.helps)]
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": "error" if diagnostic.severity is Severity.ERROR else "warning",
        "message": {"text": "\n".join(parts)},
        "locations": [_location(diagnostic.span, diagnostic.primary.text, sources)],
    }
    related = [label for label in diagnostic.labels if label is not diagnostic.primary]
    if related:
        result["relatedLocations"] = [
            {"id": number, **_location(label.span, label.text, sources)} for number, label in enumerate(related)
        ]
    fixes = [_fix(help.text, help.fixes, sources) for help in diagnostic.helps if help.fixes]
    if fixes:
        result["fixes"] = fixes
    return result


def _location(span: Span, text: str, sources: SourceMap) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": _artifact(span.file, sources), "region": _region(span)}
    }
    if text:
        location["message"] = {"text": text}
    return location


def _artifact(file: str, sources: SourceMap) -> dict[str, str]:
    """A file as a URI: relative to the root where there is one, else `file://` for absolute paths."""
    from urllib.parse import quote

    shown = sources.display(file)
    return {"uri": ("file://" if shown.startswith("/") else "") + quote(os.fsencode(shown))}


def _region(span: Span) -> dict[str, int]:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _fix(text: str, fixes: Iterable[Fix], sources: SourceMap) -> dict[str, Any]:
    by_file: dict[str, list[Fix]] = {}
    for fix in fixes:
        by_file.setdefault(fix.span.file, []).append(fix)
    changes = [
        {
            "artifactLocation": _artifact(file, sources),
            "replacements": [
                {"deletedRegion": _region(fix.span), "insertedContent": {"text": fix.replacement}} for fix in group
            ],
        }
        for file, group in by_file.items()
    ]
    return {"description": {"text": text}, "artifactChanges": changes}
