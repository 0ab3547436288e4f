"""Damaged input of every kind; `PYBPFC_FUZZ=N` makes N inputs of each (2,000 by default), `PYBPFC_SEED=S` others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COUNT = int(os.environ.get("PYBPFC_FUZZ", "2000"))
FIRST_SEED = int(os.environ.get("PYBPFC_SEED", "0"))
AT_ONCE = 10_000


@pytest.mark.parametrize("kind", ["objects", "btf", "logs"])
def test_parsers(kind: str, tmp_path: Path) -> None:
    for start in range(0, COUNT, AT_ONCE):
        seed, count = FIRST_SEED + start // AT_ONCE, min(AT_ONCE, COUNT - start)
        command = [sys.executable, Path(__file__).with_name("parsers.py"), kind, str(seed), str(count)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert not done.returncode, (done.stdout + done.stderr)[-3000:]
