"""Programs that take their hook's arguments as parameters, not the context: `@bpf.kprobe("vfs_read") def f(file, buf)`.

The program itself still gets its context; each parameter that is used is read from there at its beginning.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from pybpfc.abi.contexts import MACHINE, registers
from pybpfc.abi.program_types import result_rule
from pybpfc.abi.usdt import BY_ADDRESS, SPECS
from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.capture import Captured
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.contexts import ContextType
from pybpfc.frontend.prototypes import Prototype, iterator_fields, kernel_prototype, syscall_prototype, types_are_known
from pybpfc.frontend.signatures import annotation_type, evaluate
from pybpfc.lang.contexts import Context
from pybpfc.lang.types import (
    BOOL,
    I64,
    U32,
    U64,
    VOID,
    Array,
    Enum,
    Field,
    Int,
    Pointer,
    Space,
    Struct,
    Type,
    as_int,
    is_integer,
    is_kernel,
    is_scalar,
)
from pybpfc.records import frozen

if TYPE_CHECKING:
    from pybpfc.frontend.unit import Unit
    from pybpfc.lang.programs import Program

TYPED = frozenset({"tp_btf", "fentry", "fexit", "fmod_ret", "lsm", "lsm_cgroup", "struct_ops"})
"""Hooks whose context is an array of the arguments, with types that the verifier knows."""

PROBES = frozenset({"kprobe", "kretprobe", "kprobe_multi", "uprobe", "uretprobe", "uprobe_multi"})
"""Hooks whose context is the registers."""

SYSCALLS = frozenset({"ksyscall", "kretsyscall"})
RETURNS = frozenset({"kretprobe", "uretprobe", "kretsyscall"})
WITH_RESULT = frozenset({"fexit", "fmod_ret", "lsm"})
"""Hooks whose programs may take the function's result, or that of the programs before, as a last argument `ret`."""

HOOKS = TYPED | PROBES | SYSCALLS | {"raw_tracepoint", "iter", "usdt"}

OF_USER_SPACE = frozenset({"uprobe", "uretprobe", "uprobe_multi", "usdt"})

MAX_ARGUMENTS = 12
_IN_REGISTERS = {
    "x86_64": ("di", "si", "dx", "cx", "r8", "r9"),
    "aarch64": tuple(f"x{number}" for number in range(8)),
}
_OF_SYSCALLS = {"x86_64": ("di", "si", "dx", "r10", "r8", "r9"), "aarch64": tuple(f"x{n}" for n in range(6))}
_RESULT = {"x86_64": "ax", "aarch64": "x0"}


@frozen
class Argument:
    """A parameter and where its value comes from: a member of the context, `indirect` through the registers there."""

    name: str
    type: Type
    node: ast.arg
    member: str
    indirect: bool = False


def takes_context(captured: Captured, program: Program[..., Any]) -> bool:
    """Whether a program takes its context, by its only or first parameter; one of entries and returns has to."""
    hook = program.hook
    arguments = [*captured.node.args.posonlyargs, *captured.node.args.args]
    if hook not in HOOKS or ".session" in program.section:
        return True
    if not arguments:
        return False
    first = arguments[0]
    if first.annotation is None:
        return len(arguments) == 1 and (first.arg.startswith("_") or first.arg in ("ctx", "context", "regs"))
    try:
        value = evaluate(captured, first.annotation)
    except Exception:  # reported when the annotation itself is resolved
        return len(arguments) == 1
    return value is Any or value is object or (isinstance(value, type) and issubclass(value, Context))


def _at_return(program: Program[..., Any]) -> bool:
    """Whether a program is called when a function returns, and gets its result alone."""
    return program.hook in RETURNS or program.section.startswith(("kretprobe.multi", "uretprobe.multi"))


