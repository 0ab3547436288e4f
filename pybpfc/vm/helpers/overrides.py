"""Helpers that a test gives: Python functions, or constants, in place of the kernel's."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from pybpfc.abi.helpers import HELPERS, Helper
from pybpfc.vm.errors import VmError
from pybpfc.vm.helpers.base import Function, write
from pybpfc.vm.values import MASK64, NULL, MapReference, NonScalar, Uninitialised, Value, signed64

if TYPE_CHECKING:
    from pybpfc.vm.execution import Execution

_SIGNED = ("int", "long", "__s32", "__s64")


def override(name: str, given: Any) -> Function:
    """The machine's function for what a test gave: a number, bytes, text, or a function.

    The function gets the helper's arguments, or as many of the first ones as it takes: numbers as integers, memory and
    contexts as `Pointer`, maps as handles. It returns a number, None for 0, a pointer, or bytes or text to be written
    to the helper's output buffer.
    """
    known = HELPERS.get(name)
    count = _accepted(given) if callable(given) else 0

    def call(vm: Execution, *registers: Value) -> Any:
        if callable(given):
            arguments = [_argument(r, known, i) for i, r in enumerate(registers[:count])]
            answer = given(*arguments)
        else:
            answer = given
        return _answer(vm, name, known, registers, answer)

    return call


def missing(name: str) -> Function:
    """What stands for a helper that the machine has not: it says so when it is called."""

    def call(vm: Execution, *registers: Value) -> NoReturn:
        raise VmError(
            f"the simulation has no `{name}`",
            remedy=f"give it as a function or a constant: `helpers={{{name!r}: …}}`",
        )

    return call


def marking_null(function: Function) -> Function:
    """The same function, whose 0 is a null that can't be read through; see `Null`."""

    def call(vm: Execution, *registers: Value) -> Any:
        answer = function(vm, *registers)
        return NULL if answer.__class__ is int and answer == 0 else answer

    return call


def _accepted(given: Callable[..., Any]) -> int:
    """How many positional arguments a function takes."""
    try:
        parameters = inspect.signature(given).parameters.values()
    except (TypeError, ValueError):
        return 5
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return 5
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters)


def _argument(register: Value, known: Helper | None, index: int) -> Any:
    if isinstance(register, Uninitialised):
        return None
    if isinstance(register, MapReference):
        return register.map
    if isinstance(register, int) and known is not None and known.params[index].ctype in _SIGNED:
        return signed64(register)
    return register


def _answer(vm: Execution, name: str, known: Helper | None, registers: tuple[Value, ...], answer: Any) -> Any:
    if answer is None:
        return 0
    if isinstance(answer, int):
        return int(answer) & MASK64
    if isinstance(answer, NonScalar):
        return answer
    if isinstance(answer, str | bytes | bytearray):
        return _fill_output(vm, name, known, registers, answer)
    raise VmError(f"the function given for `{name}` returned {answer!r}; it returns a number, None, bytes or a pointer")


def _fill_output(
    vm: Execution, name: str, known: Helper | None, registers: tuple[Value, ...], answer: str | bytes | bytearray
) -> int:
    """Write bytes to the helper's output buffer; `*_str` helpers give the length, others 0."""
    outputs = [i for i, p in enumerate(known.params) if p.writes] if known is not None else []
    if known is None or not outputs:
        raise VmError(f"the function given for `{name}` returned {answer!r}, but `{name}` has no output buffer")
    place = outputs[0]
    string = name.endswith("_str")
    raw = answer.encode() if isinstance(answer, str) else bytes(answer)
    raw += b"\0" if isinstance(answer, str) or (string and not raw.endswith(b"\0")) else b""
    room = len(raw)
    if place + 1 < len(known.params) and "SIZE" in known.params[place + 1].kind.name:
        size = registers[place + 1]
        room = size if isinstance(size, int) else len(raw)
    if len(raw) > room:
        raw = raw[: room - 1] + b"\0" if string or isinstance(answer, str) else raw[:room]
    written = len(raw)
    write(registers[place], raw.ljust(room, b"\0"))
    return written if string else 0
