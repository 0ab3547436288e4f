"""Building functions: appends ops to a current block and makes their results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pybpfc.diagnostics.span import Span
from pybpfc.ir import ops
from pybpfc.ir.module import Block, Function, MapDef
from pybpfc.lang.kfuncs import KernelFunctionType
from pybpfc.lang.types import BOOL, I64, Enum, Field, Pointer, Space, Struct, Type, Void, size_of

if TYPE_CHECKING:
    from pybpfc.abi.helpers import Helper


class Builder:
    """Appends to one function. `span` is the position given to each op until it is changed."""

    def __init__(self, function: Function, span: Span) -> None:
        self.function = function
        self.span = span
        self.block: Block | None = None

    # ------------------------------------------------------------------------------- blocks

    def new_block(self, stem: str) -> Block:
        """A block not yet placed in the function."""
        return Block(self.function.new_label(stem))

    def place(self, block: Block) -> None:
        """Put `block` next in the function and append to it from now on."""
        self.function.blocks.append(block)
        self.block = block

    @property
    def reachable(self) -> bool:
        """Whether an op appended now can run."""
        return self.block is not None and self.block.terminator is None

    def terminate(self, terminator: ops.Terminator) -> None:
        """End the current block, unless it has ended already."""
        if self.reachable and self.block is not None:
            self.block.terminator = terminator

    def jump(self, target: Block) -> None:
        """End the current block with a jump."""
        self.terminate(ops.Jump(self.span, target.label))

    def branch(self, condition: ops.Value, then: Block, otherwise: Block) -> None:
        """End the current block with a two-way branch."""
        self.terminate(ops.Branch(self.span, condition, then.label, otherwise.label))

    def ret(self, value: ops.Value | None) -> None:
        """End the current block by leaving the function."""
        self.terminate(ops.Return(self.span, value))

    # ---------------------------------------------------------------------------------- ops

    def _append(self, op: ops.Op) -> None:
        if self.reachable and self.block is not None:
            self.block.ops.append(op)

    def _result(self, type: Type, op: ops.Op) -> ops.Temp:
        op.result = self.function.new_temp(type)
        self._append(op)
        return op.result

    def read(self, local: ops.Local) -> ops.Temp:
        """The value of a scalar local."""
        return self._result(local.type, ops.ReadLocal(local, span=self.span))

    def write(self, local: ops.Local, value: ops.Value) -> None:
        """Set a scalar local."""
        self._append(ops.WriteLocal(local, value, span=self.span))

    def address_of(self, local: ops.Local) -> ops.Temp:
        """The address of a local."""
        return self._result(Pointer(local.type, Space.STACK), ops.AddressOf(local, span=self.span))

    def load(self, pointer: ops.Value, type: Type, *, volatile: bool = False) -> ops.Temp:
        """Read a scalar of `type` (as it lies in memory)."""
        return self._result(type, ops.Load(pointer, volatile, span=self.span))

    def store(self, pointer: ops.Value, value: ops.Value, *, volatile: bool = False) -> None:
        """Write a scalar."""
        self._append(ops.Store(pointer, value, volatile, span=self.span))

    def field_address(self, base: ops.Value, struct: Struct, field: Field) -> ops.Temp:
        """The address of a member."""
        return self._result(_pointer_like(base, field.type), ops.FieldAddress(base, struct, field, span=self.span))

    def element_address(self, base: ops.Value, element: Type, index: ops.Value) -> ops.Temp:
        """The address of an element."""
        return self._result(_pointer_like(base, element), ops.ElementAddress(base, element, index, span=self.span))

    def core_address(self, base: ops.Value, struct: Struct, path: tuple[Field | int, ...], to: Type) -> ops.Temp:
        """The address of a kernel struct's field."""
        return self._result(_pointer_like(base, to), ops.CoreAddress(base, struct, path, span=self.span))

    def core_query(
        self, kind: ops.CoreKind, of: Struct | Enum, result: Type, path: tuple[Field | int, ...] = (), member: str = ""
    ) -> ops.Temp:
        """A fact about a kernel type."""
        return self._result(result, ops.CoreQuery(kind, of, path, member, span=self.span))

    def arith(self, op: ops.ArithOp, lhs: ops.Value, rhs: ops.Value) -> ops.Temp:
        """Two-operand arithmetic in the operands' type."""
        return self._result(lhs.type, ops.Arith(op, lhs, rhs, span=self.span))

    def compare(self, predicate: ops.Predicate, lhs: ops.Value, rhs: ops.Value) -> ops.Temp:
        """A comparison."""
        return self._result(BOOL, ops.Compare(predicate, lhs, rhs, span=self.span))

    def convert(self, value: ops.Value, to: Type) -> ops.Value:
        """`value` as type `to`; nothing is emitted when it has that type."""
        if value.type == to:
            return value
        return self._result(to, ops.Convert(value, span=self.span))

    def byte_swap(self, value: ops.Value) -> ops.Temp:
        """Between network and host order."""
        return self._result(value.type, ops.ByteSwapBigEndian(value, span=self.span))

    def select(self, condition: ops.Value, then: ops.Value, otherwise: ops.Value) -> ops.Temp:
        """One of two values."""
        return self._result(then.type, ops.Select(condition, then, otherwise, span=self.span))

    def opaque(self, value: ops.Value) -> ops.Temp:
        """A value that LLVM computes nothing from in advance."""
        return self._result(value.type, ops.Opaque(value, span=self.span))

    def bounded(self, value: ops.Value, low: int, high: int) -> ops.Value:
        """A value whose bounds the verifier shall see."""
        if isinstance(value, ops.Const):
            return value
        return self._result(value.type, ops.Bounded(value, low, high, span=self.span))

    def checked(self, value: ops.Value) -> ops.Temp:
        """A pointer behind the test that shows it not to be null."""
        return self._result(value.type, ops.Checked(value, span=self.span))

    def memset(self, pointer: ops.Value, size: int) -> None:
        """Zero memory."""
        self._append(ops.MemSet(pointer, size, span=self.span))

    def memcpy(self, destination: ops.Value, source: ops.Value, size: int, align: int = 1) -> None:
        """Copy memory."""
        self._append(ops.MemCopy(destination, source, size, align, span=self.span))

    def atomic(
        self,
        op: ops.AtomicOp,
        pointer: ops.Value,
        value: ops.Value,
        *,
        expected: ops.Value | None = None,
        fetch: bool = False,
    ) -> ops.Temp | None:
        """An atomic operation; with `fetch`, the old value."""
        node = ops.Atomic(op, pointer, value, expected, span=self.span)
        if fetch:
            return self._result(value.type, node)
        self._append(node)
        return None

    def helper(self, helper: Helper, args: Sequence[ops.Value], result: Type) -> ops.Temp | None:
        """Call a helper; a `Void` result gives None."""
        node = ops.HelperCall(helper, tuple(args), span=self.span)
        return self._call(node, result)

    def apart(self, number: int) -> None:
        """Keep the end of this block from being merged with that of another."""
        self._append(ops.Apart(number, span=self.span))

    def kernel(self, function: KernelFunctionType, args: Sequence[ops.Value], result: Type) -> ops.Temp | None:
        """Call a kernel function; a `Void` result gives None."""
        return self._call(ops.KernelCall(function, tuple(args), span=self.span), result)

    def kernel_symbol_exists(self, function: KernelFunctionType) -> ops.Temp:
        """Whether the kernel has a function."""
        return self._result(BOOL, ops.KernelSymbolExists(function, span=self.span))

    def call(self, function: str, args: Sequence[ops.Value], result: Type) -> ops.Temp | None:
        """Call a function of the module; a `Void` result gives None."""
        return self._call(ops.Call(function, tuple(args), span=self.span), result)

    def _call(self, node: ops.Op, result: Type) -> ops.Temp | None:
        if isinstance(result, Void):
            self._append(node)
            return None
        return self._result(result, node)

    def context_load(self, context: ops.Value, offset: int, type: Type) -> ops.Temp:
        """Read a context field."""
        return self._result(type, ops.ContextLoad(context, offset, span=self.span))

    def context_store(self, context: ops.Value, offset: int, value: ops.Value) -> None:
        """Write a context field."""
        self._append(ops.ContextStore(context, offset, value, span=self.span))

    def packet_pointer(
        self, context: ops.Value, data_offset: int, end_offset: int, offset: ops.Value, to: Type, size: int
    ) -> ops.Temp:
        """A bounds-checked pointer into the packet, or null."""
        return self._result(
            Pointer(to, Space.PACKET, nullable=True),
            ops.PacketPointer(context, data_offset, end_offset, offset, size, span=self.span),
        )

    def packet_element(
        self, base: ops.Value, element: Type, index: ops.Value, context: ops.Value, end_offset: int
    ) -> ops.Temp:
        """The address of an element of an array in a packet, at an index that the verifier doesn't know."""
        op = ops.PacketElement(base, index, size_of(element), context, end_offset, span=self.span)
        return self._result(Pointer(element, Space.PACKET), op)

    def map_lookup(self, map: MapDef, key: ops.Value, value: Type, reference: ops.Value | None = None) -> ops.Temp:
        """Look a key up."""
        found = Pointer(value, Space.MAP_VALUE, nullable=True)
        return self._result(found, ops.MapLookup(map, key, reference, span=self.span))

    def map_update(
        self, map: MapDef, key: ops.Value, value: ops.Value, flags: ops.Value, reference: ops.Value | None = None
    ) -> ops.Temp:
        """Store a value."""
        return self._result(I64, ops.MapUpdate(map, key, value, flags, reference, span=self.span))

    def map_delete(self, map: MapDef, key: ops.Value, reference: ops.Value | None = None) -> ops.Temp:
        """Delete an entry."""
        return self._result(I64, ops.MapDelete(map, key, reference, span=self.span))

    def map_increment(
        self, map: MapDef, key: ops.Value, value: ops.Value, *, per_cpu: bool, reference: ops.Value | None = None
    ) -> None:
        """`m[key] += value`."""
        self._append(ops.MapIncrement(map, key, value, per_cpu, reference, span=self.span))

    def print(self, parts: Sequence[str | ops.FormatSpec], values: Sequence[ops.Value]) -> None:
        """Write to the trace pipe."""
        self._append(ops.Print(tuple(parts), tuple(values), span=self.span))

    def snprintf(
        self, buffer: ops.Value, size: int, parts: Sequence[str | ops.FormatSpec], values: Sequence[ops.Value]
    ) -> ops.Temp:
        """Write to memory; the length with the NUL that it takes."""
        return self._result(I64, ops.Print(tuple(parts), tuple(values), buffer, size, span=self.span))


def _pointer_like(base: ops.Value, to: Type) -> Pointer:
    space = base.type.space if isinstance(base.type, Pointer) else Space.KERNEL
    return Pointer(to, space)
