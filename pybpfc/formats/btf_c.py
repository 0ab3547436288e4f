"""BTF as C, for people to read."""

from __future__ import annotations

from collections.abc import Iterator

from pybpfc.formats.btf import Btf, BtfType


def print_c(btf: Btf) -> str:
    """The named structs, unions, enums, typedefs, functions and variables of a BTF, in the order of their ids."""
    blocks = ["\n".join(_definition(btf, t)) for t in btf.types()]
    return "\n".join(b for b in blocks if b) + "\n"


def define_c(btf: Btf, t: BtfType) -> str:
    """One type's definition."""
    target = btf.type(t.type) if t.kind == "TYPEDEF" else t
    if target is not t and target.kind in ("STRUCT", "UNION") and not target.name:
        lines = [f"typedef {target.kind.lower()} {{ /* {target.size} bytes */", *_members(btf, target, "    ")]
        return "\n".join((*lines, f"}} {t.name};")) + "\n"
    return "\n".join(_definition(btf, t)) + "\n"


def _definition(btf: Btf, t: BtfType) -> Iterator[str]:
    match t.kind:
        case "STRUCT" | "UNION" if t.name:
            yield f"{t.kind.lower()} {t.name} {{ /* {t.size} bytes */"
            yield from _members(btf, t, "    ")
            yield "};"
        case "ENUM" | "ENUM64" if t.name:
            yield f"enum {t.name} {{"
            yield from (f"    {name} = {value}," for name, value in t.enumerators)
            yield "};"
        case "TYPEDEF":
            yield f"typedef {declare(btf, t.type, t.name)};"
        case "FUNC":
            yield f"{declare(btf, t.type, t.name)};"
        case "VAR":
            yield f"{declare(btf, t.type, t.name)};"
        case "DATASEC":
            names = ", ".join(btf.type(id).name for id, _, _ in t.variables)
            yield f"/* {t.name}: {names} */"
        case _:
            return


def _members(btf: Btf, t: BtfType, indent: str, depth: int = 0) -> Iterator[str]:
    for m in t.members:
        bits = f" : {m.bits}" if m.bits else ""
        yield f"{indent}{declare(btf, m.type, m.name, depth + 1)}{bits}; /* +{m.offset // 8} */"


def declare(btf: Btf, id: int, name: str, depth: int = 0) -> str:
    """A C declaration of `name` with a type."""
    if depth > 16:
        return f"... {name}"
    t = btf.type(id)
    match t.kind:
        case "VOID":
            return f"void {name}".rstrip()
        case "PTR":
            inner = btf.type(t.type)
            wrapped = f"(*{name})" if inner.kind in ("FUNC_PROTO", "ARRAY") else f"*{name}"
            return declare(btf, t.type, wrapped, depth + 1)
        case "ARRAY":
            return declare(btf, t.type, f"{name}[{t.length}]", depth + 1)
        case "FUNC_PROTO":
            params = ", ".join(declare(btf, p, n, depth + 1) if n or p else "..." for n, p in t.params) or "void"
            return declare(btf, t.type, f"{name}({params})", depth + 1)
        case "CONST" | "VOLATILE" | "RESTRICT":
            return f"{t.kind.lower()} {declare(btf, t.type, name, depth + 1)}"
        case "STRUCT" | "UNION" if not t.name:
            body = " ".join(_members(btf, t, "", depth + 1))
            return f"{t.kind.lower()} {{ {body} }} {name}".rstrip()
        case "STRUCT" | "UNION":
            return f"{t.kind.lower()} {t.name} {name}".rstrip()
        case "ENUM" | "ENUM64":
            return f"enum {t.name} {name}".rstrip()
        case "FWD":
            return f"{'union' if t.flag else 'struct'} {t.name} {name}".rstrip()
        case "TYPE_TAG":
            return declare(btf, t.type, name, depth + 1)
        case _:
            return f"{t.name} {name}".rstrip()
