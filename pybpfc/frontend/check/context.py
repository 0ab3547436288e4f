"""The checker's state for one function: variables, flow facts, where errors go."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.diagnostic import Diagnostic, Help, Label
from pybpfc.diagnostics.sink import DiagnosticSink
from pybpfc.diagnostics.span import Span
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.capture import Captured
from pybpfc.frontend.check.flow import Flow, merge
from pybpfc.frontend.inner_maps import inner_map
from pybpfc.frontend.symbols import GlobalSymbol, TypeSymbol
from pybpfc.lang.types import ERROR, VOID, Int, Pointer, Space, Type
from pybpfc.records import define, field

if TYPE_CHECKING:
    from pybpfc.diagnostics.catalog import ErrorClass
    from pybpfc.frontend.unit import Unit


@define
class Loop:
    """Flow states that leave a loop: at `break`, and at `continue` back to its head.

    `known` are the variables there were before it; `by_helper` loops have a function as their body.
    """

    known: frozenset[t.Variable]
    by_helper: bool = False
    breaks: list[Flow] = field(default_factory=list)
    continues: list[Flow] = field(default_factory=list)


@define
class Guard:
    """A lock that is held: where it was taken, how many loops are around that, and what gives it back."""

    kind: str
    span: Span
    loops: int
    leave: t.Stmt


class FunctionChecker:
    """Everything the checking functions share; they take it as `c`."""

    def __init__(
        self,
        unit: Unit,
        captured: Captured,
        node: ast.FunctionDef,
        result: Type,
        program: t.ProgramKind | None,
    ) -> None:
        self.unit = unit
        self.captured = captured
        self.node = node
        self.result = result
        self.implied_result: int | None = None
        """What a program returns that does not say; None where it has to."""
        self.program = program
        self.sink = unit.sink
        self._flow: Flow | None = Flow()
        self._left = Flow()
        self.variables: dict[str, t.Variable] = {}
        self.all_variables: list[t.Variable] = []
        self.global_names: set[str] = set()
        self.local_names: set[str] = set()
        self.loops: list[Loop] = []
        self.guards: list[Guard] = []
        self.caller = node.name
        self.results: list[tuple[int, int] | None] = []
        self.moves_packet: tuple[Span, str] | None = None
        self.tail_call: Span | None = None
        self.stale_params: dict[int, tuple[Span, Span, str]] = {}
        self.indexed: dict[int, Span] = {}
        """Parameters whose arrays are indexed by what is known at run time only, and where."""
        self.counted: set[t.Variable] = set()
        """Variables of the loops around that the verifier follows number by number."""
        self.map_values: dict[int, Span] = {}
        """Parameters that have to lead to a map's value, and where the function needs that."""
        self.exported = False
        self.speculative = False
        self.taken: dict[t.Variable, tuple[Span, str]] = {}
        """Where a variable got its reservation, and by which helper."""

    # ------------------------------------------------------------------------- errors

    def span(self, node: ast.AST) -> Span:
        """Where `node` stands."""
        return self.captured.source.span(node)

    def name_span(self, node: ast.Attribute | ast.keyword) -> Span:
        """Where the name of an attribute or keyword argument stands."""
        whole = self.span(node)
        if isinstance(node, ast.Attribute):
            return Span(whole.file, whole.end_line, whole.end_column - len(node.attr), whole.end_line, whole.end_column)
        return Span(whole.file, whole.line, whole.column, whole.line, whole.column + len(node.arg or ""))

    def error(
        self,
        kind: ErrorClass,
        where: ast.AST | Span,
        *,
        label: str | None = None,
        labels: Iterable[Label] = (),
        notes: tuple[str, ...] = (),
        helps: Iterable[Help | str] = (),
    ) -> t.Invalid:
        """Report a mistake; the expression returned absorbs follow-up errors."""
        span = where if isinstance(where, Span) else self.span(where)
        if self.captured.types:
            given = ", ".join(f"`{name}` = `{kind.__name__}`" for name, kind in self.captured.types.items())
            notes = (*notes, f"in `{self.captured.name}` with {given}")
        diagnostic = kind.at(span, label=label, labels=labels, notes=notes, helps=helps)
        self.emit(diagnostic)
        return t.Invalid(span, ERROR)

    def refuse_call(
        self, kind: ErrorClass, where: ast.AST | Span, node: ast.Call, helps: Iterable[Help | str] = ()
    ) -> None:
        """Report a call whose arguments do not fit; the arguments' own mistakes are reported too."""
        from pybpfc.frontend.check.access import resolve_static
        from pybpfc.frontend.check.expressions import check

        self.error(kind, where, helps=helps)
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            if not isinstance(resolve_static(self, argument), TypeSymbol):
                check(self, argument)

    def emit(self, diagnostic: Diagnostic) -> None:
        """Report a diagnostic made elsewhere."""
        self.sink.emit(diagnostic)

    @contextmanager
    def speculation(self) -> Iterator[None]:
        """Check something whose result is thrown away: no diagnostics, no new variables."""
        sink, variables, listed = self.sink, dict(self.variables), len(self.all_variables)
        before, self.speculative = self.speculative, True
        self.sink = DiagnosticSink(sink.sources)
        try:
            yield
        finally:
            self.sink, self.speculative = sink, before
            self.variables = variables
            del self.all_variables[listed:]

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """Let what the unit reports meanwhile go where this checker's diagnostics go."""
        sink, self.unit.sink = self.unit.sink, self.sink
        try:
            yield
        finally:
            self.unit.sink = sink

    # ---------------------------------------------------------------------- variables

    def declare(self, name: str, type: Type, span: Span, param: int | None = None) -> t.Variable:
        """A new variable of this function."""
        variable = t.Variable(name, type, span, param)
        self.variables[name] = variable
        self.all_variables.append(variable)
        return variable

    def temporary(self, type: Type, span: Span) -> t.Variable:
        """A variable the user did not write."""
        variable = t.Variable(f".{len(self.all_variables)}", type, span)
        self.all_variables.append(variable)
        return variable

    def read_variable(self, name: str, span: Span) -> t.Expr:
        """The value of a local; its type is narrowed by what is known here."""
        variable, flow = self.variables.get(name), self.require_flow()
        if variable is None or variable not in flow.bound:
            if variable is None and isinstance(self.unit.symbol(self.captured, name), GlobalSymbol):
                return self.error(catalog.MissingGlobalStatement(name), span)
            declared = [Label(variable.span, "bound here, but not on every path")] if variable is not None else []
            return self.error(catalog.UnboundVariable(name), span, labels=declared)
        type = variable.type
        if isinstance(type, Pointer):
            if variable in flow.moved and variable.param is not None:
                self.stale_params.setdefault(variable.param, (span, *flow.moved[variable]))
            if variable in flow.stale:
                where, helper, inside = flow.stale[variable]
                labels = [*inside, Label(where, "may move the packet" if inside else f"`{helper}` may move the packet")]
                if variable.span != where:
                    labels.append(Label(variable.span, "points into the packet"))
                return self.error(catalog.StalePacketPointer(name, helper), span, labels=labels)
            if type.nullable and variable in flow.nonnull:
                type = Pointer(type.to, type.space)
        value = t.ReadVariable(span, type, variable)
        if isinstance(type, Pointer) and not type.nullable:
            if type.space is Space.OPTIONAL:
                return t.Deref(span, type.to.host if isinstance(type.to, Int) else type.to, value)
            if (inner := inner_map(type)) is not None:
                return t.MapObject(span, VOID, inner.map, value)
        return value

    # --------------------------------------------------------------------------- flow

    @property
    def flow(self) -> Flow | None:
        """What is known here; None where no path leads."""
        return self._flow

    @flow.setter
    def flow(self, flow: Flow | None) -> None:
        if flow is None and self._flow is not None:
            self._left = self._flow
        self._flow = flow

    def require_flow(self) -> Flow:
        """The state here; dead code is checked as if the path before it went on."""
        if self._flow is None:
            self._flow = self._left.copy()
            self._flow.bound |= set(self.variables.values())
            self._flow.reservations.clear()
        return self._flow

    def join(self, *states: Flow | None) -> None:
        """Continue from where several paths meet."""
        self.flow = merge(states)

    def invalidate_packets(self, span: Span, helper: str, inside: Sequence[Label] = ()) -> None:
        """A helper may have moved the packet: pointers into it must be taken anew.

        `inside` says where the function called at `span` calls the helper.
        """
        flow = self.require_flow()
        self.moves_packet = (span, helper)
        for variable in self.all_variables:
            if not isinstance(variable.type, Pointer) or variable not in flow.bound:
                continue
            if variable.type.space is Space.PACKET:
                flow.stale[variable] = (span, helper, tuple(inside))
            elif variable.param is not None and variable.type.space is not Space.CTX:
                flow.moved[variable] = (span, helper)
