"""`match` against Python's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from language import results

CASES = {
    "values": ("case 0 | 1:\n    t = 4\ncase 2:\n    t = 5\ncase _:\n    t = 6", (0, 1, 2, 3)),
    "capture": ("case 3:\n    t = 1\ncase k:\n    t = k * 2", (3, 9)),
    "capture guard": (
        "case k if k > 10:\n    t = k\ncase k if k < 3:\n    t = 100 + k\ncase _:\n    t = 7",
        (2, 5, 20),
    ),
    "as": ("case (1 | 5) as k:\n    t = k * 10\ncase k:\n    t = k", (1, 5, 6)),
    "as guard": ("case (1 | 5) as k if k > 2:\n    t = k * 10\ncase k:\n    t = k", (1, 5, 6)),
    "enum": ("case Kind.ONE:\n    t = 10\ncase Kind.TWO:\n    t = 20", (1, 2, 3)),
    "nested": ("case 1:\n    match n + 1:\n        case 2:\n            t = 9\ncase _:\n    pass", (1, 2)),
    "guard of another": ("case 1 if n == 2:\n    t = 1\ncase 1:\n    t = 2\ncase _ if n == 5:\n    t = 3", (1, 5, 6)),
}
HEAD = """
class Kind(enum.IntEnum):
    ONE = 1
    TWO = 2

"""


@pytest.mark.parametrize("case", CASES)
def test_match(case: str, tmp_path: Path) -> None:
    text, values = CASES[case]
    for value in values:
        body = f"t = 0\nn = i32(ctx.len) - {60 - value}\nmatch n:\n" + "\n".join(
            "    " + li for li in text.splitlines()
        )
        program = "\n".join("    " + line for line in body.splitlines())
        source = f"{HEAD}@bpf.socket_filter\ndef prog(ctx: bpf.SkBuff) -> int:\n{program}\n    return i32(t)\n"
        names: dict[str, object] = {}
        exec(f"import enum\n{HEAD}{body.replace(f'i32(ctx.len) - {60 - value}', str(value))}", names)
        assert set(results(tmp_path, source).values()) == {names["t"]}


TEXT = """
@bpf.struct
class S:
    name: Annotated[str, 16]

@bpf.socket_filter
def prog(ctx: bpf.SkBuff) -> int:
    s = S(name="WORD")
    match s.name:
        case "sh" | "bash":
            return 1
        case "cat" if ctx.len == 60:
            return 2
        case "cat":
            return 3
        case _:
            return 4
"""


@pytest.mark.parametrize(("word", "expected"), [("sh", 1), ("bash", 1), ("cat", 2), ("bas", 4), ("", 4)])
def test_match_on_text(word: str, expected: int, tmp_path: Path) -> None:
    assert set(results(tmp_path, TEXT.replace("WORD", word)).values()) == {expected}
