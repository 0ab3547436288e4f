"""BTF as Python: kernel types as programs declare them, `@bpf.kernel_struct` classes, and as stubs for editors."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Collection, Iterable, Iterator

from pybpfc.formats.btf import Btf, BtfMember, BtfType
from pybpfc.formats.errors import BadBtf
from pybpfc.records import define, field

_BIG_ENDIAN = {"__be16": "be16", "__be32": "be32", "__be64": "be64"}
_BEHIND = ("TYPEDEF", "CONST", "VOLATILE", "RESTRICT", "TYPE_TAG")
_DEEPEST = 32
INTEGERS = ("u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "be16", "be32", "be64")
"""Names of `pybpfc` that annotations are made of, besides those written with `bpf.`."""


@define
class Spelling:
    """How annotations are written: what stands before pybpfc's names, and how a class is referred to.

    `structs` gathers the names referred to; `inner` the anonymous structs, by the names of the classes made for them.
    """

    btf: Btf
    integer: str = ""
    prefix: str = "bpf."
    typing: str = ""
    builtin: str = ""
    refer: Callable[[str], str] = '"{}"'.format
    structs: dict[str, None] = field(default_factory=dict)
    inner: dict[str, BtfType] = field(default_factory=dict)
    made: dict[int, str] = field(default_factory=dict)

    def annotation(self, id: int, place: str, direct: bool = True, depth: int = 0) -> str:
        """A type; `place` names anonymous structs, and where it is `direct` a struct alone is a pointer to it."""
        if depth > _DEEPEST:
            raise BadBtf(f"BTF type {id} never ends")
        t, alias, _ = self._behind(id)
        if alias in _BIG_ENDIAN:
            return self.integer + _BIG_ENDIAN[alias]
        match t.kind:
            case "INT" if t.encoding & 4 and t.size == 1:
                return f"{self.builtin}bool"
            case "INT" | "ENUM" | "ENUM64" if t.size in (1, 2, 4, 8):
                signed = t.flag if t.kind != "INT" else t.encoding & 1
                return f"{self.integer}{'i' if signed else 'u'}{8 * t.size}"
            case "INT" | "FLOAT":
                return f"{self.typing}Annotated[{self.builtin}bytes, {t.size}]"
            case "PTR":
                return self._pointer(t, place, direct, depth)
            case "ARRAY":
                return self._array(t, place, depth)
            case "STRUCT" | "UNION":
                name = self._class(t, alias, place)
                return f"{self.prefix}Embedded[{name}]" if direct else name
            case _:
                return "None"

    def _behind(self, id: int) -> tuple[BtfType, str, bool]:
        """The type behind typedefs and qualifiers, the last typedef's name, and whether it lies in user space."""
        alias, user = "", False
        for _ in range(_DEEPEST):
            t = self.btf.type(id)
            if t.kind not in _BEHIND:
                return t, alias, user
            if t.kind == "TYPEDEF":
                alias = t.name
                if alias in _BIG_ENDIAN:
                    return t, alias, user
            user |= t.kind == "TYPE_TAG" and t.name == "user"
            id = t.type
        raise BadBtf(f"BTF type {id} never ends")

    def _pointer(self, t: BtfType, place: str, direct: bool, depth: int) -> str:
        target, alias, user = self._behind(t.type)
        if target.kind in ("STRUCT", "UNION", "FWD"):
            name = self._class(target, alias, place)
            if direct and not user:
                return name
        elif target.kind in ("FUNC_PROTO", "VOID", "ARRAY"):
            name = "None"
        else:
            name = self.annotation(t.type, place, False, depth + 1)
        return f"{self.prefix}{'UserPtr' if user else 'Ptr'}[{name}]"

    def _array(self, t: BtfType, place: str, depth: int) -> str:
        element, _, _ = self._behind(t.type)
        if element.kind == "INT" and element.name == "char" and t.length:
            return f"{self.typing}Annotated[{self.builtin}str, {t.length}]"
        if element.kind == "INT" and element.size == 1 and not element.encoding & 5 and t.length:
            return f"{self.typing}Annotated[{self.builtin}bytes, {t.length}]"
        inner = self.annotation(t.type, place, False, depth + 1)
        return f"{self.typing}Annotated[{self.builtin}list[{inner}], {t.length}]"

    def _class(self, t: BtfType, alias: str, place: str) -> str:
        name = t.name or alias
        if not name:
            name = self.made.setdefault(t.id, place)  # one class each, also where damage lets a struct hold itself
            self.inner[name] = t
        elif not can_be_named(name):
            name += "_"
            self.inner[name] = t
        else:
            self.structs.setdefault(name)
        return self.refer(name)

    def member(self, owner: str, m: BtfMember) -> str:
        """A struct's field."""
        text = self.annotation(m.type, f"{owner}_{m.name}")
        if not m.bits:
            return text
        unit = f"{self.integer}u8" if text == f"{self.builtin}bool" else text
        return f"{self.typing}Annotated[{unit}, {self.prefix}bits({m.bits})]"


