"""The `pybpfc` command: compile, check, run, inspect, explain."""

from __future__ import annotations

import signal
import sys
from typing import Any

INTERRUPTED = 130
"""The exit status that shells give a command ended by Ctrl-C."""


def _ignored(unraisable: Any) -> None:
    """An interrupt that came where Python can only drop it, in a callback of an import, comes again in a moment."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.001)
    else:
        sys.__unraisablehook__(unraisable)


sys.unraisablehook = _ignored


def _interrupted() -> int:
    print("pybpfc: interrupted", file=sys.stderr)
    return INTERRUPTED


try:
    from pybpfc.cli import streams
    from pybpfc.cli.main import cli
except KeyboardInterrupt:  # loading all this takes a moment
    sys.exit(_interrupted())


def main() -> None:
    """Run the command. Errors are one clear message and exit status 1; wrong usage is 2."""
    streams.open_closed_streams()
    status = _run()
    if (trouble := streams.flush()) is not None:
        status = 1
        if trouble:
            print(f"pybpfc: {trouble}", file=sys.stderr)
    sys.exit(status)


def _run() -> int:
    """The command's exit status, its errors told."""
    import click

    from pybpfc.diagnostics.errors import CompileError, PybpfcError, VerifierError

    try:
        return cli.main(prog_name="pybpfc", standalone_mode=False) or 0
    except SystemExit as done:
        return done.code if isinstance(done.code, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (CompileError, VerifierError) as error:
        from pybpfc.cli.rendering import show_error

        show_error(error)
    except PybpfcError as error:
        print(f"pybpfc: {error}", file=sys.stderr)
    except BrokenPipeError:
        pass  # who reads the output has seen enough
    except OSError as error:
        if error.filename is None:
            streams.discard()  # a stream it was, and once is enough to say so
        place = f"{error.filename or repr(error.filename)}: " if error.filename is not None else ""
        print(f"pybpfc: {place}{error.strerror or error}", file=sys.stderr)
    except (KeyboardInterrupt, click.Abort):
        return _interrupted()
    return 1
