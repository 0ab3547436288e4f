"""Plain data classes: what a dataclass does, compared with one."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import pytest

from pybpfc.records import define, field, fields, frozen, replace


@define
class Node:
    name: str
    children: list[Node] = field(default_factory=list)
    kind: ClassVar[str] = "node"


@define(kw_only=True)
class Base:
    span: int
    result: int | None = None


@define
class Add(Base):
    left: int
    right: int = 5


@frozen
class Point:
    x: int
    y: int = 0


@dataclasses.dataclass(frozen=True)
class Oracle:
    x: int
    y: int = 0


def test_fields_defaults_and_factories() -> None:
    one, two = Node("a"), Node("b")
    one.children.append(two)
    assert (one.name, one.children, two.children) == ("a", [two], [])
    assert fields(Node) == fields(one) == ("name", "children")
    assert one != Node("a", [two])  # by identity
    assert len({one, two}) == 2


def test_fields_by_name_only_are_kept_out_of_the_positional_ones() -> None:
    add = Add(1, span=7)
    assert (add.left, add.right, add.span, add.result) == (1, 5, 7, None)
    assert fields(Add) == ("span", "result", "left", "right")
    match Add(3, 4, span=0):
        case Add(left, right):
            assert (left, right) == (3, 4)


@pytest.mark.parametrize(
    "arguments",
    [((1,), {}), ((1, 2), {}), ((), {"x": 1}), ((1,), {"y": 3}), ((), {"y": 1, "x": 2})],
)
def test_values_behave_as_frozen_dataclasses(arguments: tuple[tuple[int, ...], dict[str, int]]) -> None:
    args, kwargs = arguments
    mine, theirs = Point(*args, **kwargs), Oracle(*args, **kwargs)
    assert (mine.x, mine.y) == (theirs.x, theirs.y)
    assert repr(mine).replace("Point", "Oracle") == repr(theirs)
    assert mine == Point(mine.x, mine.y)
    assert hash(mine) == hash(Point(y=mine.y, x=mine.x))
    assert mine != Point(mine.x + 1, mine.y)
    assert mine != theirs


def test_values_do_not_change() -> None:
    with pytest.raises(AttributeError, match="`x` cannot be changed"):
        Point(1).x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match="`x` cannot be changed"):
        del Point(1).x
    assert replace(Point(1, 2), y=3) == Point(1, 3)


@pytest.mark.parametrize(
    ("args", "kwargs", "told"),
    [
        ((), {}, "missing: x"),
        ((1, 2, 3), {}, "takes 2 positional values, 3 were given"),
        ((1,), {"z": 1}, "unknown: z"),
        ((1,), {"x": 1}, "given twice: x"),
        ((), {"y": 1, "z": 2}, "unknown: z; missing: x"),
    ],
)
def test_wrong_arguments_are_told(args: tuple[int, ...], kwargs: dict[str, int], told: str) -> None:
    with pytest.raises(TypeError) as error:
        Point(*args, **kwargs)
    assert told in str(error.value)
    with pytest.raises(TypeError):
        Oracle(*args, **kwargs)
