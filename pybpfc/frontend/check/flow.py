"""What is known of variables at a point of the program.

A state is joined where paths meet: a variable is bound only if it is bound on every path, non-None
only if every path has shown it, and a ring buffer reservation may be in several stages at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

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
    """Facts at one point of a function.

    A reservation belongs to the variable it was assigned to; `aliases` are further names of it, `borrows` lead into
    records of others, and `released` says where it was given back. Parameters in `moved` are stale if callers pass
    packet pointers.
    """

    bound: set[Variable] = field(default_factory=set)
    nonnull: set[Variable] = field(default_factory=set)
    stale: dict[Variable, tuple[Span, str, tuple[Label, ...]]] = field(default_factory=dict)
    reservations: dict[Variable, frozenset[str]] = field(default_factory=dict)
    ranges: dict[Variable, tuple[int, int]] = field(default_factory=dict)
    aliases: dict[Variable, Variable] = field(default_factory=dict)
    borrows: dict[Variable, frozenset[Variable]] = field(default_factory=dict)
    released: dict[Variable, Span] = field(default_factory=dict)
    moved: dict[Variable, tuple[Span, str]] = field(default_factory=dict)

    def copy(self) -> Flow:
        """An independent copy."""
        return Flow(
            set(self.bound),
            set(self.nonnull),
            dict(self.stale),
            dict(self.reservations),
            dict(self.ranges),
            dict(self.aliases),
            dict(self.borrows),
            dict(self.released),
            dict(self.moved),
        )

    def bind(self, variable: Variable) -> None:
        """The variable has a new value: what was known of the old one is gone."""
        self.bound.add(variable)
        self.nonnull.discard(variable)
        self.stale.pop(variable, None)
        self.moved.pop(variable, None)
        self.ranges.pop(variable, None)
        self.borrows.pop(variable, None)
        self._bequeath(variable)

    def _bequeath(self, variable: Variable) -> None:
        """What a variable held belongs to another name of it now, if there is one."""
        self.aliases.pop(variable, None)
        stages, released = self.reservations.pop(variable, None), self.released.pop(variable, None)
        heirs = [name for name, owner in self.aliases.items() if owner is variable]
        for name in heirs:
            self.aliases[name] = heirs[0]
        if heirs and stages is not None:
            del self.aliases[heirs[0]]
            self.reservations[heirs[0]] = stages
            if released is not None:
                self.released[heirs[0]] = released
        for name, owners in list(self.borrows.items()):
            if variable in owners:
                self.borrows[name] = owners - {variable} | frozenset(heirs[:1])

    def keep(self, known: Collection[Variable]) -> None:
        """Forget all but these variables."""
        self.bound &= set(known)
        self.nonnull &= set(known)
        facts: tuple[dict[Variable, Any], ...]
        facts = (self.stale, self.reservations, self.ranges, self.aliases, self.borrows, self.released, self.moved)
        for table in facts:
            for variable in [v for v in table if v not in known]:
                del table[variable]

    def owner(self, variable: Variable) -> Variable:
        """The variable that the reservation of this one belongs to."""
        return self.aliases.get(variable, variable)

    def stages(self, variable: Variable) -> frozenset[str]:
        """The stages that the reservation a variable holds may be in; empty when it holds none."""
        return self.reservations.get(self.owner(variable), frozenset())

    def in_use(self, variable: Variable) -> list[Variable]:
        """The reservations that are used when the variable is."""
        owners = {self.owner(variable), *self.borrows.get(variable, ())}
        return [v for v in self.reservations if v in owners]

    def limit(self, variable: Variable, low: int, high: int) -> None:
        """A test has shown that the variable lies within these bounds."""
        known = self.ranges.get(variable)
        if known is not None:
            low, high = max(low, known[0]), min(high, known[1])
        self.ranges[variable] = (low, max(low, high))

    def narrow(self, variable: Variable, *, null: bool) -> None:
        """A test has shown that the variable is, or is not, None."""
        owner = self.owner(variable)
        stages = self.reservations.get(owner)
        if null:
            self.nonnull.discard(variable)
            if stages is not None:
                self.reservations[owner] = (stages & {NULL, RELEASED}) or frozenset({NULL})
        else:
            self.nonnull.add(variable)
            if stages is not None:
                self.reservations[owner] = (stages - {NULL}) or frozenset({HELD})

    def held(self) -> list[Variable]:
        """Reservations that are still open on some path, and were not reported."""
        return [v for v, stages in self.reservations.items() if HELD in stages and FAILED not in stages]

    def fail(self, variable: Variable) -> None:
        """A reservation's misuse was reported."""
        self.reservations[self.owner(variable)] = frozenset({FAILED})


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
        joined.moved.update(state.moved)
        joined.ranges = {
            v: (min(r[0], state.ranges[v][0]), max(r[1], state.ranges[v][1]))
            for v, r in joined.ranges.items()
            if v in state.ranges
        }
        for variable, stages in state.reservations.items():
            joined.reservations[variable] = joined.reservations.get(variable, frozenset()) | stages
        for variable, owners in state.borrows.items():
            joined.borrows[variable] = joined.borrows.get(variable, frozenset()) | owners
        for variable, owner in state.aliases.items():
            if joined.aliases.setdefault(variable, owner) is not owner:
                joined.borrows[variable] = joined.borrows.get(variable, frozenset()) | {owner}
        joined.released = {**state.released, **joined.released}
    return joined
