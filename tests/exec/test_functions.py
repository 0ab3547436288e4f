"""Functions that programs call; what Python makes of the same functions is what the program must give."""

from __future__ import annotations

from pathlib import Path

import pytest
from language import module, results

FUNCTIONS = """
from typing import TypeVar

T = TypeVar("T")
N = TypeVar("N", bound=int)


class Color(enum.IntEnum):
    RED = 1
    BLUE = 7


@bpf.struct
class Point:
    x: u32
    y: u32

    def total(self, factor: u32 = 1, *, plus: u32 = 0) -> u32:
        return self.x * factor + self.y + plus

    def moved(self, by: u32) -> u32:
        self.x += by
        return self.total(plus=by)

    def as_type(self, kind: type[N], plus: u64 = 0) -> N:
        return kind(u64(self.x) + plus)


@bpf.func
def size(kind: type[T]) -> u32:
    return bpf.size_of(kind)


@bpf.func
def layout(kind: type[T]) -> u32:
    bpf.static_assert(bpf.size_of(kind) >= 1, "an empty type")
    return bpf.size_of(kind) * 100 + bpf.offset_of(Point, "y") + bpf.size_of(Color)


bpf.static_assert(bpf.offset_of(Point, "y") == 4, "y follows x")


@bpf.func
def low(kind: type[N], x: u64) -> N:
    part: N = kind(x)
    return part


@bpf.func(noinline=True)
def twice(x: u64, kind: type[N]) -> u64:
    return u64(low(kind, x)) + u64(low(u8, x)) + size(kind)


@bpf.func
def fresh(kind: type[T]) -> T:
    made = kind()
    return made


@bpf.func
def bound(a: u32, /, b: u32 = 3, *, c: u32, d: bool = True, e: Color = Color.BLUE) -> u32:
    return a * 1000 + b * 100 + c * 10 + u32(e) + u32(d)


@bpf.func
def is_name(text: Annotated[str, 8], other: Annotated[str, 8] = "eth0") -> bool:
    return text == other


@bpf.func
def sum_to(limit: u32) -> u64:
    total: u64 = 0
    for i in range(min(limit, 50)):
        total += i
    return total


def scaler(factor: int):
    @bpf.func
    def scaled(x: u32) -> u32:
        return x * factor
    return scaled


double, triple = scaler(2), scaler(3)


def point(x: int, y: int) -> Point:
    return Point(x=x, y=y)
"""
CASES = {
    "generic size": "size(u8) + size(net.iphdr) + size(Point)",
    "layout": "layout(u64) + layout(bool)",
    "generic cast": "i32(low(u8, 300)) * 1000 + i32(low(i8, 200))",
    "generic nested": "i32(twice(300, u16))",
    "generic keyword": "i32(twice(kind=u8, x=300))",
    "generic zero": "fresh(Point).x + fresh(kind=Point).y",
    "defaults": "bound(1, c=2)",
    "keywords": "bound(1, c=4, b=2)",
    "all": "bound(1, 2, d=False, c=9, e=Color.RED)",
    "text default": "int(is_name('eth0')) + 2 * int(is_name('eth1')) + 4 * int(is_name('lo', other='lo'))",
    "factory": "double(5) * 100 + triple(5)",
    "method": "Point(x=3, y=4).total()",
    "method keywords": "Point(x=3, y=4).total(plus=7, factor=10)",
    "method calls method": "Point(x=3, y=4).moved(5)",
    "method with a type": "Point(x=300, y=4).as_type(u8) + Point(x=300, y=4).as_type(kind=u32, plus=1)",
    "loop": "i32(sum_to(10)) + i32(sum_to(70))",
}


def program(expression: str) -> str:
    return f"{FUNCTIONS}\n@bpf.socket_filter\ndef prog(ctx: bpf.SkBuff) -> int:\n    return i32({expression})\n"


@pytest.mark.parametrize("case", CASES)
def test_functions(case: str, tmp_path: Path) -> None:
    source = program(CASES[case])
    expected = eval(CASES[case], vars(module(tmp_path, source)))
    assert set(results(tmp_path, source).values()) == {int(expected)}
