"""Options shared by all tests."""

import os
import signal

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell's background job ignores Ctrl-C, and so would the processes that tests interrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Random tests take the same examples at every run, so that a change is judged by itself."""
    if not config.pluginmanager.hasplugin("hypothesispytest"):
        return  # a guest of tests/vm, which has only what the kernel tests need
    from hypothesis import settings

    settings.register_profile("steady", derandomize=True)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))  # `default` looks further


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="rewrite the expected output of golden and UI tests from what the code does now; review the diff",
    )


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether expected output is to be rewritten."""
    return bool(request.config.getoption("--update-golden"))
