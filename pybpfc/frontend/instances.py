"""Instances of functions: one for each combination of classes that their `type[T]` parameters are given."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from pybpfc.frontend.capture import Captured
from pybpfc.frontend.symbols import Formal, TypeArguments
from pybpfc.lang.types import Pointer, Type
from pybpfc.records import replace


class Conflict(Exception):
    """The class given to a parameter is not what its `type[T]` allows; the message says why."""


def specialise(captured: Captured, formals: tuple[Formal, ...], types: TypeArguments) -> Captured:
    """A function in whose body and annotations the parameters and their type variables are the given classes."""
    by_name = {formal.name: formal for formal in formals}
    scope: dict[str, Any] = {}
    for name, given in types:
        if not isinstance(given, type):
            continue
        scope[name] = given
        variable = by_name[name].variable
        for names in (captured.globals, captured.nonlocals) if isinstance(variable, TypeVar) else ():
            scope.update({n: given for n, value in names.items() if value is variable})
    opened = {name: given for name, given in types if not isinstance(given, type)}
    return replace(captured, types=scope, given=opened)


def bind_type(formal: Formal, given: type, known: dict[Any, type]) -> None:
    """Note what a type variable stands for in a call; raises `Conflict` when the class is not allowed there."""
    variable = formal.variable
    if not isinstance(variable, TypeVar):
        if isinstance(variable, type) and not issubclass(given, variable):
            raise Conflict(f"`{formal.name}` takes `{variable.__name__}` or a class made from it")
        return
    first = known.setdefault(variable, given)
    if first is not given:
        raise Conflict(f"`{variable.__name__}` is `{first.__name__}` by an argument before")
    if variable.__constraints__ and given not in variable.__constraints__:
        allowed = ", ".join(f"`{c.__name__}`" for c in variable.__constraints__)
        raise Conflict(f"`{variable.__name__}` is one of {allowed}")
    bound = variable.__bound__
    if isinstance(bound, type) and not issubclass(given, bound):
        raise Conflict(f"`{variable.__name__}` is `{bound.__name__}` or a class made from it")


def instance_name(name: str, types: TypeArguments) -> str:
    """The symbol of an instance: `read` of `iphdr` is `read__iphdr`."""
    words = [re.sub(r"\W", "_", _word(given)) for _, given in types]
    return "__".join([name, "_".join(words)]) if words else name


def _word(given: type | Type) -> str:
    if isinstance(given, type):
        return given.__name__
    return str(given.to) if isinstance(given, Pointer) else str(given)
