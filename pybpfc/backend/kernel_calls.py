"""Calls of kernel functions: `extern` functions in the section `.ksyms`, which the loader finds in the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pybpfc.ir import ops
from pybpfc.lang.kfuncs import KernelFunctionType
from pybpfc.lang.types import Bool, Enum, Int, Pointer, Type, Void, as_int

if TYPE_CHECKING:
    from pybpfc.backend.debug_info import DebugInfo
    from pybpfc.backend.emit import FunctionEmitter

SECTION = ".ksyms"


class KernelFunctions:
    """The kernel's functions that a module refers to.

    Where one is asked for, all may be missing: those that belong to it are called behind the same question.
    """

    def __init__(self) -> None:
        self._used: dict[str, KernelFunctionType] = {}
        self._weak = False

    def use(self, function: KernelFunctionType, *, weak: bool = False) -> str:
        """The function's name in LLVM."""
        self._used.setdefault(function.name, function)
        self._weak = self._weak or weak
        return f'@"{function.name}"'

    def declarations(self, debug: DebugInfo) -> list[str]:
        """What LLVM needs to know of them."""
        lines: list[str] = []
        for name, function in sorted(self._used.items()):
            params = ", ".join(_register(p.type) for p in function.params)
            linkage = "extern_weak" if self._weak else "dso_local"
            node = debug.kernel_function(function)
            lines.append(
                f'declare !dbg {node} {linkage} {_register(function.result)} @"{name}"({params}) section "{SECTION}"'
            )
        return lines


def _register(type: Type) -> str:
    """How the kernel's calling convention passes a type: numbers of less than 32 bits as 32."""
    match type:
        case Void():
            return "void"
        case Pointer():
            return "ptr"
        case Bool():
            return "i32"
        case Int() | Enum():
            return f"i{max(32, as_int(type).bits)}"
        case _:
            return "i64"


def emit_call(f: FunctionEmitter, op: ops.KernelCall) -> None:
    """The call, its arguments extended and its result cut as needed."""
    name = f.owner.kernel_functions.use(op.function)
    args = ", ".join(_argument(f, a, p.type) for a, p in zip(op.args, op.function.params, strict=True))
    result = _register(op.function.result)
    call = f"call {result} {name}({args})"
    if op.result is None:
        f.do(call)
    elif result == "ptr":
        f.set_pointer(op, call)
    else:
        f.set_number(op, f.make(call), int(result[1:]))


def _argument(f: FunctionEmitter, value: ops.Value, to: Type) -> str:
    register = _register(to)
    if register == "ptr":
        return f"ptr {f.value(value)}" if isinstance(value.type, Pointer) else "ptr null"
    if isinstance(value, ops.Const):
        return f"{register} {value.value}"
    if isinstance(value.type, Bool):
        return f"{register} {f.make(f'zext i1 {f.value(value)} to {register}')}"
    own = as_int(value.type)
    if f"i{own.bits}" == register:
        return f"{register} {f.value(value)}"
    extend = "sext" if own.signed else "zext"
    return f"{register} {f.make(f'{extend} i{own.bits} {f.value(value)} to {register}')}"


def emit_exists(f: FunctionEmitter, op: ops.KernelSymbolExists) -> None:
    """Whether its address is not null, which LLVM cannot know of a weak one."""
    name = f.owner.kernel_functions.use(op.function, weak=True)
    f.set_truth(op, f"icmp ne ptr {name}, null")
