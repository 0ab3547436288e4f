"""What a stream can show: colours and width, by the conventions of terminals."""

from __future__ import annotations

import os
import shutil
from typing import TextIO


def wants_color(stream: TextIO) -> bool:
    """Whether to colour what goes to `stream`: a terminal, unless `NO_COLOR` forbids; `FORCE_COLOR` insists."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def width_of(stream: TextIO, default: int = 100) -> int:
    """How many cells a line of `stream` has; `default` where it is no terminal, so that logs look the same anywhere."""
    return shutil.get_terminal_size((default, 24)).columns if stream.isatty() else default
