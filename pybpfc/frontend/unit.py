"""One compilation unit: what a module's programs reach, found by following names.

The unit starts from the module's programs and maps; checking a function asks for the symbols it
names, and each function asked for is checked in turn.
"""

from __future__ import annotations

import ast
import enum
import functools
import importlib
import itertools
import os
from collections.abc import Mapping
from types import FunctionType, ModuleType
from typing import Any

from pybpfc.abi.helpers import HELPERS, Helper
from pybpfc.abi.program_types import GPL_COMPATIBLE
from pybpfc.diagnostics import catalog
from pybpfc.diagnostics.errors import LoadError
from pybpfc.diagnostics.sink import DiagnosticSink
from pybpfc.diagnostics.source import SourceMap
from pybpfc.diagnostics.span import Span, line_start
from pybpfc.frontend import symbols as s
from pybpfc.frontend.capture import AsyncFunction, Captured, FileCache, SourceChanged, SourceNotFound
from pybpfc.frontend.containers import constant_container
from pybpfc.frontend.contexts import ContextType
from pybpfc.frontend.inner_maps import InnerMap
from pybpfc.frontend.instances import instance_name, specialise
from pybpfc.frontend.signatures import function_formals, function_signature, is_generic
from pybpfc.frontend.typed_ast import FunctionKey, TFunction
from pybpfc.ir.module import GlobalVar, Initial, MapDef
from pybpfc.lang.annotations import resolve, split_global
from pybpfc.lang.contexts import Context
from pybpfc.lang.errors import AnnotationError, DeclarationError
from pybpfc.lang.fingerprint import VMLINUX, Dependencies, fingerprint
from pybpfc.lang.functions import Function, Intrinsic, Kfunc
from pybpfc.lang.generated import value_of
from pybpfc.lang.kernel_names import KernelFunction
from pybpfc.lang.kfuncs import KernelFunctionType
from pybpfc.lang.maps import BpfMap, MapDeclaration
from pybpfc.lang.programs import Program
from pybpfc.lang.struct_ops import StructOps
from pybpfc.lang.types import ERROR, Array, Struct, Type, is_integer
from pybpfc.records import define, field


@define
class Effects:
    """What callers of a checked function have to know: the bounds of its result, and the call that moves packets.

    `tail_call` is where it makes one; `stale_params` are the parameters that it uses after packets may have moved:
    where, behind which call, and the helper. `map_values` are those that have to lead to a map's value, and where;
    `indexed` those whose arrays are indexed at run time.
    """

    result: tuple[int, int] | None = None
    moves_packet: tuple[Span, str] | None = None
    tail_call: Span | None = None
    stale_params: dict[int, tuple[Span, Span, str]] = field(default_factory=dict)
    map_values: dict[int, Span] = field(default_factory=dict)
    indexed: dict[int, Span] = field(default_factory=dict)


