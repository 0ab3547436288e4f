"""A run under way: what generated code and helpers work on besides registers and memory."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import CodeType
from typing import TYPE_CHECKING, NoReturn

from pybpfc.abi.stack import MAX_CALL_DEPTH, MAX_STACK
from pybpfc.vm.errors import VmError
from pybpfc.vm.inputs import Input
from pybpfc.vm.maps.events import Record, RingBuffer
from pybpfc.vm.packet import ETHERNET
from pybpfc.vm.regions import Order, Region, StackFrame
from pybpfc.vm.values import NonScalar, Pointer, Value, signed64

if TYPE_CHECKING:
    from pybpfc.vm.machine import Machine

_NETWORK_HEADER, _LINK_HEADER = -0x100000, -0x200000
"""Offsets from which packet loads count from these headers instead (SKF_NET_OFF, SKF_LL_OFF)."""


@dataclass(slots=True)
class Reservation:
    """A ring buffer record that the program holds, and the line of generated code where it got it."""

    buffer: RingBuffer
    record: Record
    code: CodeType
    line: int


class Execution:
    """The state of one run. `budget` counts down the instructions; `depth` the calls under way."""

    def __init__(self, machine: Machine, start: Input, program_type: str, cpu: int, cookie: int = 0) -> None:
        self.machine = machine
        self.memory = machine.memory
        self.order: Order = machine.order
        self.input = start
        self.program_type = program_type
        self.cpu = cpu
        self.cookie = cookie
        self.budget = machine.max_instructions
        self.depth = 0
        self.tail_calls = 0
        self.trace: list[str] = []
        self.reservations: dict[Region, Reservation] = {}
        self.lock: tuple[Region, int] | None = None
        self.sections: dict[str, int] = {}
        self.retval = 0
        self.redirect: int | None = None
        self.redirect_map: tuple[str, int | None] | None = None
        self.clones: list[tuple[int, bytes]] = []
        self.signals: list[int] = []
        self.sequence = b""
        self.override: int | None = None

    # ---------------------------------------------------------------- for generated code

    def enter(self) -> int:
        """A function begins: the budget it has."""
        self.depth += 1
        if self.depth > MAX_CALL_DEPTH + self.tail_calls:
            raise VmError(f"calls are more than {MAX_CALL_DEPTH} deep")
        return self.budget

    def leave(self, budget: int, value: Value) -> Value:
        """A function ends with a result."""
        self.budget = budget
        self.depth -= 1
        return value

    def exhausted(self) -> NoReturn:
        """The budget is used up."""
        raise VmError(
            f"the program has run {self.machine.max_instructions} instructions without coming to an end",
            remedy="if it is meant to, raise `max_instructions`",
        )

    def frame(self) -> Pointer:
        """A stack frame for a function: r10."""
        return Pointer(StackFrame(self.machine.stack_readable), MAX_STACK)

    def packet_load(self, ctx: Value, offset: Value, size: int) -> int | None:
        """The packet loads of old BPF: in network order; None outside, and the program ends with 0."""
        packet = self.input.packet
        if not isinstance(ctx, Pointer) or ctx.region is not self.input.context or packet is None:
            raise VmError("packet loads (LD_ABS, LD_IND) need the skb context in r6")
        if isinstance(offset, NonScalar):
            raise VmError(f"{offset.describe()} is the offset of a packet load")
        at = ((offset & 0xFFFF_FFFF) ^ 0x8000_0000) - 0x8000_0000
        whole = self.input.link_header + packet.contents
        if at >= 0:
            at += len(self.input.link_header)
        elif at >= _NETWORK_HEADER:
            at += ETHERNET - _NETWORK_HEADER
        elif at >= _LINK_HEADER:
            at -= _LINK_HEADER
        return int.from_bytes(whole[at : at + size], "big") if 0 <= at <= len(whole) - size else None

    # ------------------------------------------------------------------------ for helpers

    def reserve(self, buffer: RingBuffer, record: Record) -> None:
        """Remember that the program holds a record."""
        caller = sys._getframe(2)
        self.reservations[record.region] = Reservation(buffer, record, caller.f_code, caller.f_lineno)

    def read_string(self, pointer: Pointer, limit: int) -> bytes | None:
        """The bytes from a pointer up to and including a NUL, at most `limit`; None when the memory ends before."""
        region, at = pointer.region, signed64(pointer.offset)
        if region.dead or not 0 <= at <= region.size:
            return None
        raw = region.probe(at, min(limit, region.size - at))
        if raw is None:
            return None
        end = raw.find(b"\0")
        if end >= 0:
            return raw[: end + 1]
        return raw if len(raw) == limit else None

    def fill_unwritten(self, pointer: Pointer, start: int, end: int) -> None:
        """Bytes of an output buffer that a helper leaves as they are count as written, as for the verifier."""
        if isinstance(pointer.region, StackFrame):
            pointer.region.mark(pointer.offset + start, end - start)

    def stack(self) -> list[int]:
        """The calls under way as made-up addresses, innermost first."""
        return self.machine.call_stack(sys._getframe(2))

    # ------------------------------------------------------------------------- at the end

    def check_end(self) -> None:
        """Everything that the program took must have been given back."""
        for held in self.reservations.values():
            where = self.machine.where(held.code, held.line)
            raise VmError(
                f"a reservation of ring buffer `{held.buffer.name}` is neither submitted nor discarded"
                + (f"; it was made at {where}" if where else ""),
                remedy=f"call `{held.buffer.name}.submit(event)` or `.discard(event)` on every path",
            )
        if self.lock is not None:
            raise VmError("the program ends while it holds a spin lock")
        for name, count in self.sections.items():
            if count:
                raise VmError(f"the program ends inside a section of `{name}`")

    def abandon(self) -> None:
        """Drop what a failed program held, so that the buffers stay usable."""
        for held in self.reservations.values():
            if held.record.reserved:
                held.buffer.commit(held.record, self.cpu, discard=True)
