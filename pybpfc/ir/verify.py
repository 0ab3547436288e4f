"""Checks that hold between passes: what a module must be for the next stage to be right."""

from __future__ import annotations

from pybpfc.ir import ops
from pybpfc.ir.module import Block, Function, Module
from pybpfc.lang.types import BOOL, Array, Int, Pointer, Struct, Type, Void, is_scalar


def verify_module(module: Module, *, high_level: bool) -> list[str]:
    """What is wrong with a module, one line each; `high_level` ops are allowed before they are lowered."""
    problems: list[str] = []
    names = [f.name for f in module.functions]
    problems += [f"two functions are called {n}" for n in sorted({n for n in names if names.count(n) > 1})]
    for function in module.functions:
        problems += [f"{function.name}: {p}" for p in _Function(function, set(names), high_level).check()]
    return problems


class _Function:
    def __init__(self, function: Function, functions: set[str], high_level: bool) -> None:
        self.function = function
        self.functions = functions
        self.high_level = high_level
        self.problems: list[str] = []
        self.locals = {id(local) for local in function.locals}

    def check(self) -> list[str]:
        """All problems of the function."""
        labels = [b.label for b in self.function.blocks]
        if not labels:
            return ["no blocks"]
        if len(set(labels)) != len(labels):
            self.problems.append("two blocks have one label")
        for block in self.function.blocks:
            if block.terminator is None:
                self.problems.append(f"{block.label}: does not end")
            else:
                unknown = [t for t in block.terminator.targets() if t not in labels]
                self.problems += [f"{block.label}: jumps to {t}, which is not there" for t in unknown]
        if not self.problems:
            self._check_definitions()
            for block in self.function.blocks:
                for op in block.ops:
                    self._check_op(block, op)
                self._check_terminator(block)
        return self.problems

    def _problem(self, block: Block, op: object, text: str) -> None:
        self.problems.append(f"{block.label}: {type(op).__name__}: {text}")

    def _check_definitions(self) -> None:
        """Each temporary is set before it is used on every path: available definitions, to a fixed point."""
        blocks = {b.label: b for b in self.function.blocks}
        made = {label: {op.result.id for op in b.ops if op.result is not None} for label, b in blocks.items()}
        everything = set().union(*made.values()) if made else set()
        entry = self.function.blocks[0].label
        start: dict[str, set[int]] = {label: set(everything) for label in blocks}
        start[entry] = set()
        changed = True
        while changed:
            changed = False
            for label, block in blocks.items():
                assert block.terminator is not None
                after = start[label] | made[label]
                for target in block.terminator.targets():
                    joined = start[target] & after
                    if joined != start[target]:
                        start[target], changed = joined, True
        for label, block in blocks.items():
            known = set(start[label])
            for op in block.ops:
                self._check_known(block, op, known)
                if op.result is not None:
                    known.add(op.result.id)
            assert block.terminator is not None
            self._check_known(block, block.terminator, known)

    def _check_known(self, block: Block, op: ops.Op | ops.Terminator, known: set[int]) -> None:
        for value in op.operands():
            if isinstance(value, ops.Temp) and value.id not in known:
                self._problem(block, op, f"%{value.id} is used before it is set")

    def _check_op(self, block: Block, op: ops.Op) -> None:
        if isinstance(op, ops.HIGH_LEVEL) and not self.high_level:
            self._problem(block, op, "should have been lowered")
        match op:
            case ops.ReadLocal() | ops.WriteLocal() | ops.AddressOf():
                self._check_local(block, op)
            case ops.Load() | ops.Store() | ops.FieldAddress() | ops.ElementAddress() | ops.MemSet() | ops.MemCopy():
                self._check_memory(block, op)
            case ops.Arith():
                self._same(block, op, op.lhs.type, op.rhs.type)
                if not isinstance(op.lhs.type, Int):
                    self._problem(block, op, f"arithmetic on {op.lhs.type}")
            case ops.Compare():
                if not (isinstance(op.lhs.type, Pointer) and isinstance(op.rhs.type, Pointer)):
                    self._same(block, op, op.lhs.type, op.rhs.type)
            case ops.Bounded():
                self._same(block, op, op.value.type, op.result.type if op.result is not None else op.value.type)
                if not isinstance(op.value.type, Int) or not op.low <= op.high:
                    self._problem(block, op, f"bounds {op.value.type} by {op.low} to {op.high}")
            case ops.Checked():
                self._same(block, op, op.value.type, op.result.type if op.result is not None else op.value.type)
                if not isinstance(op.value.type, Pointer):
                    self._problem(block, op, f"a test for null of {op.value.type}")
            case ops.Select():
                self._same(block, op, op.then.type, op.otherwise.type)
                self._same(block, op, op.condition.type, BOOL)
            case ops.Call():
                if op.function not in self.functions:
                    self._problem(block, op, f"calls {op.function}, which is not there")
            case _:
                return

    def _check_local(self, block: Block, op: ops.ReadLocal | ops.WriteLocal | ops.AddressOf) -> None:
        if id(op.local) not in self.locals:
            self._problem(block, op, f"{op.local.name} is not a local of this function")
        if isinstance(op, ops.WriteLocal):
            self._same(block, op, op.local.type, op.value.type)
        if not isinstance(op, ops.AddressOf) and isinstance(op.local.type, Struct | Array):
            self._problem(block, op, f"{op.local.name} is no scalar")

    def _check_memory(self, block: Block, op: ops.Op) -> None:
        for value in op.operands():
            first = isinstance(value.type, Pointer)
            if not first:
                self._problem(block, op, f"{value.type} is no address")
            break
        if isinstance(op, ops.Load) and (op.result is None or not is_scalar(op.result.type)):
            self._problem(block, op, "loads a scalar")
        if isinstance(op, ops.Store) and not is_scalar(op.value.type):
            self._problem(block, op, "stores a scalar")

    def _same(self, block: Block, op: ops.Op, one: Type, other: Type) -> None:
        if one != other and not _alike(one, other):
            self._problem(block, op, f"{one} and {other} differ")

    def _check_terminator(self, block: Block) -> None:
        t = block.terminator
        match t:
            case ops.Branch() if t.condition.type != BOOL:
                self._problem(block, t, f"branches on {t.condition.type}")
            case ops.Return():
                expected = self.function.result
                if t.value is None and not isinstance(expected, Void):
                    self._problem(block, t, f"returns nothing, not {expected}")
                if t.value is not None and t.value.type != expected and not _alike(t.value.type, expected):
                    self._problem(block, t, f"returns {t.value.type}, not {expected}")
            case _:
                return


def _alike(one: Type, other: Type) -> bool:
    """Pointers are one register type; what they lead to is for the frontend to check."""
    return isinstance(one, Pointer) and isinstance(other, Pointer)