def hook_context(unit: Unit, captured: Captured, program: Program[..., Any]) -> ContextType | None:
    """The context of a hook that the kernel's own types describe; None for other hooks."""
    if program.hook in TYPED:
        context = ContextType("tracing_args")
        members = tuple(Field(f"arg{i}", U64, 8 * i) for i in range(MAX_ARGUMENTS))
        context.set_layout((Field("args", Array(U64, MAX_ARGUMENTS), 0), *members), 8 * MAX_ARGUMENTS, 8)
        return context
    if program.hook == "iter":
        unit.note_kernel_types()
        found = iterator_fields(program.target, lambda name: unit.kernel_struct(captured, name))
        if found is None:
            where = captured.source.span(captured.node.decorator_list[0])
            unit.sink.emit(catalog.UnknownHookTarget("iterator", program.target).at(where))
            return None
        context = ContextType(f"bpf_iter__{program.target}")
        fields = tuple(Field(name, type, 8 * index) for index, (name, type) in enumerate(found.params))
        context.set_layout(fields, 8 * len(fields), 8)
        return context
    return None


def result_of_operation(program: Program[..., Any]) -> Type | None:
    """What a function of a struct of operations gives, as a number; `VOID` for nothing, None where it is not known."""
    found = kernel_prototype(program.hook, f"{program.target}.{program.options['member']}", lambda _: None)
    if found is None or found.result in (VOID, BOOL):
        return found.result if found is not None else None
    return as_int(found.result) if is_scalar(found.result) and not isinstance(found.result, Pointer) else U64


def note_tables(unit: Unit) -> None:
    """A program of statically defined probes brings the tables that loaders fill."""
    from pybpfc.stdlib import usdt

    for name in (SPECS, BY_ADDRESS):
        unit.map_def(vars(usdt)[name], name, vars(usdt))


def bind_arguments(c: FunctionChecker, program: Program[..., Any], context: t.Variable) -> list[t.Stmt] | None:
    """Give the parameters their values; None after a diagnostic."""
    arguments = _arguments(c, program, context)
    if arguments is None:
        return None
    used = {node.id for node in ast.walk(c.node) if isinstance(node, ast.Name)}
    bound = [_bind(c, argument, context) for argument in arguments if argument.name in used]
    rule = result_rule(program.section)
    if program.hook == "lsm" and rule.min is not None and rule.max is not None:
        for variable in (statement.variable for statement in bound if isinstance(statement, t.Bind)):
            if variable.name == "ret":  # the program before has kept to the rule, and the verifier knows
                c.require_flow().limit(variable, rule.min, rule.max)
    return bound


def _arguments(c: FunctionChecker, program: Program[..., Any], context: t.Variable) -> list[Argument] | None:
    if c.captured.node.args.vararg or c.captured.node.args.kwarg or c.captured.node.args.defaults:
        reason = "the parameters of a program are its hook's arguments, each by its name"
        c.error(catalog.ProgramSignature(program.name, reason), c.captured.source.header_span(c.captured.node))
        return None
    nodes = [*c.captured.node.args.posonlyargs, *c.captured.node.args.args, *c.captured.node.args.kwonlyargs]
    if program.hook == "struct_ops" and nodes and nodes[0].arg == "self" and "." in c.captured.function.__qualname__:
        nodes = nodes[1:]  # a method of the class that stands for the struct
    open_types = any(node.annotation is None for node in nodes)
    prototype = _prototype(c, program) if open_types or program.hook in WITH_RESULT else None
    if program.hook == "iter":
        return _by_name(c, nodes, context)
    out: list[Argument] = []
    for index, node in enumerate(nodes):
        place = _place(c, program, node, index, len(nodes), prototype)
        type = _type(c, program, node, index, prototype) if place is not None else None
        if place is None or type is None:
            return None
        out.append(Argument(node.arg, type, node, *place))
    return out


def _prototype(c: FunctionChecker, program: Program[..., Any]) -> Prototype | None:
    if program.hook == "ksyscall":
        return syscall_prototype(program.target)
    if program.hook in OF_USER_SPACE | {"kretsyscall"}:
        return None
    c.unit.note_kernel_types()
    target = program.target if program.hook != "struct_ops" else f"{program.target}.{program.options['member']}"
    found = kernel_prototype(program.hook, target, lambda name: c.unit.kernel_struct(c.captured, name))
    if found is None and program.hook in TYPED and types_are_known():
        _missing(c, program.hook, program.target)
    return found


