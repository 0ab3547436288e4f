"""Types of the kernel as types of the language: from BTF, or declared by hand with `@bpf.kernel_struct`.

A `KernelStruct` is a `Struct` with `kernel` set whose fields are converted when they are asked for, so that nothing is
read of what a type only points to. Both sources give the same: what differs is that a declaration knows the fields
used and no others, and that its offsets are its own, not the kernel's.

`KernelTypes` converts the types of one BTF. As in declarations, a pointer to a struct is `Pointer(KernelStruct, …)`
and a struct that lies within is the `KernelStruct` itself. Equal ids give the same object.
"""

from __future__ import annotations

import functools
import keyword
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pybpfc.formats.btf import Btf, BtfMember, BtfType
from pybpfc.formats.errors import BadBtf
from pybpfc.lang.types import (
    BE16,
    BE32,
    BE64,
    BOOL,
    CHAR,
    U8,
    VOID,
    Array,
    Enum,
    Field,
    Int,
    Pointer,
    Space,
    Struct,
    Type,
    View,
    size_of,
)
from pybpfc.records import frozen, replace

_BIG_ENDIAN = {"__be16": BE16, "__be32": BE32, "__be64": BE64}
_DEPTH = 64


@frozen
class KernelField(Field):
    """A field of a kernel struct, anonymous structs and unions around it looked through.

    `offset`, `bits` and `bit_offset` count from the start of the struct that it was found in. `path` are the member
    indices that lead to it in that struct, as CO-RE's access strings want them after the first index. `tags` are the
    kernel's marks of a pointer: `rcu`, `user`, `percpu`. `type_id` is the field's type in BTF, 0 in declarations.
    """

    path: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    type_id: int = 0

    @property
    def bit_position(self) -> int:
        """Where it begins, in bits from the start of the struct."""
        return self.offset * 8 + self.bit_offset

    @property
    def bit_size(self) -> int:
        """Its width in bits."""
        return self.bits if self.bits is not None else size_of(self.type) * 8

    @property
    def access(self) -> str:
        """The access string of a CO-RE record that begins at the struct: `0:4:1`."""
        return ":".join(map(str, (0, *self.path)))


