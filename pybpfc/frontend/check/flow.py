"""What is known of variables at a point of the program.

A state is joined where paths meet: a variable is bound only if it is bound on every path, non-None
only if every path has shown it, and a ring buffer reservation may be in several stages at once.
"""

from __future__ import annotations

from collections.abc import Iterable

from pybpfc.diagnostics.diagnostic import Label
from pybpfc.diagnostics.span import Span
from pybpfc.frontend.typed_ast import Variable
from pybpfc.records import define, field

HELD = "held"
NULL = "null"
RELEASED = "released"
FAILED = "failed"
"""A reservation whose misuse was reported: it causes no further diagnostics."""


@define
class Flow:
    """Facts at one point of a function."""

    bound: set[Variable] = field(default_factory=set)
    nonnull: set[Variable] = field(default_factory=set)
    stale: dict[Variable, tuple[Span, str, tuple[Label, ...]]] = field(default_factory=dict)
    reservations: dict[Variable, frozenset[str]] = field(default_factory=dict)
    ranges: dict[Variable, tuple[int, int]] = field(default_factory=dict)

    def copy(self) -> Flow:
        """An independent copy."""
        return Flow(set(self.bound), set(self.nonnull), dict(self.stale), dict(self.reservations), dict(self.ranges))

    def bind(self, variable: Variable) -> None:
        """The variable has a new value: what was known of the old one is gone."""
        self.bound.add(variable)
        self.nonnull.discard(variable)
        self.stale.pop(variable, None)
        self.reservations.pop(variable, None)
        self.ranges.pop(variable, None)

    def limit(self, variable: Variable, low: int, high: int) -> None:
        """A test has shown that the variable lies within these bounds."""
        known = self.ranges.get(variable)
        if known is not None:
            low, high = max(low, known[0]), min(high, known[1])
        self.ranges[variable] = (low, max(low, high))

    def narrow(self, variable: Variable, *, null: bool) -> None:
        """A test has shown that the variable is, or is not, None."""
        stages = self.reservations.get(variable)
        if null:
            self.nonnull.discard(variable)
            if stages is not None:
                self.reservations[variable] = (stages & {NULL, RELEASED}) or frozenset({NULL})
        else:
            self.nonnull.add(variable)
            if stages is not None:
                self.reservations[variable] = (stages - {NULL}) or frozenset({HELD})

    def held(self) -> list[Variable]:
        """Reservations that are still open on some path."""
        return [v for v, stages in self.reservations.items() if HELD in stages]


def merge(states: Iterable[Flow | None]) -> Flow | None:
    """The state where the given ones meet; None stands for a path that does not come here."""
    live = [s for s in states if s is not None]
    if not live:
        return None
    joined = live[0].copy()
    for state in live[1:]:
        joined.bound &= state.bound
        joined.nonnull &= state.nonnull
        joined.stale.update(state.stale)
        joined.ranges = {
            v: (min(r[0], state.ranges[v][0]), max(r[1], state.ranges[v][1]))
            for v, r in joined.ranges.items()
            if v in state.ranges
        }
        for variable, stages in state.reservations.items():
            joined.reservations[variable] = joined.reservations.get(variable, frozenset()) | stages
    return joined
