"""The sdist and the wheel: what they hold, and that an installed wheel works away from the checkout, with nothing but
the dependencies that its metadata names."""

from __future__ import annotations

import email
import email.message
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").glob("*.py") if path.name != "demo.py")

pytestmark = pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="hatchling is not installed")


def build(source: Path, out: Path, *targets: str) -> list[Path]:
    """Build with the backend itself: no isolated environment, so no network."""
    words = [word for target in targets for word in ("-t", target)]
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(out), *words]
    made = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False, timeout=120)
    assert made.returncode == 0, made.stderr
    return sorted(out.iterdir())


def digests_of_tree(root: Path) -> dict[str, str]:
    """The files below a folder, symbolic links followed, by relative name."""
    found: dict[str, str] = {}
    for folder, folders, files in os.walk(root, followlinks=True):
        folders[:] = [name for name in folders if name != "__pycache__" and not name.endswith("_cache")]
        for name in files:
            path = Path(folder, name)
            found[path.relative_to(root).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def digests_of_wheel(path: Path) -> dict[str, str]:
    """The files of a wheel by name; a name that occurs twice fails."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert len(names) == len(set(names)), "a file is in the wheel twice"
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in names}


def below(files: dict[str, str], folder: str) -> dict[str, str]:
    """The files of one folder, named from there."""
    return {name.removeprefix(folder + "/"): value for name, value in files.items() if name.startswith(folder + "/")}


@dataclass(frozen=True)
class Built:
    """Both distributions, the unpacked sdist, and the wheel that is built from it."""

    sdist: Path
    wheel: Path
    unpacked: Path
    wheel_of_sdist: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Built as they are released."""
    folder = tmp_path_factory.mktemp("built")
    wheel, sdist = build(ROOT, folder / "dist", "sdist", "wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    unpacked = folder / sdist.name.removesuffix(".tar.gz")
    return Built(sdist, wheel, unpacked, *build(unpacked, folder / "again", "wheel"))


@pytest.fixture(scope="module")
def metadata(built: Built) -> email.message.Message:
    """The wheel's METADATA."""
    with zipfile.ZipFile(built.wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


# ---- what they hold ----


def test_the_wheel_holds_the_package_as_it_is_and_nothing_else(built: Built) -> None:
    files = digests_of_wheel(built.wheel)
    package = below(files, "pybpfc")
    assert package == digests_of_tree(ROOT / "pybpfc")
    for needed in ("py.typed", "abi/tracepoints.txt", "stdlib/__init__.py", "stdlib/task.py", "stdlib/net.py"):
        assert needed in package
    assert {name.partition("/")[0] for name in files} == {"pybpfc", f"pybpfc-{PROJECT['version']}.dist-info"}


def test_built_products_of_the_checkout_stay_out(built: Built) -> None:
    names = [*digests_of_wheel(built.wheel), *digests_of_tree(built.unpacked)]
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".o", ".so"))]


def test_stdlib_is_shipped_inside_the_package_from_its_folder(built: Built) -> None:
    shipped = below(digests_of_wheel(built.wheel), "pybpfc/stdlib")
    assert shipped == digests_of_tree(ROOT / "stdlib")


def test_the_wheel_ships_the_license_and_the_command(built: Built) -> None:
    info = f"pybpfc-{PROJECT['version']}.dist-info"
    with zipfile.ZipFile(built.wheel) as archive:
        assert archive.read(f"{info}/licenses/LICENSE") == (ROOT / "LICENSE").read_bytes()
        assert "[console_scripts]\npybpfc = pybpfc.cli:main\n" in archive.read(f"{info}/entry_points.txt").decode()


