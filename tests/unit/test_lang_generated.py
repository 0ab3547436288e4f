"""Running generated text."""

from __future__ import annotations

import subprocess
import sys

import pytest

CAUGHT = """
import sys
from pybpfc.lang.generated import run, value_of

def interrupted():
    raise KeyboardInterrupt

try:
    {call}
except KeyboardInterrupt:
    print("caught")
"""


@pytest.mark.parametrize(
    "call", ['run("interrupted()", {"interrupted": interrupted}, "x")', 'value_of("f()", {"f": interrupted})']
)
def test_an_interrupt_that_is_caught_does_not_end_the_process(call: str) -> None:
    script = CAUGHT.replace("{call}", call)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "caught\n", "")
