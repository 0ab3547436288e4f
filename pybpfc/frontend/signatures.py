"""Signatures of functions, from their annotations."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

from pybpfc.diagnostics import catalog
from pybpfc.frontend.capture import Captured
from pybpfc.frontend.symbols import ConstMapping, ConstSequence, Foreign, Formal, Namespace, Parameter, Signature
from pybpfc.frontend.tuples import resolve_tuple
from pybpfc.lang.annotations import resolve
from pybpfc.lang.contexts import Context, context_class, fits_program
from pybpfc.lang.errors import AnnotationError
from pybpfc.lang.kernel_names import KernelType
from pybpfc.lang.types import VOID, Array, Int, Pointer, Space, Struct, Type, Void, is_integer, reference_space
from pybpfc.lang.views import View
from pybpfc.records import replace

if TYPE_CHECKING:
    from pybpfc.frontend.unit import Unit

MAX_PARAMETERS = 5


def evaluate(captured: Captured, node: ast.expr) -> Any:
    """The Python object an annotation stands for; raises what evaluating it raises."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        node = ast.parse(node.value, mode="eval").body
    code = compile(ast.Expression(node), captured.source.file, "eval")
    return eval(code, dict(captured.globals), {**captured.nonlocals, **captured.types})


def annotation_type(unit: Unit, captured: Captured, node: ast.expr, *, tuples: bool = False) -> Type | None:
    """The type of an annotation, `tuple[A, B]` included where tuples may stand; None after a diagnostic."""
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
        found = (resolve_tuple(value) if tuples else None) or resolve(value)
    except AnnotationError as error:
        unit.sink.emit(catalog.InvalidAnnotation(text).at(span, notes=(str(error),)))
        return None
    return found


def function_formals(unit: Unit, captured: Captured) -> tuple[Formal, ...] | None:
    """The parameters of a `@bpf.func` function as they are written; None after a diagnostic."""
    arguments = captured.node.args
    span = captured.source.span
    stars = [star for star in (arguments.vararg, arguments.kwarg) if star is not None]
    for star in stars:
        unit.sink.emit(catalog.StarParameter(star.arg).at(span(star)))
    given = _defaults(captured)
    formals: list[Formal] = []
    failed = bool(stars)
    for kind, nodes in (("first", arguments.posonlyargs), ("any", arguments.args), ("named", arguments.kwonlyargs)):
        for node in nodes:
            default = unit.classify(node.arg, given[node.arg], captured.globals) if node.arg in given else None
            if isinstance(default, Foreign | Namespace | ConstSequence | ConstMapping):
                unit.sink.emit(catalog.ParameterDefault(node.arg, type(given[node.arg]).__name__).at(span(node)))
                failed = True
            variable = _type_variable(captured, node)
            named = _open_class(captured, node, len(formals))
            formals.append(Formal(node.arg, node, kind != "named", kind != "first", default, variable, named))
    return None if failed else tuple(formals)


def _defaults(captured: Captured) -> dict[str, Any]:
    """The values of parameters that have one, as Python computed them at the definition."""
    arguments = captured.node.args
    positional = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    values = getattr(captured.function, "__defaults__", None) or ()
    named = getattr(captured.function, "__kwdefaults__", None) or {}
    return {**dict(zip(positional[len(positional) - len(values) :], values, strict=True)), **named}


def _open_class(captured: Captured, node: ast.arg, index: int) -> type | None:
    """The class of a parameter whose type is that of the argument: any context, or what is made from one."""
    cls = _class_named(captured, node.annotation)
    if node.annotation is None and index == 0:
        cls = captured.globals.get(captured.function.__qualname__.rpartition(".")[0])
    if not isinstance(cls, type):
        return None
    return cls if issubclass(cls, View) or (issubclass(cls, Context) and not cls.__bpf_context__) else None


def _type_variable(captured: Captured, node: ast.arg) -> Any:
    """The `T` of a parameter `type[T]`, or `object` for a plain `type`; None for parameters that hold values."""
    try:
        value = evaluate(captured, node.annotation) if node.annotation is not None else None
    except Exception:  # reported when the annotation itself is resolved
        return None
    if value is type:
        return object
    return get_args(value)[0] if get_origin(value) is type else None


