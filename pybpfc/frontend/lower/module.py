"""Lowering a checked module: one IR function for each checked function."""

from __future__ import annotations

from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.lower.callbacks import prepare_frame, store_parameters
from pybpfc.frontend.lower.context import Lowering, call_result, register_type
from pybpfc.frontend.lower.statements import lower_block
from pybpfc.ir.builder import Builder
from pybpfc.ir.module import Function, Linkage, Module, ProgramInfo, Target
from pybpfc.ir.ops import Const, Predicate, Unreachable
from pybpfc.lang.types import VOID, Array, Pointer, Space, Struct


def lower_unit(unit: t.TUnit, target: Target) -> Module:
    """The IR of a module. The target's byte order decides how constant text is compared and stored."""
    module = Module(unit.name, unit.file, [], list(unit.maps), list(unit.globals), unit.license, dict(unit.sources))
    module.struct_ops = list(unit.struct_ops)
    for function in unit.functions:
        module.functions.append(_lower_function(function, module, target))
    return module


def _lower_function(function: t.TFunction, module: Module, target: Target) -> Function:
    program = function.program
    info = ProgramInfo(program.section, program.type, program.context) if program is not None else None
    linkage = Linkage.PROGRAM if info else Linkage.GLOBAL if function.exported else Linkage.STATIC
    aggregate = isinstance(function.result, Struct | Array)
    result = VOID if aggregate else register_type(call_result(function.result, function.exported))
    ir = Function(function.name, (), result, function.span, linkage, info)
    ir.inline = function.inlining is t.Inlining.ALWAYS
    ir.noinline = function.inlining is t.Inlining.NEVER
    out = t.Variable(".out", Pointer(function.result, Space.STACK), function.span, 0) if aggregate else None
    low = Lowering(module, ir, Builder(ir, function.span), target, result, out)
    low.declare_locals([*([out] if out is not None else []), *function.variables])
    ir.params = tuple(low.parameters.values())
    for index, local in enumerate(ir.params):
        local.param = index
    prepare_frame(low, function.body)
    low.b.place(low.b.new_block("entry"))
    store_parameters(low)
    if function.exported:
        _refuse_null(low, function)
    lower_block(low, function.body)
    if low.b.reachable:
        low.b.span = function.span
        if function.result == VOID:
            low.b.ret(None if ir.result == VOID else low.constant(ir.result, 0))
        else:
            low.b.terminate(Unreachable(function.span))
    return ir


def _refuse_null(low: Lowering, function: t.TFunction) -> None:
    """Return 0 when a reference is null: the verifier takes those of a function verified on its own for nullable."""
    b = low.b
    for variable in function.params:
        if isinstance(variable.type, Pointer) and variable.type.space is Space.STACK:
            there, null = b.new_block("argument"), b.new_block("argument.null")
            pointer = b.read(low.parameters[variable])
            b.branch(b.compare(Predicate.NE, pointer, Const(pointer.type, 0)), there, null)
            b.place(null)
            b.ret(low.constant(low.result, 0))
            b.place(there)
