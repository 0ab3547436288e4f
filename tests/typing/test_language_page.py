"""The examples of docs/language.md: type checkers have nothing to say of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from test_typing import run_mypy, run_pyright

sys.path.insert(0, str(Path(__file__).parents[1] / "exec"))
from test_language_reference import EXAMPLES, HOOKS, IN_KERNEL, kernel_module_of, module_of


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
def test_examples(checker: str, tmp_path: Path) -> None:
    pytest.importorskip(checker, reason=f"{checker} is not installed")
    modules = [*map(module_of, EXAMPLES), *map(kernel_module_of, [*IN_KERNEL, HOOKS])]
    files = [tmp_path / f"example_{number:02}.py" for number in range(len(modules))]
    for path, module in zip(files, modules, strict=True):
        path.write_text(module)
    found = run_mypy(files, tmp_path / "cache") if checker == "mypy" else run_pyright(files)
    assert found == {}
