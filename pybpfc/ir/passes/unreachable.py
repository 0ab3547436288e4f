"""Drop blocks that nothing jumps to.

entry:                  entry:
  return 0       →        return 0
endif:
  jump done
"""

from __future__ import annotations

from pybpfc.ir.module import Function, Module, Target


def remove_unreachable(module: Module, target: Target) -> None:
    """Keep the blocks that the entry reaches."""
    for function in module.functions:
        _clean(function)


def _clean(function: Function) -> None:
    blocks = {b.label: b for b in function.blocks}
    reached: set[str] = set()
    pending = [function.blocks[0].label]
    while pending:
        label = pending.pop()
        if label in reached:
            continue
        reached.add(label)
        terminator = blocks[label].terminator
        if terminator is not None:
            pending.extend(terminator.targets())
    function.blocks = [b for b in function.blocks if b.label in reached]