def function_signature(unit: Unit, captured: Captured, formals: tuple[Formal, ...], exported: bool) -> Signature | None:
    """What a `@bpf.func` function takes and gives; None after a diagnostic."""
    values = [formal for formal in formals if formal.variable is None]
    params: list[Parameter] = []
    for index, formal in enumerate(values):
        type = _parameter_type(unit, captured, formal, index)
        if type is not None:
            params.append(Parameter(formal.name, type))
    result: Type | None = VOID
    if captured.node.returns is not None:
        result = _optional_number(captured, captured.node.returns)
        result = result or annotation_type(unit, captured, captured.node.returns, tuples=True)
        if isinstance(result, Struct) and result.kernel:
            result = Pointer(result, Space.KERNEL)
    failed = len(params) < len(values) or result is None
    returned = 1 if isinstance(result, Struct | Array) else 0
    if len(values) + returned > MAX_PARAMETERS:
        extra = values[MAX_PARAMETERS] if len(values) > MAX_PARAMETERS else values[-1]
        notes = ["the result, a struct or an array, is passed by reference too"] if returned else []
        count = len(values) + returned
        where = captured.source.span(extra.node)
        unit.sink.emit(catalog.TooManyParameters(captured.name, count).at(where, notes=notes))
        failed = True
    if exported and not failed:
        failed = _exported_wrongly(unit, captured, values, params, result or VOID)
    return None if failed or result is None else Signature(tuple(params), result)


def _optional_number(captured: Captured, node: ast.expr) -> Type | None:
    """What `T | None` is where `T` is a number: a reference that may be missing, read through `.value`."""
    if not captured.types:
        return None
    try:
        parts = get_args(evaluate(replace(captured, types={}), node))
    except Exception:  # reported when the annotation itself is resolved
        return None
    variable = next((part for part in parts if isinstance(part, TypeVar)), None)
    if variable is None or len(parts) != 2 or type(None) not in parts:
        return None
    names = (name for names in (captured.globals, captured.nonlocals) for name in names if names[name] is variable)
    found = next((resolve(captured.types[name]) for name in names if name in captured.types), None)
    return Pointer(found, Space.STACK, nullable=True) if found is not None and is_integer(found) else None


def _exported_wrongly(
    unit: Unit, captured: Captured, formals: list[Formal], params: list[Parameter], result: Type
) -> bool:
    """Whether a function verified on its own takes or gives what such a one cannot; a diagnostic if so."""
    wrong: list[tuple[ast.AST, str]] = [
        (formal.node, f"takes `{formal.name}` as `{parameter.type}`")
        for formal, parameter in zip(formals, params, strict=False)
        if not is_integer(parameter.type) and not _is_passed_reference(parameter.type)
    ]
    returns = captured.node.returns
    if returns is not None and not isinstance(result, Void) and not is_integer(result):
        wrong.append((returns, f"returns `{result}`"))
    for node, what in wrong:
        unit.sink.emit(catalog.ExportedSignature(captured.name, what).at(captured.source.span(node)))
    return bool(wrong)


def _is_passed_reference(type: Type) -> bool:
    return isinstance(type, Pointer) and not type.nullable and type.space in (Space.STACK, Space.CTX)


def is_generic(formals: tuple[Formal, ...]) -> bool:
    """Whether what a function is compiled to depends on the types of its arguments."""
    return any(formal.variable is not None or formal.open is not None for formal in formals)


def _parameter_type(unit: Unit, captured: Captured, formal: Formal, index: int) -> Type | None:
    node = formal.node
    if formal.name in captured.given:
        return captured.given[formal.name]
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
    if is_kernel_type(value):
        return annotation_type(unit, captured, node.annotation) is not None
    expected = context_class(program_type, struct)
    name = f"bpf.{expected.__name__}" if expected is not None else "bpf.Context"
    unit.sink.emit(catalog.WrongContext(text, name).at(span))
    return False


def is_kernel_type(value: Any) -> bool:
    """Whether an annotation names a type of the kernel, which hooks will take for their arguments."""
    if not isinstance(value, type):
        return False
    declared = getattr(value, "__bpf_type__", None)
    return issubclass(value, KernelType) or (isinstance(declared, Struct) and declared.kernel)


def unit_context(unit: Unit, captured: Captured, node: ast.expr) -> Struct | None:
    """The context type an annotation such as `bpf.XdpContext` names; None for anything else."""
    from pybpfc.frontend.contexts import uapi_struct

    cls = _class_named(captured, node)
    found = uapi_struct(cls.__bpf_context__) if cls is not None and issubclass(cls, Context) else None
    return unit.context(found, cls) if found is not None else None


def _class_named(captured: Captured, node: ast.expr | None) -> type | None:
    try:
        value = evaluate(captured, node) if node is not None else None
    except Exception:  # reported when the annotation itself is resolved
        return None
    return value if isinstance(value, type) else None


def _owner(captured: Captured) -> Struct | None:
    """The struct whose method this is, by the function's qualified name."""
    owner_name, _, _ = captured.function.__qualname__.rpartition(".")
    owner = captured.globals.get(owner_name)
    type = getattr(owner, "__bpf_type__", None)
    return type if isinstance(type, Struct) else None