@define
class Unit:
    """What is known of the module being compiled.

    `sparing` units leave loops to `bpf_loop` early, as a program of theirs is heavy for the verifier.
    """

    name: str
    file: str
    namespace: Mapping[str, Any]
    sink: DiagnosticSink
    license: str = "GPL"
    sparing: bool = False
    maps: dict[int, MapDef] = field(default_factory=dict)
    globals: dict[tuple[int, str], GlobalVar] = field(default_factory=dict)
    requests: dict[tuple[int, s.TypeArguments], FunctionKey] = field(default_factory=dict)
    contexts: dict[str, ContextType] = field(default_factory=dict)
    views: dict[tuple[type, str], Struct] = field(default_factory=dict)
    checked: dict[str, TFunction | None] = field(default_factory=dict)
    effects: dict[str, Effects] = field(default_factory=dict)
    calls: dict[str, dict[str, Span]] = field(default_factory=dict)
    helper_calls: dict[str, list[tuple[Helper, Span]]] = field(default_factory=dict)
    desugared: list[ast.FunctionDef] = field(default_factory=list)
    used: dict[tuple[str, str], str] = field(default_factory=dict)
    complete: bool = True
    _formals: dict[int, tuple[s.Formal, ...] | None] = field(default_factory=dict)
    _signatures: dict[tuple[int, s.TypeArguments], s.Signature | None] = field(default_factory=dict)
    _captured: dict[int, Captured | None] = field(default_factory=dict)
    _inner_maps: dict[str, InnerMap] = field(default_factory=dict)
    _kernel_functions: dict[int, KernelFunctionType | catalog.ErrorClass | None] = field(default_factory=dict)
    _kernel_structs: dict[str, Struct | None] = field(default_factory=dict)

    @functools.cached_property
    def files(self) -> FileCache:
        """The parsed files."""
        return FileCache(self.sink.sources)

    @property
    def sources(self) -> SourceMap:
        """The texts behind spans."""
        return self.sink.sources

    @property
    def gpl_compatible(self) -> bool:
        """Whether the licence lets programs call GPL-only helpers."""
        return self.license in GPL_COMPATIBLE

    def no_span(self) -> Span:
        """The position of things that have none: the file's first line."""
        return Span(self.file, 1, 1, 1, 1)

    # --------------------------------------------------------------------------- names

    def symbol(self, captured: Captured, name: str) -> s.Symbol:
        """What a free name of a function stands for."""
        if name in captured.types:
            return self.classify(name, captured.types[name], captured.globals)
        if name not in captured.nonlocals:
            variable = self.global_variable(captured.globals, name)
            if variable is not None:
                return s.GlobalSymbol(variable)
        found, value = captured.lookup(name)
        if not found:
            return s.Undefined(name)
        self._note(captured, name, value)
        origin = self._imported_global(captured, name)
        return origin if origin is not None else self.classify(name, value, captured.globals)

    def _note(self, captured: Captured, name: str, value: Any) -> None:
        """Remember what this compilation depends on."""
        if name in captured.nonlocals:
            self.complete = False
        elif name in captured.globals:
            module = self.name if captured.globals is self.namespace else str(captured.globals.get("__name__", ""))
            self.used[module, name] = fingerprint(value)

    def dependencies(self) -> Dependencies:
        """The files and the live values that this unit was made from."""
        files = tuple(f for f in self.files.parsed if os.path.isabs(f))
        names = [(module, name, value) for (module, name), value in self.used.items()]
        for value, definition in self.maps_by_object():
            if self.namespace.get(definition.name) is value:
                names.append((self.name, definition.name, fingerprint(value)))
        return Dependencies(files, tuple(names), self.complete and len(files) == len(self.files.parsed))

    def maps_by_object(self) -> list[tuple[BpfMap, MapDef]]:
        """The live map objects with their definitions."""
        found = {id(v): v for v in self.namespace.values() if isinstance(v, BpfMap)}
        return [(found[key], definition) for key, definition in self.maps.items() if key in found]

    def member(self, base: s.Namespace, name: str) -> s.Symbol:
        """What `base.name` stands for."""
        if isinstance(base.value, ModuleType):
            variable = self.global_variable(vars(base.value), name)
            if variable is not None:
                return s.GlobalSymbol(variable)
        try:
            value = getattr(base.value, name)
        except AttributeError:
            return s.Undefined(name, base.name, tuple(n for n in dir(base.value) if not n.startswith("_")))
        namespace = vars(base.value) if isinstance(base.value, ModuleType) else {}
        if isinstance(base.value, ModuleType):
            self.used[base.value.__name__, name] = fingerprint(value)
        else:
            self.used[base.value.__module__, f"{base.value.__qualname__}.{name}"] = fingerprint(value)
        return self.classify(name, value, namespace)

    def classify(self, name: str, value: Any, namespace: Mapping[str, Any]) -> s.Symbol:
        """The meaning of a Python object in a BPF program."""
        match value:
            case enum.Enum() if isinstance(value.value, int):
                return s.ConstInt(int(value.value))
            case int():
                return s.ConstInt(int(value))
            case str():
                return s.ConstText(value.encode(), True)
            case bytes():
                return s.ConstText(value, False)
            case None:
                return s.NoneSymbol()
            case tuple() | list() | range() | set() | frozenset() | dict():
                return constant_container(name, value) or s.Foreign(name, value)
            case BpfMap():
                return s.MapSymbol(self.map_def(value, name, namespace))
            case Function():
                return s.FunctionSymbol(value)
            case Intrinsic():
                return s.IntrinsicSymbol(value.name)
            case ModuleType():
                return s.Namespace(value, name)
            case FunctionType() if value.__module__ == "pybpfc.helpers" and value.__name__ in HELPERS:
                return s.HelperSymbol(HELPERS[value.__name__])
            case type():
                return self._classify_type(name, value)
        if getattr(value, "__module__", "") == "builtins" and name in s.BUILTINS:
            return s.BuiltinSymbol(name)
        return s.Foreign(name, value)

    def _classify_type(self, name: str, value: type) -> s.Symbol:
        if value in (bool, int, range, enumerate, zip, reversed):
            return s.BuiltinSymbol(value.__name__)
        if issubclass(value, enum.Enum):
            return s.Namespace(value, name)
        try:
            return s.TypeSymbol(resolve(value))
        except AnnotationError:
            return s.Foreign(name, value)

    def _imported_global(self, captured: Captured, name: str) -> s.GlobalSymbol | None:
        """A global variable of another module taken by `from module import name`."""
        import sys

        for node in captured.source.imports:
            for alias in node.names:
                if (alias.asname or alias.name) == name and node.module is not None and node.level == 0:
                    module = sys.modules.get(node.module)
                    variable = self.global_variable(vars(module), alias.name) if module is not None else None
                    if variable is not None:
                        return s.GlobalSymbol(variable)
        return None

    def kernel_struct(self, captured: Captured, name: str) -> Struct | None:
        """The declaration of a kernel struct that a function sees, by the kernel's name."""
        if name not in self._kernel_structs:
            self._kernel_structs[name] = None
            for visible, value in (*captured.nonlocals.items(), *captured.globals.items()):
                try:
                    found = getattr(value, "__bpf_type__", None) if isinstance(value, type) else None
                except AnnotationError:
                    continue  # reported where it is used
                if isinstance(found, Struct) and found.kernel and found.kernel_name == name:
                    self._note(captured, visible, value)
                    self._kernel_structs[name] = found
                    break
        return self._kernel_structs[name]

    def kernel_function(self, value: Kfunc | KernelFunction) -> KernelFunctionType | catalog.ErrorClass | None:
        """How a kernel function is called; the mistake of naming one that is not known, None after a diagnostic."""
        from pybpfc.frontend.kfuncs import function_type

        if id(value) not in self._kernel_functions:
            self._kernel_functions[id(value)] = function_type(self, value)
        return self._kernel_functions[id(value)]

    def note_kernel_types(self) -> None:
        """Remember that this compilation depends on the kernel's types, besides those that the program names."""
        try:
            known = fingerprint(importlib.import_module(VMLINUX).task_struct)
        except (AttributeError, LoadError):
            self.complete = False
        else:
            self.used[VMLINUX, "task_struct"] = known

    def context(self, found: ContextType, python: type[Context] | None) -> ContextType:
        """The one type that stands for a context everywhere in this unit; `python` is the class of its annotations."""
        known = self.contexts.setdefault(found.name, found)
        known.python = python
        return known

    # -------------------------------------------------------------------- maps, globals

    def map_def(self, value: BpfMap, name: str, namespace: Mapping[str, Any]) -> MapDef:
        """The definition of a map, named by the variable that holds it."""
        if id(value) not in self.maps:
            bound = [n for n, v in (*namespace.items(), *self.namespace.items()) if v is value]
            chosen = bound[0] if bound else name
            clash = next((m for m in self.maps.values() if m.name == chosen), None)
            if clash is not None:
                self.sink.emit(catalog.DuplicateName(chosen).at(self.binding_span(chosen)))
            self.maps[id(value)] = MapDef(chosen, self._declaration(value, chosen), self.binding_span(chosen))
        return self.maps[id(value)]

    def inner_map(self, outer: MapDef) -> InnerMap:
        """The type of the maps in a map of maps; always the same for one map."""
        return self._inner_maps.setdefault(outer.name, InnerMap(outer))

    def _declaration(self, value: BpfMap, name: str) -> MapDeclaration:
        """What a map is created from; one that absorbs follow-up errors after a diagnostic."""
        try:
            return value.declaration
        except DeclarationError as error:
            helps = [error.remedy] if error.remedy else []
            self.sink.emit(catalog.InvalidMap(name, error.message).at(self.binding_span(name), helps=helps))
            return MapDeclaration(type(value).type_name or "BPF_MAP_TYPE_HASH", ERROR, ERROR, 1)

    def binding_span(self, name: str) -> Span:
        """Where a module-level name is bound in the unit's file."""
        try:
            parsed = self.files.parse(self.file)
        except SourceNotFound:
            return self.no_span()
        for node in parsed.tree.body:
            targets = (
                node.targets
                if isinstance(node, ast.Assign)
                else [node.target]
                if isinstance(node, ast.AnnAssign)
                else []
            )
            if any(isinstance(target, ast.Name) and target.id == name for target in targets):
                return parsed.span(node)
        return self.no_span()

    def global_variable(self, namespace: Mapping[str, Any], name: str) -> GlobalVar | None:
        """The global variable that a module-level annotated name declares."""
        key = (id(namespace), name)
        if key in self.globals:
            return self.globals[key]
        annotation = namespace.get("__annotations__", {}).get(name)
        if annotation is None:
            return None
        try:
            if isinstance(annotation, str):
                annotation = value_of(annotation, namespace)
            kind, inner = split_global(annotation)
            if kind is None:
                return None
            type = resolve(inner)
        except AnnotationError as error:
            self.sink.emit(catalog.GlobalType(name, str(error)).at(self.binding_span(name)))
            return None
        except (NameError, SyntaxError, TypeError, AttributeError):
            return None
        variable = self._declare_global(namespace, name, kind, type)
        self.globals[key] = variable
        return variable

    def kernel_symbol(self, name: str, type: Type, weak: bool, span: Span) -> GlobalVar | None:
        """A variable or function of the kernel by name; None where it is taken otherwise elsewhere."""
        key = (0, f".ksyms {name}")
        found = self.globals.setdefault(key, GlobalVar(name, type, ".ksyms", None, span, weak=weak))
        return found if (found.type, found.weak) == (type, weak) else None

    def kernel_value(self, name: str, type: Type, span: Span) -> GlobalVar | None:
        """A build option of the kernel as a variable that the loader fills in; None where it has another type."""
        key = (0, f".kconfig {name}")
        found = self.globals.setdefault(key, GlobalVar(name, type, ".kconfig", None, span))
        return found if found.type == type else None

    def constant_array(self, name: str, type: Array, values: Initial, span: Span) -> GlobalVar:
        """Constants in the object's read-only data, under a name that no symbol of the user's has."""
        key = (0, f"{name} {type} {values!r}")
        if key not in self.globals:
            taken = {variable.name for variable in self.globals.values()}
            number = next(n for n in itertools.count() if f".const.{name}.{n}" not in taken)
            self.globals[key] = GlobalVar(f".const.{name}.{number}", type, ".rodata", values, span, exported=False)
        return self.globals[key]

    def _declare_global(self, namespace: Mapping[str, Any], name: str, kind: str, type: Type) -> GlobalVar:
        value = namespace.get(name, 0)
        span = self.binding_span(name)
        initial = self._initial(name, type, value, span)
        empty = initial in (None, 0) or (isinstance(initial, bytes) and not any(initial))
        section = ".rodata" if kind == "const" else ".bss" if empty else ".data"
        if any(v.name == name for v in self.globals.values()):
            self.sink.emit(catalog.DuplicateName(name).at(span))
        return GlobalVar(name, type, section, initial, span)

    def _initial(self, name: str, type: Type, value: Any, span: Span) -> Initial:
        from pybpfc.lang.codec import CodecError, codec_for

        if is_integer(type) and isinstance(value, int):
            from pybpfc.frontend.check.numbers import fits

            if fits(int(value), type):
                return int(value)
            self.sink.emit(catalog.GlobalType(name, f"{int(value)} is outside `{type}`").at(span))
            return 0
        if (
            isinstance(type, Array | Struct)
            and not value
            and not isinstance(value, type.cls if isinstance(type, Struct) and type.cls else ())
        ):
            return None
        try:
            return codec_for(type).encode(value)
        except CodecError as error:
            self.sink.emit(catalog.GlobalType(name, str(error)).at(span))
            return None

    # ------------------------------------------------------------------------ functions

    def capture(self, function: Any, where: Span | None = None) -> Captured | None:
        """The source of a program or function; None after a diagnostic."""
        wrapped = function.__wrapped__
        key = id(wrapped)
        if key not in self._captured:
            try:
                self._captured[key] = self.files.capture(wrapped)
            except AsyncFunction as error:
                self._captured[key] = None
                self.sink.emit(catalog.AsyncCode().at(error.span))
            except SourceChanged as error:
                self._captured[key] = None
                self.sink.emit(catalog.SourceChanged(function.name).at(error.span))
            except SourceNotFound:
                self._captured[key] = None
                code = getattr(wrapped, "__code__", None)
                defined = line_start(code.co_filename, code.co_firstlineno) if code is not None else self.no_span()
                self.sink.emit(catalog.NoSource(function.name).at(where or defined))
        return self._captured[key]

    def formals(self, function: Any) -> tuple[s.Formal, ...] | None:
        """A function's parameters as they are written; None after a diagnostic."""
        key = id(function)
        if key not in self._formals:
            captured = self.capture(function)
            self._formals[key] = function_formals(self, captured) if captured is not None else None
        return self._formals[key]

    def instance(self, function: Any, types: s.TypeArguments) -> Captured | None:
        """The source of a function with its `type[T]` parameters given; None after a diagnostic."""
        captured, formals = self.capture(function), self.formals(function)
        if captured is None or formals is None:
            return None
        return specialise(captured, formals, types) if types else captured

    def signature(self, function: Any, types: s.TypeArguments = ()) -> s.Signature | None:
        """What a function, or the instance for these types, takes and gives; None after a diagnostic."""
        key = (id(function), types)
        if key not in self._signatures:
            captured, formals, found = self.instance(function, types), self.formals(function), None
            if captured is not None and formals is not None:
                found = function_signature(self, captured, formals, bool(function.exported))
            self._signatures[key] = found
        return self._signatures[key]

    def request(self, function: Any, span: Span, caller: str, types: s.TypeArguments = ()) -> FunctionKey:
        """Note that `caller` calls a function."""
        key = self._requested(function, types)
        self.calls.setdefault(caller, {}).setdefault(key.name, span)
        return key

    def require(self, function: Any) -> FunctionKey | None:
        """The key of a function that nothing calls; None after a diagnostic, and for one with `type[T]` parameters."""
        formals = self.formals(function)
        if formals is None or is_generic(formals):
            return None
        signature = self.signature(function)
        return self._requested(function, ()) if signature is not None else None

    def _requested(self, function: Any, types: s.TypeArguments) -> FunctionKey:
        key = (id(function), types)
        if key not in self.requests:
            name = self._unique(instance_name(function.name, types))
            self.requests[key] = FunctionKey(function, name, types)
        return self.requests[key]

    def _unique(self, name: str) -> str:
        taken = {key.name for key in self.requests.values()} | self._program_names
        candidate, number = name, 1
        while candidate in taken:
            number += 1
            candidate = f"{name}_{number}"
        return candidate

    @functools.cached_property
    def _program_names(self) -> set[str]:
        values = list(self.namespace.values())
        members = (p for v in values if isinstance(v, StructOps) for p in v.programs.values())
        return {p.name for p in (*values, *members) if isinstance(p, Program)}

    def method(self, cls: type, name: str) -> s.FunctionSymbol | None:
        """A struct's method as a function of the language."""
        value = cls.__dict__.get(name)
        if isinstance(value, Function):
            return s.FunctionSymbol(value)
        if isinstance(value, FunctionType) and not name.startswith("_"):
            known = _METHODS.get(value)
            if known is None:
                known = _METHODS[value] = Function(value)
            return s.FunctionSymbol(known)
        return None


_METHODS: dict[FunctionType, Function[..., Any]] = {}
