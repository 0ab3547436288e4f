"""Which tests prove that a hook works for programs written in Python: an event of it reached one.

`proves` marks a test; while it runs, programs of the sections that it names must have been attached, or run where the
hook is none that programs attach to. `docs/hooks.md` lists the tests.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from kernel_support import from_python

from pybpfc.abi.program_types import match_section
from pybpfc.runtime.programs import Program

F = TypeVar("F", bound=Callable[..., Any])

PROVEN: dict[str, list[str]] = {}
"""The tests, `file::name`, by the pattern of the section."""

HEAD = """
import pybpfc as bpf
from pybpfc import *
from pybpfc.helpers import *
from pybpfc.uapi import *

count: Global[u64] = 0
seen: Global[u64] = 0
"""


def proves(*sections: str) -> Callable[[F], F]:
    """The test shows that programs of these sections get their events; one parameter `section` chooses among them."""
    for section in sections:
        assert match_section(section) is not None, f"`{section}` names no hook"

    def mark(test: F) -> F:
        where = f"{Path(test.__code__.co_filename).name}::{test.__name__}"
        for section in sections:
            PROVEN.setdefault(_pattern(section), []).append(where)
        marked: F = pytest.mark.proves(*sections)(test)
        return marked

    return mark


def _pattern(section: str) -> str:
    found = match_section(section)
    assert found is not None
    return found.pattern


@contextlib.contextmanager
def watched(item: pytest.Item) -> Iterator[None]:
    """Run a test; fail when it does not use the hooks that it is said to prove."""
    marks = [section for mark in item.iter_markers("proves") for section in mark.args]
    chosen = getattr(item, "callspec", None)
    section = chosen.params.get("section") if chosen is not None else None
    wanted = {_pattern(s) for s in ([section] if section is not None else marks)}
    used: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("attach", "test_run", "__init__"):
            patch.setattr(Program, name, _noting(getattr(Program, name), name, used))
        yield
    assert wanted <= used, f"nothing of {', '.join(sorted(wanted - used))} was attached"


def _noting(method: Callable[..., Any], name: str, used: set[str]) -> Callable[..., Any]:
    def noted(self: Program, *args: Any, **kwargs: Any) -> Any:
        result = method(self, *args, **kwargs)
        if name == "attach" or self.kind.attach in _UNATTACHED:
            used.add(self.kind.pattern)
        return result

    return noted


_UNATTACHED = {"none", "map", "struct_ops"}
"""Hooks whose programs are run by hand, by the map that they are stored in, or by the struct that they belong to."""


def program(hook: str, context: str, *body: str, head: str = "") -> bytes:
    """A program in Python that counts its events, with statements of its own behind that."""
    lines = [f"    {line}" for line in ("global count, seen", "count += 1", *body)]
    return from_python(f"{HEAD}{head}\n\n@bpf.{hook}\ndef prog({context}) -> int:\n" + "\n".join(lines) + "\n")
