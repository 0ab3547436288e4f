"""The order of the layers: who may import whom, and who may touch LLVM."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import pybpfc

PACKAGE = Path(pybpfc.__file__).parent

_BASE = {"records", "files"}  # below everything
_TO_LANG = _BASE | {"abi", "formats", "diagnostics", "lang"}
_TO_BACKEND = _TO_LANG | {"ir", "frontend", "backend"}
_DRIVER = {"cache", "compiler", "pipeline"}
_FACADES = {"helpers", "uapi", "kfuncs", "vmlinux"}

ALLOWED: dict[str, set[str]] = {
    "records": set(),
    "files": set(),
    "abi": _BASE,
    "formats": _BASE | {"abi"},
    "diagnostics": _BASE | {"abi", "formats"},
    "lang": _BASE | {"abi", "formats", "diagnostics"},
    "ir": _TO_LANG,
    "frontend": _TO_LANG | {"ir", "stdlib"},
    "backend": _TO_LANG | {"ir"},
    **dict.fromkeys(_DRIVER, _TO_BACKEND | _DRIVER | {"__init__"}),
    "core_relo": _TO_LANG,
    "runtime": _TO_LANG | {"core_relo"},
    "vm": _TO_LANG | {"core_relo"},
    "loading": _TO_LANG | _DRIVER | {"core_relo", "runtime", "vm"},
    **dict.fromkeys(_FACADES, {"abi", "lang"}),
    "stdlib": {"abi", "lang"} | _FACADES,
}
"""Which layers each layer may import besides itself; the command line and the package's face may import all."""

UNRESTRICTED = {"api", "cli", "__init__", "__main__"}


@dataclass(frozen=True)
class Import:
    """One imported module, where, and whether importing the file runs it."""

    path: Path
    line: int
    module: str
    at_import: bool

    def __str__(self) -> str:
        return f"{self.path.relative_to(PACKAGE.parent)}:{self.line} imports {self.module}"


def layer_of_file(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def layer_of_module(module: str) -> str | None:
    """The layer of an imported module; None for what is not ours."""
    first, _, rest = module.partition(".")
    if first != "pybpfc":
        return None
    return rest.partition(".")[0] or "__init__"


def imports(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    deferred = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or _is_type_checking(node)
        for child in ast.walk(node)
    }
    package = ["pybpfc", *path.relative_to(PACKAGE).parent.parts]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name, node not in deferred)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(path, node.lineno, f"{origin}.{alias.name}", node not in deferred)


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def source_files() -> list[Path]:
    files = [path for path in PACKAGE.rglob("*.py") if "__pycache__" not in path.parts]
    files += [path for path in (PACKAGE / "stdlib").rglob("*.py") if path not in files]
    return sorted(files)


FILES = source_files()


def names_of(imported: Import) -> list[str]:
    """The layers an import reaches: `from pybpfc import ir` names a layer, `from pybpfc import u32` the face."""
    layer = layer_of_module(imported.module)
    if layer is None:
        return []
    if imported.module.count(".") == 1 and layer not in ALLOWED and layer not in UNRESTRICTED:
        return ["__init__"]
    return [layer]


def test_all_layers_are_known() -> None:
    unknown = {layer_of_file(path) for path in FILES} - set(ALLOWED) - UNRESTRICTED
    assert not unknown, f"name their place in ALLOWED: {sorted(unknown)}"


def test_layers_import_only_what_is_above_them() -> None:
    wrong = [
        str(imported)
        for path in FILES
        if (layer := layer_of_file(path)) not in UNRESTRICTED
        for imported in imports(path)
        for reached in names_of(imported)
        if reached != layer and reached not in ALLOWED[layer]
    ]
    assert not wrong, "\n".join(wrong)


def test_only_the_worker_touches_llvm() -> None:
    """An LLVM error ends the process: only the isolated worker may call into it."""
    wrong = [
        str(imported)
        for path in FILES
        for imported in imports(path)
        if imported.module.startswith("llvmlite.binding") and path.name != "codegen_worker.py"
    ]
    assert not wrong, "\n".join(wrong)


def test_llvmlite_is_imported_by_the_backend_only() -> None:
    wrong = [
        str(imported)
        for path in FILES
        for imported in imports(path)
        if imported.module.split(".")[0] == "llvmlite" and layer_of_file(path) != "backend"
    ]
    assert not wrong, "\n".join(wrong)


def run_python(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.parametrize("module", ["pybpfc", "pybpfc.lang", "pybpfc.frontend", "pybpfc.runtime", "pybpfc.vm"])
def test_importing_does_not_import_llvmlite(module: str) -> None:
    loaded = run_python(f"import sys, {module}; print('llvmlite' in sys.modules)")
    assert loaded == "False"


def test_importing_the_errors_does_not_load_the_catalogue() -> None:
    loaded = run_python(
        "import sys, pybpfc.diagnostics.errors, pybpfc.diagnostics.sink\n"
        "print([m for m in sys.modules if m.startswith('pybpfc.diagnostics.catalog') or m.endswith('.render')])"
    )
    assert loaded == "[]"


def test_naming_the_catalogue_does_not_load_its_chapters() -> None:
    loaded = run_python(
        "import sys; from pybpfc.diagnostics import catalog\nprint('pybpfc.diagnostics.catalog.values' in sys.modules)"
    )
    assert loaded == "False"
