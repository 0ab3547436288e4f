"""What a program takes and must give back: ring buffer records, and references to sockets.

On every path a reservation is given back once, and not used afterwards. The variable it is assigned to holds it; other
names of it, and names of what lies in it, are followed.
"""

from __future__ import annotations

from typing import NamedTuple

from pybpfc.abi.helpers import Helper
from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.diagnostic import Label
from pybpfc.diagnostics.span import Span
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import describe, may_be_none
from pybpfc.frontend.check.flow import FAILED, HELD, NULL, RELEASED
from pybpfc.lang.types import ERROR, Pointer


class Words(NamedTuple):
    """How to speak of one kind of thing that is taken."""

    noun: str
    taken: str
    open: str
    given_back: str
    how: str
    finish: str


_RECORD = Words(
    "reservation",
    "reserved here",
    "neither submitted nor discarded",
    "submitted or discarded",
    "call `submit` or `discard` on every path where the reservation is not None",
    "write all fields before `submit`",
)
_SOCKET = Words(
    "reference",
    "taken here",
    "not released",
    "released",
    "call `bpf_sk_release` on every path where it is not None",
    "use it before `bpf_sk_release`",
)
WORDS = {
    "bpf_ringbuf_reserve": _RECORD,
    "bpf_sk_lookup_tcp": _SOCKET,
    "bpf_sk_lookup_udp": _SOCKET,
    "bpf_skc_lookup_tcp": _SOCKET,
}
"""The helpers whose results are followed."""


def taken_by(value: t.Expr) -> str:
    """The helper or kernel function by which an expression takes what must be given back; empty for others."""
    match value:
        case t.CallHelper() if value.helper.name in WORDS:
            return value.helper.name
        case t.CallKernel() if value.function.flags.acquires:
            return f"{value.function.name}/{value.function.flags.released_by}"
        case _:
            return ""


def words_of(c: FunctionChecker, variable: t.Variable) -> Words:
    """How to speak of what a variable holds."""
    return words_for(c.taken[variable][1]) if variable in c.taken else _RECORD


def words_for(by: str) -> Words:
    """How to speak of what `taken_by` names."""
    return WORDS.get(by) or _object(by.partition("/")[2])


def _object(release: str) -> Words:
    return _SOCKET._replace(
        how=f"call `{release}` on every path where it is not None", finish=f"use it before `{release}`"
    )


def _origin(c: FunctionChecker, variable: t.Variable) -> list[Label]:
    """Where it was taken."""
    return [Label(c.taken[variable][0], words_of(c, variable).taken)] if variable in c.taken else []


def hold(c: FunctionChecker, variable: t.Variable, value: t.Expr) -> None:
    """The variable was bound to a value: what it holds now, what else it is a name of."""
    flow = c.require_flow()
    if by := taken_by(value):
        c.taken[variable] = (value.span, by)
        never_null = isinstance(value, t.CallKernel) and value.function.flags.never_null
        flow.reservations[variable] = frozenset({HELD} if never_null else {HELD, NULL})
        return
    source = value.operand if isinstance(value, t.Convert) else value
    if isinstance(source, t.ReadVariable) and flow.stages(source.variable):
        owner = flow.owner(source.variable)
        flow.aliases[variable] = owner
        if owner in c.taken:
            c.taken[variable] = c.taken[owner]
        return
    owners = frozenset(o for v in _led_by(value) for o in flow.in_use(v) if o is not variable)
    if owners:
        flow.borrows[variable] = owners


def _led_by(value: t.Expr) -> list[t.Variable]:
    """The variables whose memory a pointer leads into."""
    match value:
        case t.ReadVariable():
            return [value.variable] if isinstance(value.type, Pointer) else []
        case t.Conditional():
            return [*_led_by(value.then), *_led_by(value.otherwise)]
        case t.Convert() if isinstance(value.type, Pointer):
            return _led_by(value.operand)
        case t.AddressOf():
            return _led_by(value.place)
        case t.Deref():
            return _led_by(value.pointer)
        case t.Member() | t.Element() | t.Part():
            return _led_by(value.base)
        case _:
            return []


def fail(c: FunctionChecker, variable: t.Variable) -> None:
    """A misuse was reported: no more of it. Nothing is reported where a loop's body is only tried."""
    if not c.speculative:
        c.require_flow().fail(variable)


def check_overwritten(c: FunctionChecker, variable: t.Variable, span: Span) -> None:
    """A variable is assigned anew: it must not be the last name of something still open."""
    flow = c.require_flow()
    if HELD in flow.reservations.get(variable, ()) and variable in flow.held():
        if variable in flow.aliases.values():
            return
        noun = words_of(c, variable).noun
        c.error(catalog.ReservationOverwritten(variable.name, noun), span, labels=_origin(c, variable))
        fail(c, variable)


