"""User ring buffers: programs take what user space sent, by `for` and by `drain`, in the machine and in the kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from language import module

import pybpfc as bpf
from pybpfc.abi.versions import running, version
from pybpfc.compiler import compile_source
from pybpfc.diagnostics.errors import CompileError
from pybpfc.runtime import features
from pybpfc.vm import Machine

DECLARATIONS = """
@bpf.struct
class Order:
    a: u32
    b: u64

@bpf.struct
class Sum:
    n: u64
    t: u64

orders = bpf.UserRingBuf[Order](size=4096)
numbers = bpf.UserRingBuf[u32](size=4096)
counts = bpf.HashMap[u32, u64](max_entries=16)

@bpf.func
def handle(order: Order, sum: Sum) -> int:
    sum.n += 1
    sum.t += order.b
    return 1 if order.a == 99 else 0

@bpf.func
def plain(number: u32) -> u32:
    counts[0] += number
    return number == 9

@bpf.func
def gives_nothing(order: Order) -> None:
    counts[0] += order.b
"""
PROGRAM = """
@bpf.xdp
def prog(ctx: bpf.XdpContext) -> int:
    n = ctx.data_end - ctx.data
    total = u64(0)
BODY
"""
ORDERS = ((1, 2), (3, 4), (50, 9), (4, 5), (99, 1), (7, 3))
CASES = {
    "all": ("for order in orders:\n    total += order.b\nreturn i32(total)", [24, 0]),
    "break": ("for order in orders:\n    if order.a == 50:\n        break\n    total += order.b\nelse:\n    total += 1000\nreturn i32(total)", [6, 1009, 1000]),
    "continue": ("for order in orders:\n    if order.a > 9:\n        continue\n    order.b *= 2\n    total += order.b\nreturn i32(total)", [28, 0]),
    "return": ("for order in orders:\n    if order.a == 4:\n        return i32(order.b)\nreturn 4", [5, 4]),
    "drain": ("sum = Sum()\ndone = orders.drain(handle, sum)\nreturn i32(u64(done) * 1000 + sum.n * 100 + sum.t)", [5521, 1103, 0]),
    "drain of numbers": ("done = numbers.drain(plain)\nreturn i32(counts.get(0, 0) * 10) + i32(done)", [143, 241, 240]),
    "drain for its effect": ("numbers.drain(plain)\nreturn i32(counts.get(0, 0))", [14, 24]),
    "numbers": ("for number in numbers:\n    total += number\nreturn i32(total)", [24, 0]),
    "two buffers": ("for order in orders:\n    for number in numbers:\n        total += order.b * number\n        if number == 9:\n            break\nreturn i32(total)", [2 * 14 + 4 * 10, 0]),
    "in another loop": ("for i in bpf.iter_num(0, n):\n    for order in orders:\n        total += order.b + i\n        if order.a == 50:\n            break\nreturn i32(total)", [24 + 3, 0]),
}  # fmt: skip


def source(text: str) -> str:
    return DECLARATIONS + PROGRAM.replace("BODY", "\n".join(f"    {line}" for line in text.split("\n")))


def answers(maps: Any, run: Callable[[], int], count: int) -> list[int]:
    """What runs give after the messages were sent."""
    if "orders" in maps:
        assert all(maps["orders"].send({"a": a, "b": b}) for a, b in ORDERS)
    if "numbers" in maps:
        assert all(maps["numbers"].send(number) for number in (2, 3, 9, 10))
    return [run() for _ in range(count)]


@pytest.mark.parametrize("case", CASES)
def test_messages(case: str, tmp_path: Path) -> None:
    text, expected = CASES[case]
    made = module(tmp_path, source(text))
    for cpu in ("v1", "v3", "v4"):
        compiled = compile_source(made, cpu=cpu, use_cache=False)
        machine = Machine(compiled.spec)
        found = answers(machine.maps, lambda m=machine: m.run("prog", data=bytes(60)).retval, len(expected))  # type: ignore[misc]
        assert found == expected, f"machine {cpu}"
        if features.refusal() is None and (cpu != "v4" or running() >= version("6.6")):
            compiled.write(tmp_path / "made.o")
            with bpf.load(str(tmp_path / "made.o"), attach=False) as loaded:
                run = loaded.programs["prog"].test_run
                found = answers(loaded.maps, lambda r=run: r(data=bytes(60)).retval, len(expected))  # type: ignore[misc]
                assert found == expected, f"kernel {cpu}"


def test_short_messages_are_passed_over(tmp_path: Path) -> None:
    made = module(tmp_path, source(CASES["all"][0]))
    machine = Machine(compile_source(made, use_cache=False).spec)
    handle: Any = machine.maps["orders"].handle
    for message in (bytes(4), bytes(8) + b"\x07" + bytes(7), bytes(8) + b"\x02" + bytes(20)):
        assert handle.send(message)
    assert machine.run("prog", data=bytes(60)).retval == 9


def test_a_full_buffer(tmp_path: Path) -> None:
    machine = Machine(compile_source(module(tmp_path, source(CASES["all"][0])), use_cache=False).spec)
    orders: Any = machine.maps["orders"]
    sent = sum(1 for _ in _sending(orders))
    assert sent == 4096 // 24
    with pytest.raises(ValueError, match="does not fit"):
        orders.handle.send(bytes(5000))


def _sending(orders: Any) -> Iterable[bool]:
    while orders.send({"a": 1, "b": 1}):
        yield True


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("return i32(orders.drain(handle, Sum()) + 1)", ["E0147"]),
        ("orders.drain()\nreturn 0", ["E0215"]),
        ("orders.drain(max)\nreturn 0", ["E0201"]),
        ("orders.drain(handle)\nreturn 0", ["E0201"]),
        ("orders.drain(plain)\nreturn 0", ["E0201"]),
        ("orders.drain(gives_nothing)\nreturn 0", ["E0201"]),
        ("for a, b in orders:\n    total += 1\nreturn 0", ["E0137"]),
        ("for order in orders.items():\n    total += 1\nreturn 0", ["E0145"]),
        ("orders.send(Order())\nreturn 0", ["E0404"]),
        ("orders[0] = Order()\nreturn 0", ["E0404"]),
    ],
)  # fmt: skip
def test_mistakes(text: str, codes: list[str], tmp_path: Path) -> None:
    with pytest.raises(CompileError) as caught:
        compile_source(module(tmp_path, source(text)), use_cache=False)
    assert [d.code for d in caught.value.diagnostics] == codes
