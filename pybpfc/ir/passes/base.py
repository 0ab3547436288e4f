"""Rewriting helpers that passes share."""

from __future__ import annotations

from collections.abc import Callable

from pybpfc.ir import ops
from pybpfc.ir.builder import Builder
from pybpfc.ir.module import Block, Function
from pybpfc.records import fields

Expansion = Callable[[Builder, ops.Op], ops.Value | None]
"""Emits what replaces an op, into the builder's current block (which it may end and leave); gives the new result."""


def expand(function: Function, kinds: tuple[type[ops.Op], ...], expansion: Expansion) -> None:
    """Replace each op of the given kinds by what `expansion` emits; blocks are split where it branches."""
    old = function.blocks
    if not any(isinstance(op, kinds) for b in old for op in b.ops):
        return
    function.blocks = []
    replaced: dict[int, ops.Value] = {}
    b = Builder(function, function.span)
    for block in old:
        b.place(Block(block.label))
        for op in block.ops:
            substitute(op, replaced)
            if not isinstance(op, kinds):
                assert b.block is not None
                b.block.ops.append(op)
                continue
            b.span = op.span
            value = expansion(b, op)
            if op.result is not None and value is not None:
                replaced[op.result.id] = value
        if block.terminator is not None:
            substitute(block.terminator, replaced)
            b.terminate(block.terminator)


def substitute(op: ops.Op | ops.Terminator, replaced: dict[int, ops.Value]) -> None:
    """Put new values in the place of replaced temporaries among an op's operands."""
    if not replaced:
        return
    for name in fields(op):
        if name in ("span", "result"):
            continue
        value = getattr(op, name)
        if isinstance(value, ops.Temp) and value.id in replaced:
            setattr(op, name, replaced[value.id])
        elif isinstance(value, tuple) and any(isinstance(v, ops.Temp) and v.id in replaced for v in value):
            new = tuple(replaced.get(v.id, v) if isinstance(v, ops.Temp) else v for v in value)
            setattr(op, name, new)
