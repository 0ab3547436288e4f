"""Lowering a checked module: one IR function for each checked function."""

from __future__ import annotations

from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.lower.context import Lowering, register_type
from pybpfc.frontend.lower.statements import lower_block
from pybpfc.ir.builder import Builder
from pybpfc.ir.module import Function, Linkage, Module, ProgramInfo, Target
from pybpfc.ir.ops import Local, Unreachable
from pybpfc.lang.types import VOID, Array, Pointer, Space, Struct


def lower_unit(unit: t.TUnit, target: Target) -> Module:
    """The IR of a module. The target's byte order decides how constant text is compared and stored."""
    module = Module(unit.name, unit.file, [], list(unit.maps), list(unit.globals), unit.license, dict(unit.sources))
    for function in unit.functions:
        module.functions.append(_lower_function(function, module, target))
    return module


def _lower_function(function: t.TFunction, module: Module, target: Target) -> Function:
    program = function.program
    info = ProgramInfo(program.section, program.type, program.context) if program is not None else None
    linkage = Linkage.PROGRAM if info else Linkage.GLOBAL if function.exported else Linkage.STATIC
    aggregate = isinstance(function.result, Struct | Array)
    result = VOID if aggregate else register_type(function.result)
    ir = Function(function.name, (), result, function.span, linkage, info)
    ir.inline = function.inlining is t.Inlining.ALWAYS
    ir.noinline = function.inlining is t.Inlining.NEVER
    params: list[Local] = []
    out: Local | None = None
    if aggregate:
        out = ir.new_local("result", Pointer(function.result, Space.STACK), function.span)
        params.append(out)
    low = Lowering(module, ir, Builder(ir, function.span), target, out)
    for variable in function.variables:
        local = ir.new_local(variable.name, register_type(variable.type), variable.span, user=variable.name[0] != ".")
        low.locals[variable] = local
        if variable.param is not None:
            params.append(local)
    for index, local in enumerate(params):
        local.param = index
    ir.params = tuple(params)
    low.b.place(low.b.new_block("entry"))
    lower_block(low, function.body)
    if low.b.reachable:
        low.b.span = function.span
        if ir.result == VOID:
            low.b.ret(None)
        else:
            low.b.terminate(Unreachable(function.span))
    return ir
