"""Debug information as LLVM metadata: what LLVM turns into `.BTF` and `.BTF.ext`.

Every argument is named and typed, every instruction has its Python line and column, and every file carries its
text, so that the kernel quotes Python even where no file is on disk.
"""

from __future__ import annotations

import os

from pybpfc.backend.core_access import UsedFields
from pybpfc.backend.maps import Attribute, map_attributes, record_type
from pybpfc.diagnostics.span import Span
from pybpfc.formats.spec import record_name
from pybpfc.ir.module import Function, GlobalVar, Linkage, MapDef, Module, OpsDef
from pybpfc.lang.kfuncs import KernelFunctionType
from pybpfc.lang.types import (
    CHAR,
    Array,
    Bool,
    Enum,
    Error,
    Field,
    Int,
    Pointer,
    Struct,
    Type,
    View,
    Void,
    align_of,
    size_of,
)

_C_NAMES = {
    (8, False): ("unsigned char", "DW_ATE_unsigned_char"),
    (16, False): ("unsigned short", "DW_ATE_unsigned"),
    (32, False): ("unsigned int", "DW_ATE_unsigned"),
    (64, False): ("unsigned long long", "DW_ATE_unsigned"),
    (8, True): ("signed char", "DW_ATE_signed_char"),
    (16, True): ("short", "DW_ATE_signed"),
    (32, True): ("int", "DW_ATE_signed"),
    (64, True): ("long long", "DW_ATE_signed"),
}


def quote(text: str) -> str:
    """Text as an LLVM string; names of files need not be text."""
    out: list[str] = []
    for byte in text.encode("utf-8", "surrogateescape"):
        out.append(chr(byte) if 32 <= byte < 127 and byte not in (34, 92) else f"\\{byte:02X}")
    return '"' + "".join(out) + '"'