_KINDS = {"tp_btf": "tracepoint", "lsm": "LSM hook", "lsm_cgroup": "LSM hook"}


def _missing(c: FunctionChecker, hook: str, target: str) -> None:
    words = target.split("_")
    pattern = "_".join(words[: max(1, len(words) // 2)]) + "*"
    span = c.captured.source.span(c.captured.node.decorator_list[0])
    listed = {"lsm_cgroup": "lsm", "fexit": "fentry", "fmod_ret": "fentry"}.get(hook, hook)
    c.emit(catalog.MissingHookTarget(_KINDS.get(hook, "function"), target, listed, pattern).at(span))


def _place(
    c: FunctionChecker, program: Program[..., Any], node: ast.arg, index: int, count: int, prototype: Prototype | None
) -> tuple[str, bool] | None:
    """The context's member that an argument is in, and whether the registers there are only pointed to."""
    hook, span = program.hook, c.captured.source.span(node)
    known = len(prototype.params) if prototype is not None else None
    if _at_return(program):
        if index:
            c.error(catalog.ProgramSignature(program.name, f"a `{hook}` program takes the result alone"), span)
            return None
        return _RESULT[MACHINE], False
    is_result = hook in WITH_RESULT and node.arg == "ret" and index == count - 1
    if is_result and prototype is not None and prototype.result == VOID:
        c.error(catalog.ProgramSignature(program.name, f"`{program.target}` has no result"), span)
        return None
    if is_result and known is not None:
        index = known
    elif known is not None and index >= known:
        c.error(catalog.ProgramSignature(program.name, f"`{program.target}` has {known} arguments"), span)
        return None
    if prototype is not None and prototype.words:
        index = prototype.words[index]
    if hook in TYPED:
        most, member = MAX_ARGUMENTS, f"arg{index}"
    elif hook == "usdt":
        most, member = MAX_ARGUMENTS, str(index)
    elif hook == "raw_tracepoint":
        most, member = MAX_ARGUMENTS, f"args{index}"
    else:
        names = (_OF_SYSCALLS if hook in SYSCALLS else _IN_REGISTERS)[MACHINE]
        most, member = len(names), names[index] if index < len(names) else ""
    if index >= most:
        c.error(catalog.ProgramSignature(program.name, f"a program sees {most} arguments at most"), span)
        return None
    return member, hook in SYSCALLS


def _type(
    c: FunctionChecker, program: Program[..., Any], node: ast.arg, index: int, prototype: Prototype | None
) -> Type | None:
    """A parameter's type: as annotated, else as the kernel says, else u64."""
    typed = program.hook in TYPED
    if node.annotation is None:
        if prototype is None:
            return I64 if _at_return(program) else U64
        is_result = _at_return(program) or (program.hook in WITH_RESULT and node.arg == "ret")
        type = prototype.result if is_result else prototype.params[index][1]
        if type == VOID:
            return U64
        return (
            Pointer(type.to, Space.KERNEL)
            if isinstance(type, Pointer) and not typed and type.space is Space.BTF
            else type
        )
    with c.reporting():
        found = annotation_type(c.unit, c.captured, node.annotation)
    if found is None:
        return None
    space = Space.USER if program.hook in OF_USER_SPACE else Space.BTF if typed else Space.KERNEL
    if isinstance(found, Struct):
        return Pointer(found, space if is_kernel(found) else Space.USER if space is Space.USER else Space.KERNEL)
    if isinstance(found, Pointer):
        if found.space is Space.USER:
            return found
        kernel = Space.KERNEL if not is_kernel(found.to) else space
        return Pointer(found.to, Space.USER if space is Space.USER else kernel, found.nullable)
    if not is_scalar(found):
        c.error(catalog.ProgramSignature(program.name, f"an argument cannot be `{found}`"), node.annotation)
        return None
    return found.host if isinstance(found, Int) else found


def _by_name(c: FunctionChecker, nodes: list[ast.arg], context: t.Variable) -> list[Argument] | None:
    """The parameters of an iterator: fields of its context."""
    struct = context.type.to if isinstance(context.type, Pointer) else None
    assert isinstance(struct, ContextType)
    out: list[Argument] = []
    for node in nodes:
        field = struct.find(node.arg)
        if field is None:
            helps = catalog.did_you_mean(node.arg, struct.by_name, c.captured.source.span(node))
            c.error(catalog.UnknownContextField(struct.name, node.arg), c.captured.source.span(node), helps=helps)
            return None
        type: Type | None = field.type
        if node.annotation is not None and isinstance(type, Pointer):
            with c.reporting():
                given = annotation_type(c.unit, c.captured, node.annotation)
            if given is None:
                return None
            to = given.to if isinstance(given, Pointer) else given
            type = Pointer(to, type.space, type.nullable) if is_kernel(to) else type
        assert type is not None
        out.append(Argument(node.arg, type, node, node.arg))
    return out


# -------------------------------------------------------------------------------------- values


def _bind(c: FunctionChecker, argument: Argument, context: t.Variable) -> t.Stmt:
    span = c.captured.source.span(argument.node)
    variable = c.declare(argument.name, argument.type, span)
    variable.trusted = isinstance(argument.type, Pointer) and not argument.type.nullable
    if c.program is not None and c.program.section.startswith("usdt"):
        value = _from_table(c, argument, context)
    else:
        value = (_indirect if argument.indirect else _direct)(argument, context)
    c.require_flow().bind(variable)
    return t.Bind(span, variable, _converted(value, argument.type))


def _direct(argument: Argument, context: t.Variable) -> t.Expr:
    span = context.span
    base = t.ReadVariable(span, context.type, context)
    struct = context.type.to if isinstance(context.type, Pointer) else None
    assert isinstance(struct, ContextType)
    field = struct.find(argument.member)
    if field is None:  # `args3` of a raw tracepoint
        return t.ContextMember(span, U64, base, "args", 8 * int(argument.member.removeprefix("args")))
    return t.ContextMember(span, field.type, base, field.name, field.offset)


def _indirect(argument: Argument, context: t.Variable) -> t.Expr:
    """An argument of a system call: the kernel passes its function one pointer, to the caller's registers."""
    span = context.span
    base = t.ReadVariable(span, context.type, context)
    struct = context.type.to if isinstance(context.type, Pointer) else None
    assert isinstance(struct, ContextType)
    first = struct.find(_IN_REGISTERS[MACHINE][0])
    assert first is not None
    outer = t.ContextMember(span, U64, base, first.name, first.offset)
    saved = next(f for f in registers(MACHINE).fields if f.name == argument.member)
    place = Pointer(U64, Space.KERNEL)
    index = t.Literal(span, I64, saved.offset // 8)
    return t.Element(span, U64, t.Convert(span, place, outer), index, through_pointer=True)


def _from_table(c: FunctionChecker, argument: Argument, context: t.Variable) -> t.Expr:
    """An argument of a statically defined probe: where it is stands in tables, one for each place of the probe."""
    from pybpfc.frontend.check.functions import check_instance
    from pybpfc.stdlib import usdt

    span = context.span
    number = t.Literal(span, U32, int(argument.member))
    key = c.unit.request(usdt.argument, c.captured.source.span(argument.node), c.caller, ())
    check_instance(c.unit, key)
    return t.CallFunction(span, U64, key, (t.ReadVariable(span, context.type, context), number))


def _converted(value: t.Expr, to: Type) -> t.Expr:
    """An argument of 64 bits, or a field of an iterator, as its type."""
    if value.type == to:
        return value
    if isinstance(to, Pointer) and isinstance(value.type, Pointer):
        return t.Convert(value.span, to, value)
    if to == BOOL:
        return t.Truth(value.span, BOOL, t.Convert(value.span, Int(8, False), value, explicit=True))
    if isinstance(to, Enum):
        return t.Convert(value.span, to, t.Convert(value.span, as_int(to), value, explicit=True), explicit=True)
    return t.Convert(value.span, to, value, explicit=is_integer(to))