def check_not_released(c: FunctionChecker, base: t.Expr) -> bool:
    """What was given back must not be touched; False after a diagnostic."""
    if c.flow is None or not isinstance(base, t.ReadVariable):
        return True
    for owner in c.flow.in_use(base.variable):
        stages = c.flow.reservations[owner]
        if RELEASED in stages:
            words = words_of(c, owner)
            certainty = "may already be" if HELD in stages else "is already"
            labels = _origin(c, owner)
            if owner in c.flow.released:
                labels.append(_given_back(c.flow.released[owner], base.span, words))
            kind = catalog.UseAfterRelease(base.variable.name, certainty, words.given_back)
            c.error(kind, base.span, labels=labels, helps=[words.finish])
            fail(c, owner)
            return False
    return True


def _given_back(where: Span, used: Span, words: Words) -> Label:
    """Where it was given back; in a loop that may be the very call which does it again."""
    again = where.line == used.line and where.column <= used.column <= where.end_column
    return Label(where, f"{words.given_back} here" + (" in an earlier round" if again else ""))


def release(c: FunctionChecker, span: Span, record: t.Expr, method: str) -> bool:
    """Give back what a variable holds; False after a diagnostic."""
    flow = c.require_flow()
    variable = record.variable if isinstance(record, t.ReadVariable) else None
    stages = flow.stages(variable) if variable is not None else frozenset()
    if variable is None or not stages:
        if check_not_released(c, record):
            of_object = method.startswith("bpf_") and "ringbuf" not in method
            helps = ["pass the variable that holds what a kernel function gave to keep"] if of_object else ()
            noun = _SOCKET.noun if of_object else _RECORD.noun
            c.error(catalog.NotAReservation(method, describe(record), noun), record.span, helps=helps)
        return False
    owner = flow.owner(variable)
    if FAILED in stages:
        return False
    if NULL in stages or (isinstance(record.type, Pointer) and record.type.nullable):
        fail(c, owner)
        may_be_none(c, record)
        return False
    if not check_not_released(c, record):
        return False
    if any(loop.by_helper and owner in loop.known for loop in c.loops):
        c.error(catalog.ReleasedInLoop(variable.name), span, labels=_origin(c, owner))
        fail(c, owner)
        return False
    flow.reservations[owner] = frozenset({RELEASED})
    flow.released[owner] = span
    return True


def check_tested(c: FunctionChecker, span: Span, variable: t.Variable) -> None:
    """A test for None: a function that a helper runs cannot find out for the code around it that nothing was taken."""
    owner = c.require_flow().owner(variable)
    undecided = {HELD, NULL} <= c.require_flow().reservations.get(owner, frozenset())
    if undecided and any(loop.by_helper and owner in loop.known for loop in c.loops):
        c.error(catalog.TestedInLoop(variable.name), span, labels=_origin(c, owner))
        fail(c, owner)


def check_released(c: FunctionChecker, span: Span, label: str = "the function ends here") -> None:
    """At a way out of the function: everything must have been given back."""
    if c.flow is not None:
        _report_open(c, c.flow.held(), span, label)


def check_tail_call(c: FunctionChecker, span: Span, inside: Span | None = None) -> None:
    """A tail call, or a call of a function that makes one at `inside`: nothing may be held, no helper run it."""
    labels = [Label(inside, "the tail call")] if inside is not None else []
    if any(loop.by_helper for loop in c.loops):
        c.error(catalog.TailCallInLoop(), span, labels=labels)
    check_released(c, span, "the tail call leaves the program" if inside is None else "this may make a tail call")
    c.tail_call = span


def check_round(c: FunctionChecker, span: Span, label: str) -> None:
    """At the end of a loop's round: what the round took is lost to the next one, unless an older variable holds it."""
    if c.flow is not None:
        _report_open(c, [v for v in c.flow.held() if _is_local(c, v)], span, label)


def check_left(c: FunctionChecker, span: Span) -> None:
    """At a `break`: a function that a helper runs cannot leave what it took to the code behind the loop."""
    if c.loops[-1].by_helper:
        check_round(c, span, "the loop ends here, and with it the function that the helper runs")


def _is_local(c: FunctionChecker, variable: t.Variable) -> bool:
    assert c.flow is not None
    names = [variable, *(name for name, owner in c.flow.aliases.items() if owner is variable)]
    return not any(name in c.loops[-1].known for name in names)


def _report_open(c: FunctionChecker, variables: list[t.Variable], span: Span, label: str) -> None:
    assert c.flow is not None
    for variable in variables:
        words = words_of(c, variable)
        labels = _origin(c, variable)
        if variable in c.flow.released:
            labels.append(Label(c.flow.released[variable], f"{words.given_back} here on another path"))
        kind = catalog.ReservationLeak(variable.name, words.open)
        c.error(kind, span, label=label, labels=labels, helps=[words.how])
        fail(c, variable)


def released_argument(c: FunctionChecker, span: Span, helper: Helper, value: t.Expr) -> t.Expr:
    """The argument that a helper takes over, such as the record of `bpf_ringbuf_submit`."""
    if release(c, span, value, helper.name):
        return value
    return t.Invalid(value.span, ERROR)