def test_the_sdist_holds_what_building_testing_and_reading_take(built: Built) -> None:
    files = digests_of_tree(built.unpacked)
    for folder in ("pybpfc", "stdlib", "tests", "examples", "docs", "benchmarks"):
        assert below(files, folder) == digests_of_tree(ROOT / folder), folder
    for name in ("README.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "pyproject.toml"):
        assert files[name] == hashlib.sha256((ROOT / name).read_bytes()).hexdigest()
    assert "PKG-INFO" in files


def test_the_sdist_has_no_links_and_one_folder(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        members = archive.getmembers()
    assert all(member.isfile() or member.isdir() for member in members)
    assert {member.name.partition("/")[0] for member in members} == {f"pybpfc-{PROJECT['version']}"}
    names = [member.name for member in members]
    assert len(names) == len(set(names)), "a file is in the sdist twice"


def test_a_wheel_made_of_the_sdist_is_the_same(built: Built) -> None:
    assert digests_of_wheel(built.wheel_of_sdist) == digests_of_wheel(built.wheel)
    assert built.wheel_of_sdist.name == built.wheel.name


def test_building_again_gives_the_same_bytes(built: Built) -> None:
    assert built.wheel.read_bytes() == built.wheel_of_sdist.read_bytes()


# ---- metadata ----


def test_the_wheel_is_for_every_supported_python(built: Built, metadata: email.message.Message) -> None:
    assert built.wheel.name.endswith("-py3-none-any.whl")
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["License-File"] == "LICENSE"
    classifiers = metadata.get_all("Classifier") or []
    assert "Typing :: Typed" in classifiers
    named = {c.rpartition(" ")[2] for c in classifiers if re.fullmatch(r"Programming Language :: Python :: 3\.\d+", c)}
    assert named == {"3.11", "3.12", "3.13"}


def test_dependencies_are_those_that_the_project_names(metadata: email.message.Message) -> None:
    required = metadata.get_all("Requires-Dist") or []
    plain = {re.split(r"[<>=!~ ;\[]", line)[0] for line in required if "extra ==" not in line}
    assert plain == {"llvmlite", "pyelftools", "click", "astor", "rich"}
    assert [line for line in required if "extra ==" in line] == ["numpy>=1.26; extra == 'numpy'"]


def test_the_description_is_the_readme(metadata: email.message.Message) -> None:
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert str(metadata.get_payload()).strip() == (ROOT / "README.md").read_text(encoding="utf-8").strip()


# ---- installed ----


def closure(names: set[str]) -> Iterator[importlib.metadata.Distribution]:
    """The installed distributions that these need, all the way down, without extras."""
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        found = importlib.metadata.distribution(name)
        yield found
        for line in found.requires or ():
            if ";" not in line:
                waiting.append(re.split(r"[<>=!~ \[(]", line)[0])


def link_dependencies(site: Path, names: set[str]) -> None:
    """Make the dependencies importable in a new environment, and nothing else of this one."""
    for found in closure(names):
        tops = {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}
        for top in tops:
            target = Path(str(found.locate_file(top)))
            if target.exists() and not (site / top).exists():
                (site / top).symlink_to(target)


@dataclass(frozen=True)
class Installed:
    """A new environment with the wheel and its dependencies, and a folder to work in."""

    python: Path
    work: Path

    def run(self, *words: str, fails: bool = False, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment in the folder, with nothing of this process's settings."""
        kept = {name: os.environ[name] for name in ("LANG", "LD_LIBRARY_PATH", "TMPDIR") if name in os.environ}
        environment = {**kept, "PATH": f"{self.python.parent}:/usr/bin:/bin", "HOME": str(self.work)} | settings
        done = subprocess.run(
            words, cwd=self.work, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done

    def code(self, text: str, fails: bool = False) -> str:
        """What Python code prints, or its complaint."""
        done = self.run(str(self.python), "-c", text, fails=fails)
        return done.stderr if fails else done.stdout.strip()


@pytest.fixture(scope="module")
def installed(built: Built, metadata: email.message.Message, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in an environment of its own, away from the checkout."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    site = Path(
        subprocess.run(
            [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    )
    required = {
        re.split(r"[<>=!~ ;\[]", line)[0] for line in metadata.get_all("Requires-Dist") or () if "extra ==" not in line
    }
    link_dependencies(site, required)
    pip = [sys.executable, "-m", "pip", "--quiet", "--python", str(python), "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "install", "--no-index", str(built.wheel)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr  # without an index: the dependencies satisfy what the wheel requires
    work = folder / "work"
    work.mkdir()
    for name in EXAMPLES:
        shutil.copy(ROOT / "examples" / name, work)
    return Installed(python, work)


def test_the_installed_package_is_the_one_that_is_imported(installed: Installed) -> None:
    where = installed.code("import pybpfc; print(pybpfc.__file__)")
    assert where.startswith(str(installed.python.parents[1]))


def test_stdlib_is_found_in_the_package_only(installed: Installed) -> None:
    assert "No module named 'stdlib'" in installed.code("import stdlib", fails=True)
    printed = installed.code("import pybpfc.stdlib.task as t; print(t.__name__, t.current_pid.__name__)")
    assert printed == "pybpfc.stdlib.task current_pid"


def test_every_module_can_be_imported(installed: Installed) -> None:
    """No module needs something that the wheel leaves out or that is installed only for development."""
    text = (
        "import importlib, pkgutil, pybpfc\n"
        "names = [m.name for m in pkgutil.walk_packages(pybpfc.__path__, 'pybpfc.') if m.name != 'pybpfc.__main__']\n"
        "for name in names: importlib.import_module(name)\n"
        "print(len(names))"
    )
    count = int(installed.code(text))
    modules = [path for path in digests_of_tree(ROOT / "pybpfc") if path.endswith(".py")]
    assert count == len(modules) - 2  # the package itself, and `__main__`, which would run


def test_the_command_shows_its_version(installed: Installed) -> None:
    assert PROJECT["version"] in installed.run("pybpfc", "--version").stdout
    assert PROJECT["version"] in installed.run(str(installed.python), "-m", "pybpfc", "--version").stdout


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_command_checks_compiles_and_inspects_the_examples(installed: Installed, name: str) -> None:
    installed.run("pybpfc", "check", name)
    installed.run("pybpfc", "compile", name)
    made = installed.work / Path(name).with_suffix(".o")
    assert made.read_bytes()[:4] == b"\x7fELF"
    assert f"@ {name}:" in installed.run("pybpfc", "inspect", made.name).stdout


def test_an_installed_compiler_makes_the_object_that_the_checkout_makes(installed: Installed) -> None:
    shown: list[str] = []
    for made_by in (ROOT, None):
        environment = {"PYTHONPATH": str(made_by)} if made_by else {}
        installed.run("pybpfc", "compile", "opensnoop.py", "-o", "same.o", PYBPFC_CACHE="0", **environment)
        shown.append(installed.run("pybpfc", "inspect", "same.o").stdout)
    assert shown[0] == shown[1]


def test_diagnostics_are_complete_in_the_installed_package(installed: Installed) -> None:
    (installed.work / "wrong.py").write_text(
        "import pybpfc as bpf\n\n\n@bpf.xdp\ndef p(ctx: bpf.XdpContext) -> int:\n    return nothing\n"
    )
    shown = installed.run("pybpfc", "check", "wrong.py", fails=True)
    assert "error[E0212]" in shown.stderr
    assert "wrong.py:6:12" in shown.stderr
    assert "E0301" in installed.run("pybpfc", "explain", "E0301").stdout


def test_the_machine_runs_in_the_installed_package(installed: Installed) -> None:
    text = (
        "import pybpfc as bpf, opensnoop\n"
        "done = bpf.simulate(opensnoop.on_open, ctx={'filename': 4096, 'flags': 1}, memory={4096: b'/etc/x\\0'})\n"
        "print(done.retval, done.events[0].filename)"
    )
    assert installed.code(text) == "0 /etc/x"
