"""The kernel tests on Debian's kernels, beside this machine's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import CACHE, OBJECTS, ROOT, Unavailable, require_tools, run_tests

SUPPORTED_KERNELS = (("6.1", "linux-image-cloud-amd64"), ("6.12", "linux-image-6.12-cloud-amd64"))
TESTS = "tests/kernel"


@pytest.fixture(scope="module")
def compiled() -> None:
    """What the guests need, compiled here: the kernel tests run once with the cache and the store in place."""
    try:
        require_tools()
    except Unavailable as error:
        pytest.skip(str(error))
    environment = {**os.environ, "XDG_CACHE_HOME": str(CACHE), "PYBPFC_TEST_OBJECTS": str(OBJECTS)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TESTS]
    subprocess.run(command, cwd=ROOT, env=environment, check=False, stdout=subprocess.DEVNULL, timeout=600)
    assert any(Path(CACHE).rglob("*")), "the compile cache was not filled"


@pytest.mark.parametrize(("version", "package"), SUPPORTED_KERNELS)
def test_kernel(version: str, package: str, compiled: None) -> None:
    try:
        result = run_tests(package, TESTS)
    except Unavailable as error:
        pytest.skip(str(error))
    print(f"\nLinux {result.release}: {result.passed} passed, {result.failed} failed, {result.skipped} skipped")
    print("\n".join(result.reasons))
    assert result.release.startswith(version + ".")
    assert result.passed > 20, result.output[-4000:]
    assert result.failed == 0, "\n".join(result.reasons) + result.output[-6000:]