def can_be_named(name: str) -> bool:
    """Whether a C name is one in Python."""
    return name.isidentifier() and not keyword.iskeyword(name)


def flat_members(btf: Btf, t: BtfType, around: tuple[int, ...] = ()) -> Iterator[BtfMember]:
    """The members with names, those of anonymous structs and unions within included, as C sees them."""
    if t.id in around:
        raise BadBtf(f"BTF type {t.id} contains itself")
    for m in t.members:
        if m.name:
            yield m
            continue
        inner = btf.skip_modifiers(m.type)
        if inner.kind in ("STRUCT", "UNION"):
            yield from flat_members(btf, inner, (*around, t.id))


# ----------------------------------------------------------------------------- declarations


def declaration(btf: Btf, t: BtfType, fields: Collection[str] = ()) -> str:
    """A type as a Python module that declares it; of a struct only `fields`, when there are any.

    Types that it refers to are declared without fields: add those that are needed.
    """
    spelling = Spelling(btf)
    blocks = [_declare(spelling, t, fields)]
    done: set[str] = {t.name}
    while left := [name for name in spelling.inner if name not in done]:
        done.update(left)
        blocks = [_class(spelling, name, spelling.inner[name], ()) for name in left] + blocks
    others = [name for name in spelling.structs if name not in done]
    blocks = [f"@bpf.kernel_struct\nclass {name}: ...\n" for name in others] + blocks
    body = "\n\n".join(blocks)
    imports = _imports(body)
    return f"{imports}\n\n{body}" if imports else body


def _imports(body: str) -> str:
    used = [name for name in INTEGERS if any(f"{sign}{name}{end}" in body for sign in " [(" for end in ",\n])")]
    lines = ["import enum"] if "enum.IntEnum" in body else []
    lines += ["from typing import Annotated"] if "Annotated[" in body else []
    ours = ["import pybpfc as bpf"] if "bpf." in body else []
    ours += [f"from pybpfc import {', '.join(sorted(used))}"] if used else []
    return "\n\n".join("\n".join(group) + "\n" for group in (lines, ours) if group).replace("\n\n\n", "\n\n")


def _declare(spelling: Spelling, t: BtfType, fields: Collection[str]) -> str:
    match t.kind:
        case "STRUCT" | "UNION":
            return _class(spelling, t.name, t, fields)
        case "ENUM" | "ENUM64":
            return "\n".join((f"class {t.name}(enum.IntEnum):", *_enumerators(t))) + "\n"
        case "FUNC":
            return _function(spelling, t)
        case "TYPEDEF":
            target = spelling.btf.skip_modifiers(t.type)
            if target.kind in ("STRUCT", "UNION") and not target.name:
                return _class(spelling, t.name, target, fields)
            if target.kind in ("ENUM", "ENUM64") and not target.name:
                return "\n".join((f"class {t.name}(enum.IntEnum):", *_enumerators(target))) + "\n"
            text = spelling.annotation(t.type, f"{t.name}_", False)
            return f"{t.name} = {target.name if target.kind in ('STRUCT', 'UNION') else text}\n"
        case _:
            raise BadBtf(f"a BTF type of kind {t.kind} has no form in Python")


def _class(spelling: Spelling, name: str, t: BtfType, fields: Collection[str]) -> str:
    lines = ["@bpf.kernel_struct", f"class {name}:"]
    for m in flat_members(spelling.btf, t):
        if fields and m.name not in fields:
            continue
        text = spelling.member(name, m)
        # a class gives names that begin with two underscores other names
        written = can_be_named(m.name) and not m.name.startswith("__") and not text.endswith(", 0]")
        lines.append(f"    {'' if written else '# '}{m.name}: {text}")
    if all(line.startswith("    #") for line in lines[2:]):
        lines.append("    ...")
    return "\n".join(lines) + "\n"


