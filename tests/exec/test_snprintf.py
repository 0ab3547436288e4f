"""`bpf.snprintf`: what the machine and the kernel write into memory, against Python's own f-strings."""

from __future__ import annotations

from pathlib import Path

import pytest
from language import PACKET, module, results
from test_print import LINES, PROGRAM, expected

import pybpfc as bpf
from pybpfc.compiler import compile_source
from pybpfc.diagnostics.errors import CompileError
from pybpfc.runtime import features
from pybpfc.vm import Machine

SIZE = 40
ROWS = f"""
@bpf.struct
class Row:
    text: Annotated[str, {SIZE}]
    length: i64

rows = bpf.Array[Row](max_entries={len(LINES)})
"""


def shown(line: str) -> tuple[str, int]:
    """What is left of a line in the buffer, and the length with its NUL."""
    text = expected(line)
    return text[: SIZE - 1], len(text) + 1


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, tuple[str, int]], str]:
    """Each line, by the machine; and the object."""
    folder = tmp_path_factory.mktemp("snprintf")
    body = "\n".join(
        f'    r{i} = rows.lookup({i})\n    if r{i} is not None:\n        r{i}.length = bpf.snprintf(r{i}.text, f"""{line}""")'
        for i, line in enumerate(LINES)
    )
    made = compile_source(module(folder, ROWS + PROGRAM.replace("BODY", body)), use_cache=False)
    made.write(folder / "snprintf.o")
    machine = Machine(made.spec)
    machine.run("prog", data=PACKET)
    found = [bytes(value) for _, value in sorted(machine.handles["rows"].items())]
    return dict(zip(LINES, map(decoded, found), strict=True)), str(folder / "snprintf.o")


def decoded(row: bytes) -> tuple[str, int]:
    return row[:SIZE].split(b"\0")[0].decode(), int.from_bytes(row[SIZE : SIZE + 8], "little", signed=True)


def test_the_machine_formats_as_python_does(rows: tuple[dict[str, tuple[str, int]], str]) -> None:
    assert rows[0] == {line: shown(line) for line in LINES}


@pytest.mark.skipif(features.refusal() is not None, reason="needs bpf(2)")
def test_the_kernel_formats_as_python_does(rows: tuple[dict[str, tuple[str, int]], str]) -> None:
    with bpf.load(rows[1], attach=False) as loaded:
        loaded.programs["prog"].test_run(data=PACKET)
        found = [loaded.maps["rows"][index] for index in range(len(LINES))]
    assert {line: (row.text, row.length) for line, row in zip(LINES, found, strict=True)} == {
        line: shown(line) for line in LINES
    }


BUFFERS = """
line: bpf.Global[Annotated[str, 16]] = ""

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    text: Annotated[str, 8] = ""
    n = bpf.snprintf(text, f"{ctx.len:04d}")
    if bpf.snprintf(line, f"<{text}>{n}") != 8 or line != "<0060>5":
        return 1
    bpf.snprintf(text, "0123456789")
    return 0 if text == "0123456" else 2
"""


def test_local_and_global_buffers(tmp_path: Path) -> None:
    assert set(results(tmp_path, BUFFERS).values()) == {0}


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ('bpf.snprintf(f"{n}")', "E0215"),
        ('bpf.snprintf(n, f"{n}")', "E0201"),
        ('bpf.snprintf("text", f"{n}")', "E0201"),
        ('bpf.snprintf(constant, f"{n}")', "E0208"),
        ('bpf.snprintf(text, f"{n:.2}")', "E0136"),
        ("bpf.snprintf(text, n)", "E0201"),
    ],
)
def test_wrong_uses(call: str, code: str, tmp_path: Path) -> None:
    source = f"""
constant: bpf.Const[Annotated[str, 8]] = "a"
@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    text: Annotated[str, 8] = ""
    n = ctx.len
    {call}
    return 0
"""
    with pytest.raises(CompileError) as caught:
        compile_source(module(tmp_path, source), use_cache=False)
    assert [d.code for d in caught.value.diagnostics] == [code]
