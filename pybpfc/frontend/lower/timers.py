"""What a timer calls: a function with the kernel's parameters, which calls the user's.

expired__timer(map, key, value):
    expired(*key, value)
    return 0
"""

from __future__ import annotations

from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.lower.callbacks import entry_part
from pybpfc.frontend.lower.context import Lowering, call_result, register_type
from pybpfc.ir.builder import Builder
from pybpfc.ir.module import Function
from pybpfc.ir.ops import FunctionPointer, Value
from pybpfc.lang.types import I64, VOID, Pointer, Space, Type


def lower_timer_callback(low: Lowering, e: t.TimerCallback) -> Value:
    """The address of the function for the kernel; it is made at its first use."""
    name = f"{e.function.name}__timer"
    if all(function.name != name for function in low.module.functions):
        low.module.functions.append(_adapter(low, e, name))
    return FunctionPointer(name)


def _adapter(low: Lowering, e: t.TimerCallback, name: str) -> Function:
    ir = Function(name, (), I64, e.span, noinline=True)
    inner = Lowering(low.module, ir, Builder(ir, e.span), low.target, VOID, None)
    kinds: list[tuple[str, Type]] = [("map", Pointer(VOID, Space.MAP))]
    kinds += [("key", Pointer(e.key, Space.MAP_VALUE)), ("value", Pointer(e.value, Space.MAP_VALUE))]
    params = [ir.new_local(name, kind, e.span) for name, kind in kinds]
    for index, local in enumerate(params):
        local.param = index
    ir.params = tuple(params)
    b = inner.b
    b.place(b.new_block("entry"))
    key = entry_part(inner, b.read(params[1]), copy=True)
    function = e.function.function
    result = register_type(call_result(e.result, function.exported))
    b.call(e.function.name, [key, b.read(params[2])], result)
    b.ret(inner.constant(I64, 0))
    return ir
