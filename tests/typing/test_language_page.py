"""The examples of docs/language.md: type checkers have nothing to say of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from test_typing import run_mypy, run_pyright

sys.path.insert(0, str(Path(__file__).parents[1] / "exec"))
from test_language_reference import EXAMPLES, module_of


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_examples(checker: str, tmp_path: Path) -> None:
    pytest.importorskip(checker, reason=f"{checker} is not installed")
    files = [tmp_path / f"example_{number:02}.py" for number in range(len(EXAMPLES))]
    for path, example in zip(files, EXAMPLES, strict=True):
        path.write_text(module_of(example))
    found = run_mypy(files, tmp_path / "cache") if checker == "mypy" else run_pyright(files)
    assert found == {}
