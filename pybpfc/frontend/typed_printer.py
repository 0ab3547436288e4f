"""The typed tree as text: every node, its type and its conversions, for `--emit typed`."""

from __future__ import annotations

from collections.abc import Iterator

from pybpfc.frontend import typed_ast as t
from pybpfc.records import fields


def print_unit(unit: t.TUnit) -> str:
    """All functions of a checked module."""
    return "\n".join("\n".join(_function(f)) for f in unit.functions) + "\n"


def _function(function: t.TFunction) -> Iterator[str]:
    params = ", ".join(f"{p.name}: {p.type}" for p in function.params)
    yield f"def {function.name}({params}) -> {function.result}:"
    yield from _block(function.body, 1)


def _block(body: tuple[t.Stmt, ...], depth: int) -> Iterator[str]:
    for statement in body:
        yield from _statement(statement, depth)


def _statement(statement: t.Stmt | t.MatchCase, depth: int) -> Iterator[str]:
    """A statement with its expressions, then the statements inside it."""
    pad = "    " * depth
    parts: list[str] = []
    blocks: list[tuple[str, tuple[t.Stmt | t.MatchCase, ...]]] = []
    for name in fields(statement):
        value = getattr(statement, name)
        if name == "span":
            continue
        if isinstance(value, tuple) and value and isinstance(value[0], t.Stmt | t.MatchCase):
            blocks.append((name, value))
        elif not (isinstance(value, tuple) and not value):
            parts.append(f"{name}={show(value)}")
    yield f"{pad}{type(statement).__name__}({', '.join(parts)})"
    for name, block in blocks:
        yield f"{pad}  {name}:"
        for inner in block:
            yield from _statement(inner, depth + 1)


def show(value: object) -> str:
    """An expression, with the type of each part."""
    match value:
        case t.Variable():
            return value.name
        case t.Literal():
            return f"{value.value}:{value.type}"
        case t.ReadVariable():
            return f"{value.variable.name}:{value.type}"
        case t.Expr():
            parts = [
                show(getattr(value, name))
                for name in fields(value)
                if name not in ("span", "type", "struct", "through_pointer", "explicit")
            ]
            return f"{type(value).__name__}({', '.join(parts)}):{value.type}"
        case tuple():
            return f"[{', '.join(show(v) for v in value)}]"
        case t.FunctionKey():
            return value.name
        case _:
            return str(getattr(value, "name", value))