def _enumerators(t: BtfType, indent: str = "    ") -> Iterator[str]:
    shown: set[str] = set()
    for name, value in t.enumerators:
        hidden = not can_be_named(name) or name.startswith("_") or name in ("mro", "name", "value") or name in shown
        yield f"{indent}{'# ' if hidden else ''}{name} = {value}"
        if not hidden:
            shown.add(name)
    if not shown:
        yield f"{indent}..."


def _function(spelling: Spelling, t: BtfType) -> str:
    prototype = spelling.btf.skip_modifiers(t.type)
    params: list[str] = []
    for number, (name, type) in enumerate(prototype.params):
        if not name and not type:
            params.append("*more: object")
            continue
        shown = name if name and can_be_named(name) else f"{name}_" if name else f"arg{number}"
        params.append(f"{shown}: {spelling.annotation(type, f'{t.name}_{name}')}")
    result = spelling.annotation(prototype.type, f"{t.name}_result")
    return f"def {t.name}({', '.join(params)}) -> {result}: ...\n"


# ------------------------------------------------------------------------------------ stubs


def stubs(btf: Btf) -> Iterator[str]:
    """All types with names, as the pieces of a stub file of `pybpfc.vmlinux`.

    Classes are referred to through the module, since in C a field may be called as its type is.
    """
    yield '"""Types of the kernel, made by `pybpfc vmlinux --stubs`."""\n\n'
    yield "import builtins as _builtins\nimport enum as _enum\nimport typing as _typing\n\n"
    yield "import pybpfc as _bpf\nfrom pybpfc import vmlinux as _k\n\n"
    spelling = Spelling(btf, "_bpf.", "_bpf.", "_typing.", "_builtins.", "_k.{}".format)
    done: set[str] = set()
    for t in _named(btf):
        if t.name not in done:
            done.add(t.name)
            yield _stub(spelling, t)
    yield from _rest(spelling, done)


def _named(btf: Btf) -> Iterator[BtfType]:
    """Structs and enums before typedefs, whose names are often the same."""
    late: list[BtfType] = []
    for t in btf.types():
        if not t.name or not can_be_named(t.name) or t.name.startswith("__") and t.name.endswith("__"):
            continue
        if t.kind in ("STRUCT", "UNION", "ENUM", "ENUM64"):
            yield t
        elif t.kind == "TYPEDEF":
            late.append(t)
    yield from late


def _rest(spelling: Spelling, done: set[str]) -> Iterator[str]:
    """The anonymous structs of fields, and structs of which the kernel has the names only."""
    while left := [name for name in spelling.inner if name not in done]:
        done.update(left)
        yield from (_stub_class(spelling, name, spelling.inner[name]) for name in left)
    yield from (f"class {name}: ...\n" for name in spelling.structs if name not in done)


def _stub(spelling: Spelling, t: BtfType) -> str:
    target = spelling.btf.skip_modifiers(t.type) if t.kind == "TYPEDEF" else t
    own = target is t or not target.name
    if target.kind in ("STRUCT", "UNION") and own:
        return _stub_class(spelling, t.name, target)
    if target.kind in ("ENUM", "ENUM64") and own:
        lines = list(_enumerators(target))
        base = "_builtins.int" if lines[-1].endswith("...") else "_enum.IntEnum"  # enums without members are refused
        return "\n".join((f"class {t.name}({base}):", *lines)) + "\n"
    if target.kind in ("ENUM", "ENUM64", "STRUCT", "UNION"):
        return f"{t.name} = _k.{target.name}\n" if can_be_named(target.name) and target.name != t.name else ""
    text = spelling.annotation(t.type, f"{t.name}_", False)
    return f"{t.name} = {text}\n" if text != t.name and text != "None" else ""


def _stub_class(spelling: Spelling, name: str, t: BtfType) -> str:
    lines = [f"class {name}:"]
    for m in _unlike(flat_members(spelling.btf, t)):
        lines.append(f"    {m.name}: {spelling.member(name, m)}")
    return "\n".join(lines if len(lines) > 1 else [f"class {name}: ..."]) + "\n"


def _unlike(members: Iterable[BtfMember]) -> Iterator[BtfMember]:
    """Those with names of their own that Python can have."""
    seen: set[str] = set()
    for m in members:
        if m.name not in seen and can_be_named(m.name):
            seen.add(m.name)
            yield m
