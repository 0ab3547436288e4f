"""What type checkers say of users' files: nothing of good ones, the right lines of wrong ones."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.py"))
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
FILES = [*SAMPLES, *EXAMPLES]

Found = dict[Path, dict[int, str]]


def run_mypy(files: Iterable[Path], cache: Path) -> Found:
    """The lines with errors, by file."""
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", f"--cache-dir={cache}"]
    result = subprocess.run([*command, *map(str, files)], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode in (0, 1), result.stdout + result.stderr
    found: Found = {}
    for line in result.stdout.splitlines():
        match = re.match(r"(.+?):(\d+): error: (.*)", line)
        if match:
            found.setdefault((ROOT / match[1]).resolve(), {})[int(match[2])] = match[3]
    return found


def run_pyright(files: Iterable[Path]) -> Found:
    """The lines with errors, by file."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    result = subprocess.run([*command, *map(str, files)], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode in (0, 1), result.stdout + result.stderr
    found: Found = {}
    for item in json.loads(result.stdout)["generalDiagnostics"]:
        if item["severity"] == "error":
            line = item["range"]["start"]["line"] + 1
            found.setdefault(Path(item["file"]).resolve(), {})[line] = item["message"]
    return found


@pytest.fixture(scope="module", params=["mypy", "pyright"])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Found:
    pytest.importorskip(request.param, reason=f"{request.param} is not installed")
    return run_mypy(FILES, tmp_path_factory.mktemp("mypy")) if request.param == "mypy" else run_pyright(FILES)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_checkers(path: Path, found: Found) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    expected = {number for number, line in enumerate(lines, 1) if line.endswith("# error")}
    reported = found.get(path.resolve(), {})
    missing = {number: lines[number - 1] for number in expected - set(reported)}
    surplus = {number: reported[number] for number in set(reported) - expected}
    assert (missing, surplus) == ({}, {})


@pytest.mark.parametrize("path", [p for p in SAMPLES if p.stem != "mistakes"], ids=lambda path: path.stem)
def test_runs(path: Path) -> None:
    """The declarations mean the same to Python: importing a good sample raises nothing."""
    result = subprocess.run([sys.executable, "-c", _IMPORT, str(path)], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


_IMPORT = """
import runpy, sys
from pybpfc.lang.maps import BpfMap
from pybpfc.lang.programs import Program
namespace = runpy.run_path(sys.argv[1], run_name="sample")
for name, value in namespace.items():
    if isinstance(value, BpfMap):
        value.declaration
    if isinstance(value, Program):
        value.kind
    if isinstance(value, type) and "__bpf_type__" in vars(value):
        str(value.__bpf_type__)
"""
