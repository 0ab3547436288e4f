"""What goes wrong in the machine, with the place in the source."""

from __future__ import annotations

from dataclasses import dataclass

from pybpfc.diagnostics.errors import PybpfcError


@dataclass(frozen=True, slots=True)
class Place:
    """Where a program was: function, instruction (counted from the start of the linked program) and source line.

    `call` is the helper that the instruction calls, if it calls one.
    """

    function: str
    index: int
    file: str = ""
    line: int = 0
    column: int = 0
    text: str = ""
    call: str = ""

    def __str__(self) -> str:
        if self.file:
            return f"{self.file}:{self.line}"
        return f"instruction {self.index} of `{self.function}`"


class VmError(PybpfcError):
    """A program did what the machine, or the kernel's verifier, does not allow.

    `file`, `line`, `column` and `text` are those of the source line where it happened; `function` and `index` name the
    instruction; `calls` are the places that the function was called from, innermost first. `remedy` says what to do.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.place: Place | None = None
        self.calls: tuple[Place, ...] = ()

    @property
    def file(self) -> str:
        """The source file; empty when the object has no line information."""
        return self.place.file if self.place else ""

    @property
    def line(self) -> int:
        """The source line, from 1; 0 when unknown."""
        return self.place.line if self.place else 0

    @property
    def column(self) -> int:
        """The column, from 1; 0 when unknown."""
        return self.place.column if self.place else 0

    @property
    def text(self) -> str:
        """The source line's text."""
        return self.place.text if self.place else ""

    @property
    def function(self) -> str:
        """The function whose instruction failed."""
        return self.place.function if self.place else ""

    @property
    def index(self) -> int | None:
        """The instruction, counted from the start of the linked program."""
        return self.place.index if self.place else None

    def locate(self, places: tuple[Place, ...]) -> None:
        """Say where it happened: innermost place first. The first answer stays."""
        if self.place is None and places:
            self.place, self.calls = places[0], places[1:]
            name = self.place.call
            if name and f"`{name}`" not in self.message:
                self.message = f"`{name}`: {self.message}"

    def __str__(self) -> str:
        lines = [f"{self.place}: {self.message}" if self.place else self.message]
        if self.text.strip():
            lines.append(f"    {self.text.strip()}")
        lines += [f"  called from {call}" for call in self.calls]
        if self.remedy:
            lines.append(f"  help: {self.remedy}")
        return "\n".join(lines)
