"""The sdist and the wheel: what is in them, and that an installation of them works on its own."""

from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("pybpfc", "stdlib", "tests", "examples", "docs", "benchmarks")


def run(*command: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command whose Python knows nothing of this checkout."""
    env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")} | environment
    return subprocess.run([str(c) for c in command], cwd=cwd, env=env, capture_output=True, text=True, check=False)


def build(source: Path, out: Path, *targets: str) -> None:
    pytest.importorskip("hatchling")
    options = [part for target in targets for part in ("-t", target)]
    made = run(sys.executable, "-m", "hatchling", "build", *options, "-d", out, cwd=source)
    assert made.returncode == 0, made.stdout + made.stderr


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel of this checkout."""
    out = tmp_path_factory.mktemp("dist")
    build(ROOT, out, "sdist", "wheel")
    return out


@pytest.fixture(scope="session")
def wheel(distributions: Path) -> Path:
    (found,) = distributions.glob("*.whl")
    return found


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def needed() -> set[str]:
    """All that the package consists of, the standard library under its place in it."""
    files = {p.relative_to(ROOT).as_posix() for p in (ROOT / "pybpfc").rglob("*") if p.is_file()}
    files |= {"pybpfc/" + p.relative_to(ROOT).as_posix() for p in (ROOT / "stdlib").rglob("*") if p.is_file()}
    return {name for name in files if "__pycache__" not in name and "_cache/" not in name}


def test_the_wheel_has_the_package_and_nothing_else(wheel: Path) -> None:
    names = set(contents(wheel))
    assert {n for n in names if not n.startswith("pybpfc-")} == needed()
    assert {"pybpfc/py.typed", "pybpfc/stdlib/task.py", "pybpfc/abi/tracepoints.txt"} <= names
    assert any(n.endswith("licenses/LICENSE") for n in names)


def test_the_metadata(wheel: Path) -> None:
    files = contents(wheel)
    head = email.message_from_bytes(next(v for k, v in files.items() if k.endswith(".dist-info/METADATA")))
    assert head["Name"] == "pybpfc"
    assert head["Requires-Python"] == ">=3.11"
    assert head["License-Expression"] == "Apache-2.0"
    assert "Typing :: Typed" in head.get_all("Classifier", [])
    needs = {re.split(r"[<>=\[; ]", line)[0] for line in head.get_all("Requires-Dist", []) if "extra" not in line}
    assert needs == {"llvmlite", "pyelftools", "click", "astor", "rich"}
    scripts = next(v for k, v in files.items() if k.endswith("entry_points.txt")).decode()
    assert "pybpfc = pybpfc.cli:main" in scripts


def test_the_sdist_makes_the_same_wheel(distributions: Path, wheel: Path, tmp_path: Path) -> None:
    (archive,) = distributions.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    assert {f for f in FOLDERS if (source / f).is_dir()} == set(FOLDERS)
    assert (source / "stdlib" / "task.py").is_file()
    build(source, tmp_path / "again", "wheel")
    (again,) = (tmp_path / "again").glob("*.whl")
    code = {k: v for k, v in contents(again).items() if ".dist-info/" not in k}
    assert code == {k: v for k, v in contents(wheel).items() if ".dist-info/" not in k}


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel in it; its dependencies come from this one's."""
    folder = tmp_path_factory.mktemp("installed")
    assert run(sys.executable, "-m", "venv", "--without-pip", folder / "env", cwd=folder).returncode == 0
    python = folder / "env" / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).stdout.strip())
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    import click

    (site / "dependencies.pth").write_text(str(Path(click.__file__).parents[1]) + "\n")
    return python


def test_an_installation_compiles_and_checks(installed: Path, tmp_path: Path) -> None:
    program = tmp_path / "opensnoop.py"
    program.write_text((ROOT / "examples" / "opensnoop.py").read_text())
    where = run(installed, "-c", "import pybpfc; print(pybpfc.__file__)", cwd=tmp_path)
    assert str(installed.parents[1]) in where.stdout, where.stdout + where.stderr
    for command in (["check", program], ["compile", program]):
        done = run(installed, "-m", "pybpfc", *command, cwd=tmp_path, PYBPFC_CACHE="0")
        assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "opensnoop.o").read_bytes()[:4] == b"\x7fELF"


def test_the_standard_library_is_part_of_the_package_only(installed: Path, tmp_path: Path) -> None:
    assert run(installed, "-c", "import pybpfc.stdlib.task, pybpfc.stdlib.net", cwd=tmp_path).returncode == 0
    alone = run(installed, "-c", "import stdlib", cwd=tmp_path)
    assert "No module named 'stdlib'" in alone.stderr
