"""What users see: files with mistakes, and the rendered diagnostics beside them.

`x.py` is checked and the result compared with `x.stderr`. The bad example of each catalogue entry is checked too,
against `explain/CODE.stderr`. `--update-golden` rewrites what is expected.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from diagnosed import check_file, compile_file, import_file, rendered

from pybpfc.cli.importing import import_source
from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.catalog.base import PRELUDE, ErrorClass
from pybpfc.diagnostics.errors import CompileError
from pybpfc.diagnostics.render import render_all
from pybpfc.diagnostics.sink import DiagnosticSink
from pybpfc.diagnostics.source import SourceMap
from pybpfc.frontend.analyze import analyze

ROOT = Path(__file__).parent
EXPLAIN = ROOT / "explain"
FILES = sorted(path for path in ROOT.glob("*.py") if path.name != Path(__file__).name)
WITH_EXAMPLES = [entry for entry in catalog.entries().values() if entry.examples() is not None]

examples = pytest.mark.parametrize("entry", WITH_EXAMPLES, ids=lambda entry: entry.code)


def compare(expected: Path, actual: str, update: bool) -> None:
    if update:
        if not expected.exists() or expected.read_text(encoding="utf-8") != actual:
            expected.write_text(actual, encoding="utf-8")
        return
    assert expected.exists(), f"{expected.name} is missing; run with --update-golden"
    assert actual == expected.read_text(encoding="utf-8"), f"{expected.name} differs (--update-golden rewrites it)"


def write_example(folder: Path, entry: type[ErrorClass], example: str) -> Path:
    path = folder / f"{entry.code}.py"
    path.write_text(PRELUDE + example, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_file(path: Path, update_golden: bool) -> None:
    compare(path.with_suffix(".stderr"), rendered(check_file(path)), update_golden)


@examples
def test_bad_example(entry: type[ErrorClass], tmp_path: Path, update_golden: bool) -> None:
    found = entry.examples()
    assert found is not None
    path = write_example(tmp_path, entry, found[0])
    kernel = entry.example_kernels()[0]
    sink = check_file(path, kernel)
    if not sink and not sink.warnings:
        sink = compile_file(path, kernel)  # the code generator's limits show at the end only
    text = rendered(sink)
    assert {diagnostic.code for diagnostic in (*sink.errors, *sink.warnings)} == {entry.code}, text
    compare(EXPLAIN / f"{entry.code}.stderr", text, update_golden)


@examples
def test_good_example(entry: type[ErrorClass], tmp_path: Path) -> None:
    found = entry.examples()
    assert found is not None
    assert rendered(compile_file(write_example(tmp_path, entry, found[1]), entry.example_kernels()[1])) == ""


def test_a_file_that_changes_under_the_program(tmp_path: Path, update_golden: bool) -> None:
    path = tmp_path / "E0103.py"
    program = "@bpf.xdp\ndef prog(ctx: bpf.XdpContext) -> int:\n    return XDP_PASS\n"
    path.write_text(PRELUDE + program)
    module = import_file(path)
    path.write_text(PRELUDE + "# one line more\n" + program)
    sink = DiagnosticSink(SourceMap(root=str(tmp_path)))
    analyze(vars(module), module.__name__, str(path), sink)
    compare(EXPLAIN / "E0103.stderr", rendered(sink), update_golden)


UNIMPORTABLE = {
    "E0104": "import pybpfc as bpf\n\nlimit = (3 +\n",
    "E0105": "import pybpfc as bpf\nfrom pybpfc import u32, u64\n\ncounts = bpf.HashMap[u32, u64](max_entries=0)\n",
}


@pytest.mark.parametrize("code", UNIMPORTABLE)
def test_a_file_that_cannot_be_imported(code: str, tmp_path: Path, update_golden: bool) -> None:
    path = tmp_path / f"{code}.py"
    path.write_text(UNIMPORTABLE[code])
    with pytest.raises(CompileError) as caught:
        import_source(str(path))
    assert [diagnostic.code for diagnostic in caught.value.diagnostics] == [code]
    text = render_all(caught.value.diagnostics, SourceMap(root=str(tmp_path))) + "\n"
    compare(EXPLAIN / f"{code}.stderr", text, update_golden)


def test_a_function_that_is_nested_too_deeply(tmp_path: Path, update_golden: bool) -> None:
    path = tmp_path / "E0506.py"
    chain = "".join(f"    elif n == {n}:\n        return {n % 3}\n" for n in range(400))
    start = "@bpf.xdp\ndef prog(ctx: bpf.XdpContext) -> int:\n    n = ctx.ingress_ifindex\n    if n == 500:\n"
    other = "\n\n@bpf.xdp\ndef other(ctx: bpf.XdpContext) -> int:\n    return XDP_PASS\n"
    path.write_text(PRELUDE + start + "        return 0\n" + chain + "    return 1\n" + other)
    sink = check_file(path)
    assert [diagnostic.code for diagnostic in sink.errors] == ["E0506"]
    compare(EXPLAIN / "E0506.stderr", rendered(sink), update_golden)


def test_every_code_is_shown() -> None:
    """Each code has a rendered diagnostic in this folder, but those that need a broken system to appear."""
    shown = {
        code
        for path in ROOT.rglob("*.stderr")
        for code in re.findall(r"^(?:error|warning)\[(\w+)\]", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    elsewhere = {"E0601", "E0602", "V0001"}
    assert set(catalog.entries()) - shown - elsewhere == set()


def test_nothing_is_expected_of_files_that_are_gone() -> None:
    known = {path.with_suffix(".stderr") for path in FILES} | {EXPLAIN / f"{e.code}.stderr" for e in WITH_EXAMPLES}
    known |= {EXPLAIN / f"{code}.stderr" for code in ("E0103", "E0506", *UNIMPORTABLE)}
    assert set(ROOT.rglob("*.stderr")) - known == set()
