"""The `pybpfc` command: compile, check, run, inspect, explain, features."""

from __future__ import annotations

import sys

from pybpfc.cli.main import cli


def main() -> None:
    """Run the command. Errors are one clear message and exit status 1; wrong usage is 2."""
    from pybpfc.diagnostics.errors import CompileError, PybpfcError, VerifierError

    try:
        cli(prog_name="pybpfc", standalone_mode=True)
    except (CompileError, VerifierError) as error:
        from pybpfc.diagnostics.terminal import wants_color, width_of

        print(error.render(width=width_of(sys.stderr), color=wants_color(sys.stderr)), file=sys.stderr)
    except PybpfcError as error:
        print(f"pybpfc: {error}", file=sys.stderr)
    except OSError as error:
        print(f"pybpfc: {error.filename or ''}: {error.strerror}", file=sys.stderr)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(1)
