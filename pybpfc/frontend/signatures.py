"""Signatures of functions, from their annotations."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, get_origin

from pybpfc.diagnostics import catalog
from pybpfc.frontend.capture import Captured
from pybpfc.frontend.symbols import Parameter, Signature
from pybpfc.lang.annotations import resolve
from pybpfc.lang.contexts import Context, context_class, fits_program
from pybpfc.lang.errors import AnnotationError
from pybpfc.lang.types import VOID, Array, Int, Pointer, Space, Struct, Type, reference_space

if TYPE_CHECKING:
    from pybpfc.frontend.unit import Unit

MAX_PARAMETERS = 5


def evaluate(captured: Captured, node: ast.expr) -> Any:
    """The Python object an annotation stands for; raises what evaluating it raises."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node = ast.parse(node.value, mode="eval").body
    code = compile(ast.Expression(node), captured.source.file, "eval")
    return eval(code, dict(captured.globals), dict(captured.nonlocals))


def annotation_type(unit: Unit, captured: Captured, node: ast.expr) -> Type | None:
    """The type of an annotation; None after a diagnostic."""
    span = captured.source.span(node)
    text = unit.sources.text(span)
    try:
        value = evaluate(captured, node)
    except Exception as error:  # evaluating the user's expression may raise anything
        reason = f"{type(error).__name__}: {error}"
        unit.sink.emit(catalog.UnresolvedAnnotation(text, reason).at(span))
        return None
    if value is None:
        return VOID
    try:
        return resolve(value)
    except AnnotationError as error:
        unit.sink.emit(catalog.InvalidAnnotation(text).at(span, notes=(str(error),)))
        return None


def function_signature(unit: Unit, captured: Captured) -> Signature | None:
    """What a `@bpf.func` function takes and gives; None after a diagnostic."""
    arguments = captured.node.args
    span = captured.source.span
    failed = False
    for star in (arguments.vararg, arguments.kwarg):
        if star is not None:
            unit.sink.emit(catalog.StarParameter(star.arg).at(span(star)))
            failed = True
    nodes = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    positional = [*arguments.posonlyargs, *arguments.args]
    padding: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    defaults = [*padding, *arguments.defaults, *arguments.kw_defaults]
    params: list[Parameter] = []
    for index, (node, default) in enumerate(zip(nodes, defaults, strict=True)):
        type = _parameter_type(unit, captured, node, index)
        if type is None:
            failed = True
            continue
        params.append(Parameter(node.arg, type, _default(captured, default)))
    result: Type | None = VOID
    if captured.node.returns is not None:
        result = annotation_type(unit, captured, captured.node.returns)
        if isinstance(result, Struct) and result.kernel:
            result = Pointer(result, Space.KERNEL)
    returned = 1 if isinstance(result, Struct | Array) else 0
    if len(params) + returned > MAX_PARAMETERS:
        extra = nodes[MAX_PARAMETERS] if len(nodes) > MAX_PARAMETERS else nodes[-1]
        notes = ["the result, a struct or an array, is passed by reference too"] if returned else []
        count = len(params) + returned
        unit.sink.emit(catalog.TooManyParameters(captured.name, count).at(span(extra), notes=notes))
        failed = True
    return None if failed or result is None else Signature(tuple(params), result)


def is_generic(captured: Captured) -> bool:
    """Whether a function has a `type[T]` parameter, so that each call makes a function of its own."""
    arguments = captured.node.args
    for node in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        try:
            value = evaluate(captured, node.annotation) if node.annotation is not None else None
        except Exception:  # reported when the annotation itself is resolved
            continue
        if value is type or get_origin(value) is type:
            return True
    return False


def _parameter_type(unit: Unit, captured: Captured, node: ast.arg, index: int) -> Type | None:
    if node.annotation is None:
        owner = _owner(captured) if index == 0 else None
        if owner is not None:
            return Pointer(owner, Space.STACK)
        unit.sink.emit(catalog.MissingAnnotation(node.arg).at(captured.source.span(node)))
        return None
    context = unit_context(unit, captured, node.annotation)
    if context is not None:
        return Pointer(context, Space.CTX)
    type = annotation_type(unit, captured, node.annotation)
    if isinstance(type, Struct | Array):
        return Pointer(type, reference_space(type))
    return type.host if isinstance(type, Int) else type


def context_annotation_fits(unit: Unit, captured: Captured, node: ast.arg, program_type: str, struct: str) -> bool:
    """Whether a program's parameter is annotated as its context, or not at all; a diagnostic if not."""
    if node.annotation is None:
        return True
    span = captured.source.span(node.annotation)
    text = unit.sources.text(span)
    try:
        value = evaluate(captured, node.annotation)
    except Exception as error:  # evaluating the user's expression may raise anything
        unit.sink.emit(catalog.UnresolvedAnnotation(text, f"{type(error).__name__}: {error}").at(span))
        return False
    if value is Any or value is object:
        return True
    if isinstance(value, type) and issubclass(value, Context) and fits_program(value, program_type, struct):
        return True
    expected = context_class(program_type, struct)
    name = f"bpf.{expected.__name__}" if expected is not None else "bpf.Context"
    unit.sink.emit(catalog.WrongContext(text, name).at(span))
    return False


def unit_context(unit: Unit, captured: Captured, node: ast.expr) -> Struct | None:
    """The context type an annotation such as `bpf.XdpContext` names; None for anything else."""
    from pybpfc.abi.contexts import CONTEXTS
    from pybpfc.frontend.contexts import uapi_context

    try:
        value = evaluate(captured, node)
    except Exception:  # reported when the annotation itself is resolved
        return None
    name = getattr(value, "__bpf_context__", None)
    if not isinstance(name, str) or name not in CONTEXTS:
        return None
    return uapi_context(CONTEXTS[name])


def _owner(captured: Captured) -> Struct | None:
    """The struct whose method this is, by the function's qualified name."""
    owner_name, _, _ = captured.function.__qualname__.rpartition(".")
    owner = captured.globals.get(owner_name)
    type = getattr(owner, "__bpf_type__", None)
    return type if isinstance(type, Struct) else None


def _default(captured: Captured, node: ast.expr | None) -> int | None:
    if node is None:
        return None
    try:
        value = evaluate(captured, node)
    except Exception:  # a default that fails would have failed when Python ran the definition
        return None
    return int(value) if isinstance(value, int) else None