class KernelStruct(Struct):
    """A struct or union of the kernel. `name` is empty for anonymous ones, which may have a `typedef` to name them.

    `declared`: written by hand, so `fields` are those used. `complete` is False for types that BTF only mentions.
    `type_id` is the type in BTF, 0 for declarations; a `module`'s own type is one of its BTF.
    """

    def __init__(
        self,
        name: str,
        *,
        union: bool = False,
        size: int = 0,
        align: int = 1,
        typedef: str = "",
        type_id: int = 0,
        module: str = "",
        source: KernelTypes | None = None,
        declared: bool = False,
        complete: bool = True,
        cls: type | None = None,
        members: Callable[[KernelStruct], dict[str, Callable[[], KernelField]]] | None = None,
    ) -> None:
        self.name, self.union, self.size, self.align, self.cls = name, union, size, align, cls
        self.packed, self.kernel = False, True
        self.typedef, self.type_id, self.declared, self.complete = typedef, type_id, declared, complete
        self.module = module
        self._source = source
        self._load = members
        self._found: dict[str, KernelField] = {}

    def __str__(self) -> str:
        return self.name or self.typedef or f"anonymous {'union' if self.union else 'struct'}"

    def __repr__(self) -> str:
        return f"KernelStruct({str(self)!r}, {'declared' if self.declared else f'{self.size} bytes'})"

    @property
    def kernel_name(self) -> str:
        """The kernel's name for it: without the flavour, `___suffix`."""
        return flavorless(self.name or self.typedef)

    @property
    def identity(self) -> str | None:
        """What tells the kernels apart whose type this is; None for declarations, which are of any."""
        return self._source.identity if self._source is not None else None

    @functools.cached_property
    def _members(self) -> dict[str, Callable[[], KernelField]]:
        return self._load(self) if self._load is not None else {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the fields, those of anonymous structs and unions within included."""
        return tuple(self._members)

    @functools.cached_property
    def fields(self) -> tuple[KernelField, ...]:  # type: ignore[override]
        """All fields that have a name, those of anonymous structs and unions within included."""
        return tuple(field for name in self._members if (field := self.find(name)) is not None)

    @functools.cached_property
    def by_name(self) -> dict[str, Field]:  # type: ignore[override]
        """The fields by their names."""
        return {field.name: field for field in self.fields}

    def find(self, name: str) -> KernelField | None:
        """The field called `name`; a keyword of Python may have an underscore behind it. Raises `BadBtf`."""
        found = self._found.get(name)
        if found is None:
            make = self._members.get(name)
            if make is None and name.endswith("_") and keyword.iskeyword(name[:-1]):
                make = self._members.get(name[:-1])
            if make is None:
                return None
            found = self._found[name] = make()
        return found

    def set_layout(self, fields: tuple[Field, ...], size: int, align: int) -> None:
        """Fill in the fields of a declaration."""
        self.size, self.align = size, align
        made = [KernelField(f.name, f.type, f.offset, f.bits, f.bit_offset, (index,)) for index, f in enumerate(fields)]
        for name in ("fields", "by_name", "_members"):
            self.__dict__.pop(name, None)
        self._found = {f.name: f for f in made}
        self._load = lambda _: {f.name: functools.partial(_same, f) for f in made}


def _same(field: KernelField) -> KernelField:
    return field


def flavorless(name: str) -> str:
    """A type's name without its flavour: `task_struct___old` is `task_struct`."""
    head, mark, _ = name.partition("___")
    return head if mark and head else name


@frozen
class KernelParameter:
    """A parameter of a function of the kernel; `type_id` is its type in BTF."""

    name: str
    type: Type
    type_id: int = 0
    tags: tuple[str, ...] = ()


@frozen
class KernelSignature:
    """What a function of the kernel takes and gives. `type_id` is the function (or the tracepoint's type) in BTF.

    `module` is the one that has it, empty for the kernel itself.
    """

    name: str
    parameters: tuple[KernelParameter, ...]
    result: Type
    variadic: bool = False
    type_id: int = 0
    result_id: int = 0
    module: str = ""


class KernelTypes:
    """The types of one BTF, converted when asked for; all methods may raise `BadBtf` where the BTF is damaged.

    `base` are those of the kernel, for a `module`'s. What the kernel has not, `modules` may have: they are asked last.
    """

    def __init__(
        self,
        btf: Btf,
        *,
        base: KernelTypes | None = None,
        module: str = "",
        modules: Callable[[], Iterable[KernelTypes]] | None = None,
    ) -> None:
        self.btf = btf
        self.base = base
        self.module = module
        self._open_modules = modules
        self._structs: dict[int, KernelStruct] = {}
        self._enums: dict[int, Enum] = {}
        self._depth = 0

    @functools.cached_property
    def identity(self) -> str:
        """What tells this BTF from others: its size and a checksum."""
        import zlib

        return f"{len(self.btf.raw)}-{zlib.crc32(self.btf.raw):08x}"

    @functools.cached_property
    def modules(self) -> tuple[KernelTypes, ...]:
        """The types of the kernel's modules, each on top of these."""
        return tuple(self._open_modules()) if self._open_modules is not None else ()

    # ---------------------------------------------------------------------------- by name

    def struct(self, name: str) -> KernelStruct | None:
        """The struct or union of a name (its flavour aside), also by a typedef of one."""
        found = self.find(name)
        return found if isinstance(found, KernelStruct) else None

    def find(self, name: str) -> Type | None:
        """The struct, union, enum or typedef of a name, its flavour aside; the complete one where there are several."""
        name = flavorless(name)
        for types in self._all():
            for kinds in (("STRUCT", "UNION"), ("ENUM", "ENUM64"), ("TYPEDEF",)):
                found = types.btf.find(name, *kinds)
                if found is not None:
                    return types.type(found.id)
        mentioned = self.btf.find(name, "FWD")
        return None if mentioned is None else self.type(mentioned.id)

    def _all(self) -> Iterator[KernelTypes]:
        """These types, then those of the modules, which are opened only then."""
        yield self
        yield from self.modules

    def enumerator(self, name: str) -> tuple[Enum, int] | None:
        """The enum that has an enumerator, and its value."""
        for types in self._all():
            found = types.btf.find_enumerator(name)
            if found is not None:
                return types._enum(found[0]), found[1]
        return None

    def function(self, name: str) -> KernelSignature | None:
        """The function of a name."""
        return self._prototype(name, name, "FUNC")

    def _prototype(self, name: str, shown: str, kind: str, skip: int = 0) -> KernelSignature | None:
        for types in self._all():
            found = types.btf.find(name, kind)
            if found is not None:
                return types._signature(found, shown, skip)
        return None

    def tracepoint(self, name: str) -> KernelSignature | None:
        """The arguments of a raw tracepoint as `tp_btf` programs get them."""
        given = self._prototype(f"btf_trace_{name}", name, "TYPEDEF", skip=1)
        if given is None:
            return None
        traced = self._prototype(f"__traceiter_{name}", name, "FUNC", skip=1)  # the typedef's parameters have no names
        if traced is None or len(traced.parameters) != len(given.parameters):
            return given
        pairs = zip(traced.parameters, given.parameters, strict=True)
        named = tuple(replace(one, name=one.name or other.name) for other, one in pairs)
        return replace(given, parameters=named)

    def lsm_hook(self, name: str) -> KernelSignature | None:
        """The arguments and result of a security hook."""
        return self._prototype(f"bpf_lsm_{name}", name, "FUNC")

    def operation(self, struct: str, member: str) -> KernelSignature | None:
        """The arguments and result of a function member of a struct of operations."""
        found = self.struct(struct)
        field = found.find(member) if found is not None else None
        return self._signature(self.btf.type(field.type_id), member) if field is not None else None

    def iterator(self, name: str) -> KernelStruct | None:
        """The context of an iterator's programs: `bpf_iter__task` for `task`."""
        return self.struct(f"bpf_iter__{name}")

    # ------------------------------------------------------------------------------ by id

    def type(self, id: int) -> Type:
        """The type of an id. What the language has no type for, such as floats, is an array of bytes."""
        if self._depth > _DEPTH:
            raise BadBtf(f"BTF type {id} never ends")
        self._depth += 1
        try:
            return self._convert(*self._strip(id))
        finally:
            self._depth -= 1

    def _convert(self, found: BtfType, typedef: str) -> Type:
        if found.name in _BIG_ENDIAN and found.kind == "TYPEDEF":
            return _BIG_ENDIAN[found.name]
        match found.kind:
            case "INT":
                return _integer(found)
            case "PTR":
                return self._pointer(found)
            case "ENUM" | "ENUM64":
                return self._enum(found)
            case "ARRAY":
                return self._array(found)
            case "STRUCT" | "UNION":
                return self._struct(found, typedef)
            case "FWD":
                return self._forward(found)
            case "FLOAT":
                return Array(U8, found.size, View.BYTES)
            case _:
                return VOID

    def _strip(self, id: int) -> tuple[BtfType, str]:
        """The type behind modifiers, and the innermost typedef's name; typedefs with a meaning of their own stay."""
        typedef = ""
        for _ in range(_DEPTH):
            found = self.btf.type(id)
            if found.kind == "TYPEDEF":
                if found.name in _BIG_ENDIAN:
                    return found, typedef
                typedef = found.name
            elif found.kind not in ("CONST", "VOLATILE", "RESTRICT", "TYPE_TAG"):
                return found, typedef
            id = found.type
        raise BadBtf(f"BTF type {id} never ends")

    def tags(self, id: int) -> tuple[str, ...]:
        """The kernel's marks of what a pointer leads to."""
        found, _ = self._strip(id)
        marks: list[str] = []
        for _ in range(_DEPTH if found.kind == "PTR" else 0):
            found = self.btf.type(found.type)
            if found.kind == "TYPE_TAG":
                marks.append(found.name)
            elif found.kind not in ("CONST", "VOLATILE", "RESTRICT"):
                break
        return tuple(marks)

    def _pointer(self, found: BtfType) -> Type:
        """Pointers to what has no values, such as functions, are untyped."""
        space = Space.USER if "user" in self.tags(found.id) else Space.KERNEL
        target, _ = self._strip(found.type)
        return Pointer(CHAR if target.kind == "INT" and target.name == "char" else self.type(found.type), space)

    def _array(self, found: BtfType) -> Type:
        """A length of 0 is an array that goes on past its struct."""
        inner, _ = self._strip(found.type)
        if inner.kind == "INT" and inner.name == "char":
            return Array(CHAR, found.length, View.STR)
        if inner.kind == "INT" and inner.size == 1 and not inner.encoding & 5:
            return Array(U8, found.length, View.BYTES)
        return Array(self.type(found.type), found.length)

    def _enum(self, found: BtfType) -> Enum:
        if self.base is not None and found.id < self.btf.first:
            return self.base._enum(found)
        known = self._enums.get(found.id)
        if known is None:
            underlying = Int(max(1, found.size) * 8, found.flag)
            cls = enum_class(found.name, found.enumerators)
            known = self._enums[found.id] = Enum(found.name, underlying, found.enumerators, cls)
            cls.__kernel_enum__ = known
        return known

    def _forward(self, found: BtfType) -> Type:
        """A type that is only mentioned is looked for by its name; modules' BTF has the kernel's types so."""
        whole = self.btf.find(found.name, "UNION" if found.flag else "STRUCT") if found.name else None
        if whole is not None:
            return self._struct(whole, "")
        known = self._structs.get(found.id)
        if known is None:
            known = KernelStruct(found.name, union=found.flag, type_id=found.id, source=self, complete=False)
            self._structs[found.id] = known
        return known

    # -------------------------------------------------------------------------- structures

    def _struct(self, found: BtfType, typedef: str) -> KernelStruct:
        if self.base is not None and found.id < self.btf.first:
            return self.base._struct(found, typedef)
        known = self._structs.get(found.id)
        if known is None:
            known = self._structs[found.id] = KernelStruct(
                found.name,
                union=found.kind == "UNION",
                size=found.size,
                typedef="" if found.name else typedef,
                type_id=found.id,
                module=self.module,
                source=self,
                members=self._members,
            )
        elif typedef and not known.name and not known.typedef:
            known.typedef = typedef
        return known

    def _members(self, owner: KernelStruct) -> dict[str, Callable[[], KernelField]]:
        out: dict[str, Callable[[], KernelField]] = {}
        self._collect(self.btf.type(owner.type_id), owner.size, (), 0, out)
        return out

    def _collect(
        self, found: BtfType, size: int, path: tuple[int, ...], start: int, out: dict[str, Callable[[], KernelField]]
    ) -> None:
        """The members of one struct from `start` bits on, then those of the anonymous ones in it."""
        if len(path) > _DEPTH:
            raise BadBtf(f"BTF type {found.id} contains itself")
        for index, member in enumerate(found.members):
            if member.name:
                make = functools.partial(self._field, member, start + member.offset, (*path, index), size)
                out.setdefault(member.name, make)
                continue
            inner = self.btf.skip_modifiers(member.type)
            if inner.kind in ("STRUCT", "UNION"):
                self._collect(inner, size, (*path, index), start + member.offset, out)

    def _field(self, member: BtfMember, bit: int, path: tuple[int, ...], size: int) -> KernelField:
        type = self.type(member.type)
        offset, bits, bit_offset = bit // 8, None, 0
        if member.bits:
            unit = max(1, size_of(type))
            offset, bits = bit // (8 * unit) * unit, member.bits
            if bit + member.bits > (offset + unit) * 8 or offset + unit > size:
                offset = max(0, min(bit // 8, size - unit))
            bit_offset = bit - offset * 8
        return KernelField(member.name, type, offset, bits, bit_offset, path, self.tags(member.type), member.type)

    def _signature(self, found: BtfType, name: str, skip: int = 0) -> KernelSignature | None:
        """`found` leads to a prototype; the first `skip` parameters are not the program's."""
        proto = self.btf.skip_modifiers(found.type if found.kind == "FUNC" else found.id)
        if proto.kind == "PTR":
            proto = self.btf.skip_modifiers(proto.type)
        if proto.kind != "FUNC_PROTO":
            return None
        params = proto.params
        variadic = bool(params) and params[-1] == ("", 0)
        made = tuple(KernelParameter(n, self.type(id), id, self.tags(id)) for n, id in params[skip:] if n or id)
        return KernelSignature(name, made, self.type(proto.type), variadic, found.id, proto.type, self.module)


def _integer(found: BtfType) -> Type:
    if found.encoding & 4 and found.size == 1:
        return BOOL
    if found.size not in (1, 2, 4, 8):
        return Array(U8, found.size, View.BYTES)
    return Int(found.size * 8, bool(found.encoding & 1))


def enum_class(name: str, members: tuple[tuple[str, int], ...]) -> Any:
    """The `IntEnum` of an enum of the kernel, without the names that Python keeps for itself."""
    import enum

    usable = {n: v for n, v in members if n.isidentifier() and not (n[:1] == "_" and n[-1:] == "_") and n != "mro"}
    make: Any = enum.IntEnum
    return make(name or "anonymous", usable, module="pybpfc.vmlinux")


def kernel_types() -> KernelTypes:
    """The types that programs are compiled against: of the file that `PYBPFC_BTF` names, else of the running kernel.

    Raises LoadError where they can't be read.
    """
    path = os.environ.get("PYBPFC_BTF")
    return _types_of(os.path.abspath(path) if path else None)


@functools.lru_cache(maxsize=2)
def _types_of(path: str | None) -> KernelTypes:
    from pybpfc.lang.kernel_btf import target_btf

    return KernelTypes(target_btf(path), modules=None if path else _module_types)


def _module_types() -> Iterator[KernelTypes]:
    """The types of the modules that are loaded; a file stands for a kernel without any."""
    from pybpfc.diagnostics.errors import LoadError
    from pybpfc.lang.kernel_btf import module_btf, module_names

    for name in module_names():
        try:
            yield KernelTypes(module_btf(name), base=_types_of(None), module=name)
        except LoadError:
            continue  # unloaded meanwhile
