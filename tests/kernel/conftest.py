"""Kernel tests need bpf(2); where it is missing or forbidden they are skipped, with the reason."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pybpfc.runtime import features


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    refusal = features.refusal()
    if refusal is None:
        return
    for item in items:
        if "/tests/kernel/" in str(item.path):
            item.add_marker(pytest.mark.skip(reason=f"bpf() is not permitted here: {refusal.message}"))


@pytest.fixture
def no_descriptor_leak() -> Iterator[None]:
    from kernel_support import no_leak

    with no_leak():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    from hook_proofs import watched

    if item.get_closest_marker("proves") is None:
        yield
        return
    with watched(item):
        yield