class DebugInfo:
    """Numbers and collects metadata nodes; equal nodes are one."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.used = UsedFields(module)
        self.lines: list[str] = []
        self._count = 0
        self._known: dict[object, str] = {}
        self._structs: dict[int, str] = {}
        self._globals: list[str] = []
        self.unit = self._new()

    def _new(self) -> str:
        self._count += 1
        return f"!{self._count - 1}"

    def node(self, text: str, *, distinct: bool = False) -> str:
        """The reference of a node with this text."""
        if not distinct and text in self._known:
            return self._known[text]
        name = self._new()
        self.lines.append(f"{name} = {'distinct ' if distinct else ''}{text}")
        if not distinct:
            self._known[text] = name
        return name

    def file(self, path: str) -> str:
        """A source file, its text included."""
        source = self.module.sources.get(path)
        embedded = f", source: {quote(source)}" if source is not None else ""
        directory, name = os.path.split(path)
        return self.node(f"!DIFile(filename: {quote(name)}, directory: {quote(directory or '.')}{embedded})")

    def location(self, span: Span, scope: str) -> str:
        """A place in the source within a function."""
        return self.node(f"!DILocation(line: {span.line}, column: {span.column}, scope: {scope})")

    # --------------------------------------------------------------------------- types

    def type(self, type: Type) -> str:
        """A type's node; `null` for nothing."""
        match type:
            case Void() | Error():
                return "null"
            case Bool():
                return self._basic("_Bool", 8, "DW_ATE_boolean")
            case Int():
                name, encoding = _C_NAMES[type.bits, type.signed]
                base = self._basic(name, type.bits, encoding)
                if not type.big_endian:
                    return base
                return self.node(f'!DIDerivedType(tag: DW_TAG_typedef, name: "__be{type.bits}", baseType: {base})')
            case Enum():
                return self._enum(type)
            case Array():
                element = self._element(type)
                count = self.node(f"!{{{self.node(f'!DISubrange(count: {type.length})')}}}")
                size = size_of(type) * 8
                return self.node(
                    f"!DICompositeType(tag: DW_TAG_array_type, baseType: {element}, size: {size}, elements: {count})"
                )
            case Pointer():
                return self._pointer(self.type(type.to))
            case Struct():
                return self._struct(type)

    def _basic(self, name: str, bits: int, encoding: str) -> str:
        return self.node(f'!DIBasicType(name: "{name}", size: {bits}, encoding: {encoding})')

    def _element(self, type: Array) -> str:
        if type.view is View.STR and type.element == CHAR:
            return self._basic("char", 8, "DW_ATE_signed_char")
        return self.type(type.element)

    def _pointer(self, base: str) -> str:
        return self.node(f"!DIDerivedType(tag: DW_TAG_pointer_type, baseType: {base}, size: 64)")

    def _enum(self, type: Enum) -> str:
        unsigned = "" if type.underlying.signed else ", isUnsigned: true"
        members = [self.node(f"!DIEnumerator(name: {quote(n)}, value: {v}{unsigned})") for n, v in type.members]
        elements = self.node(f"!{{{', '.join(members)}}}")
        return self.node(
            f"!DICompositeType(tag: DW_TAG_enumeration_type, name: {quote(type.name)}, "
            f"baseType: {self.type(type.underlying)}, size: {type.underlying.bits}, elements: {elements})"
        )

    def _struct(self, type: Struct) -> str:
        known = self._structs.get(id(type))
        if known is not None:
            return known
        name = self._structs[id(type)] = self._new()
        members = [self._member(f) for f in (self.used.of(type) if type.kernel else type.fields)]
        elements = self.node(f"!{{{', '.join(members)}}}")
        tag = "DW_TAG_union_type" if type.union else "DW_TAG_structure_type"
        self.lines.append(
            f"{name} = distinct !DICompositeType(tag: {tag}, name: {quote(type.name)}, "
            f"size: {type.size * 8}, align: {type.align * 8}, elements: {elements})"
        )
        return name

    def _member(self, f: Field) -> str:
        base = self.type(f.type)
        if f.bits is not None:
            offset = f.offset * 8 + f.bit_offset
            return self.node(
                f"!DIDerivedType(tag: DW_TAG_member, name: {quote(f.name)}, baseType: {base}, size: {f.bits}, "
                f"offset: {offset}, flags: DIFlagBitField, extraData: i64 {f.offset * 8})"
            )
        return self.node(
            f"!DIDerivedType(tag: DW_TAG_member, name: {quote(f.name)}, baseType: {base}, "
            f"size: {size_of(f.type) * 8}, offset: {f.offset * 8})"
        )

    # ----------------------------------------------------------------- functions, globals

    def function(self, function: Function) -> str:
        """A function's node, its parameters as retained nodes."""
        file = self.file(function.span.file)
        name = self._new()
        types = [self.type(function.result), *(self.type(p.type) for p in function.params)]
        signature = self.node(f"!DISubroutineType(types: {self.node('!{' + ', '.join(types) + '}')})")
        params = [
            self.node(
                f"!DILocalVariable(name: {quote(_c_name(p.name))}, arg: {i}, scope: {name}, file: {file}, "
                f"line: {p.span.line}, type: {self.type(p.type)})"
            )
            for i, p in enumerate(function.params, 1)
        ]
        retained = self.node(f"!{{{', '.join(params)}}}")
        flags = "DISPFlagDefinition | DISPFlagOptimized"
        if function.linkage is Linkage.STATIC:
            flags = f"DISPFlagLocalToUnit | {flags}"
        self.lines.append(
            f"{name} = distinct !DISubprogram(name: {quote(function.name)}, scope: {file}, file: {file}, "
            f"line: {function.span.line}, type: {signature}, scopeLine: {function.span.line}, "
            f"flags: DIFlagPrototyped, spFlags: {flags}, unit: {self.unit}, retainedNodes: {retained})"
        )
        return name

    def kernel_function(self, function: KernelFunctionType) -> str:
        """The node of a function that the kernel has."""
        types = [self.type(function.result), *(self.type(p.type) for p in function.params)]
        signature = self.node(f"!DISubroutineType(types: {self.node('!{' + ', '.join(types) + '}')})")
        file = self.file(self.module.file)
        return self.node(
            f"!DISubprogram(name: {quote(function.name)}, scope: {file}, file: {file}, line: 1, "
            f"type: {signature}, flags: DIFlagPrototyped, spFlags: DISPFlagOptimized)"
        )

    def variable(self, name: str, type: str, span: Span, *, defined: bool = True) -> str:
        """A global variable's node."""
        file = self.file(span.file)
        variable = self.node(
            f"!DIGlobalVariable(name: {quote(name)}, scope: {self.unit}, file: {file}, line: {span.line}, "
            f"type: {type}, isLocal: false, isDefinition: {'true' if defined else 'false'})",
            distinct=True,
        )
        expression = self.node(f"!DIGlobalVariableExpression(var: {variable}, expr: !DIExpression())")
        if defined:
            self._globals.append(expression)
        return expression

    def global_variable(self, variable: GlobalVar) -> str:
        """The node of a user's global; constants are `const volatile`, as their values are set before load."""
        base = self.type(variable.type)
        if variable.section == ".rodata":
            base = self.node(f"!DIDerivedType(tag: DW_TAG_volatile_type, baseType: {base})")
            base = self.node(f"!DIDerivedType(tag: DW_TAG_const_type, baseType: {base})")
        elif variable.section == ".ksyms":
            base = self.node(f"!DIDerivedType(tag: DW_TAG_const_type, baseType: {base})")
        return self.variable(variable.name, base, variable.span, defined=not variable.external)

    def struct_ops(self, ops: OpsDef) -> str:
        """The node of a struct of operations: the members that are set, functions as pointers to some function."""
        function = self._pointer(self.node(f"!DISubroutineType(types: {self.node('!{null}')})"))
        members: list[str] = []
        end, widest = 0, 8
        for member in ops.members:
            size, align = (8, 8) if member.type is None else (size_of(member.type), align_of(member.type))
            at, widest = -(-end // align) * align, max(widest, align)
            base = function if member.type is None else self.type(member.type)
            members.append(
                self.node(
                    f"!DIDerivedType(tag: DW_TAG_member, name: {quote(member.name)}, baseType: {base}, "
                    f"size: {size * 8}, offset: {at * 8})"
                )
            )
            end = at + size
        size, elements = -(-end // widest) * widest, self.node(f"!{{{', '.join(members)}}}")
        struct = self.node(
            f"!DICompositeType(tag: DW_TAG_structure_type, name: {quote(ops.struct)}, size: {size * 8}, "
            f"elements: {elements})",
            distinct=True,
        )
        return self.variable(ops.name, struct, ops.span)

    def license(self, length: int) -> str:
        """The node of the licence's text."""
        return self.variable("_license", self.type(Array(CHAR, length, View.STR)), Span(self.module.file, 1, 1, 1, 1))

    def map(self, map: MapDef, attributes: list[tuple[str, Attribute]]) -> str:
        """The node of a map: a struct of pointers, in libbpf's idiom."""
        return self.variable(map.name, self._definition(map, attributes), map.span)

    def _definition(self, map: MapDef, attributes: list[tuple[str, Attribute]]) -> str:
        members: list[str] = []
        for index, (name, value) in enumerate(attributes):
            size = 64
            if isinstance(value, int):
                element = self._record(map) if name == "type" else None
                base = self._pointer(self._counted(value, element))
            elif isinstance(value, MapDef):
                inner = self._pointer(self._definition(value, map_attributes(value)))
                base, size = self._counted(0, (inner, 8)), 0
            else:
                base = self._pointer(self.type(value))
            members.append(
                self.node(
                    f"!DIDerivedType(tag: DW_TAG_member, name: {quote(name)}, baseType: {base}, "
                    f"size: {size}, offset: {index * 64})"
                )
            )
        elements = self.node(f"!{{{', '.join(members)}}}")
        size = 64 * sum(not isinstance(value, MapDef) for _, value in attributes)
        return self.node(
            f"!DICompositeType(tag: DW_TAG_structure_type, size: {size}, elements: {elements})", distinct=True
        )

    def _counted(self, number: int, element: tuple[str, int] | None) -> str:
        """A number as libbpf writes it: an array of so many elements, whatever they are."""
        node, size = element or (self._basic("int", 32, "DW_ATE_signed"), 4)
        subrange = self.node(f"!{{{self.node(f'!DISubrange(count: {number})')}}}")
        return self.node(
            f"!DICompositeType(tag: DW_TAG_array_type, baseType: {node}, "
            f"size: {8 * size * number}, elements: {subrange})"
        )

    def _record(self, map: MapDef) -> tuple[str, int] | None:
        """A buffer's records under their name, and their size."""
        record = record_type(map)
        if record is None:
            return None
        name = quote(record_name(map.name))
        typedef = self.node(f"!DIDerivedType(tag: DW_TAG_typedef, name: {name}, baseType: {self.type(record)})")
        return typedef, size_of(record)

    def finish(self) -> list[str]:
        """All metadata, the compile unit and the module flags included."""
        file = self.file(self.module.file)
        globals = self.node(f"!{{{', '.join(self._globals)}}}")
        self.lines.append(
            f'{self.unit} = distinct !DICompileUnit(language: DW_LANG_C11, file: {file}, producer: "pybpfc", '
            f"isOptimized: true, runtimeVersion: 0, emissionKind: FullDebug, "
            f"nameTableKind: None, globals: {globals})"
        )
        flags = [self.node('!{i32 7, !"Dwarf Version", i32 5}'), self.node('!{i32 2, !"Debug Info Version", i32 3}')]
        named = [f"!llvm.dbg.cu = !{{{self.unit}}}", f"!llvm.module.flags = !{{{', '.join(flags)}}}"]
        return [*named, *self.lines]


def _c_name(name: str) -> str:
    """BTF accepts C identifiers only."""
    return name.replace(".", "_") or "_"
