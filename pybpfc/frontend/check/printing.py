"""`print(f"…")`: the values and how the kernel's printf shows them as Python would.

    print(f"{comm:16} {pid:#x}.")   →   parts '%-16s', ' 0x', '%llx', '.'   values comm, pid

The kernel (`bpf_bprintf_prepare`, since 5.13) takes the flags `0`, `+`, `-` and space, a width, and d, i, u, x, X, c, s
and p; no `#`, no precision, ASCII only. What it lacks is written as text around it, or is an error. A letter or digit
behind %s or %p would be taken for a part of it, so it goes as a value of its own, by %c.
"""

from __future__ import annotations

import ast
import re

from pybpfc.abi.helpers import HELPERS
from pybpfc.diagnostics import catalog
from pybpfc.frontend import typed_ast as t
from pybpfc.frontend.check.context import FunctionChecker
from pybpfc.frontend.check.conversion import describe, is_aggregate, is_optional, may_be_none, place, to_number
from pybpfc.frontend.check.helpers import available
from pybpfc.ir.ops import FormatSpec
from pybpfc.lang.types import ERROR, I64, U8, VOID, Array, Bool, Error, Int, Pointer, Space, Type, View
from pybpfc.records import frozen

DIRECT = 3
"""`bpf_trace_printk` takes this many values."""
MAX_PRINTED = 12
"""`bpf_trace_vprintk` takes this many (MAX_BPRINTF_VARARGS)."""
MAX_LINE = 1024
"""The kernel's buffer for a line (MAX_BPRINTF_BUF)."""
_SPEC = re.compile(
    r"(?:(?P<fill>.)?(?P<align>[<>=^]))?(?P<sign>[-+ ]?)(?P<coerce>z?)(?P<alternate>#?)(?P<zero>0?)(?P<width>\d*)"
    r"(?P<grouping>[,_]?)(?P<precision>(?:\.\d+)?)(?P<conversion>[a-zA-Z%]?)\Z",
    re.DOTALL,
)
Item = str | tuple[FormatSpec, t.Expr]


def check_print(c: FunctionChecker, node: ast.Call) -> t.Expr:
    """`print(f"…")`: a line of the trace pipe."""
    if len(node.args) != 1 or node.keywords:
        given = len(node.args) + len(node.keywords)
        return c.error(catalog.ArgumentCount("print", "one string or f-string", given), node)
    items = _shown(c, node, "print", node.args[0])
    if items is None:
        return t.Invalid(c.span(node), ERROR)
    parts, values = items
    available(c, c.span(node.func), HELPERS["bpf_trace_printk" if len(values) <= DIRECT else "bpf_trace_vprintk"])
    return t.Printing(c.span(node), VOID, parts, values)


def check_snprintf(c: FunctionChecker, node: ast.Call) -> t.Expr:
    """`bpf.snprintf(buffer, f"…")`: into a `char` array, cut to its size; the length with the NUL, were it not cut."""
    from pybpfc.frontend.check.expressions import check

    if len(node.args) != 2 or node.keywords:
        given = len(node.args) + len(node.keywords)
        return c.error(catalog.ArgumentCount("snprintf", "a `char` array and a string or f-string", given), node)
    buffer = place(check(c, node.args[0]))
    items = _shown(c, node, "snprintf", node.args[1])
    if items is None or isinstance(buffer.type, Error):
        return t.Invalid(c.span(node), ERROR)
    if isinstance(buffer.type, Pointer) and buffer.type.nullable:
        return may_be_none(c, buffer)
    if not isinstance(buffer, t.PLACES) or not isinstance(buffer.type, Array) or buffer.type.view is not View.STR:
        return c.error(catalog.TypeMismatch("a `char` array to write to", describe(buffer)), buffer.span)
    if isinstance(buffer, t.GlobalPlace) and buffer.variable.section == ".rodata":
        return c.error(catalog.WriteToConstant(buffer.variable.name), buffer.span)
    available(c, c.span(node.func), HELPERS["bpf_snprintf"])
    return t.Printing(c.span(node), I64, *items, buffer)


def _shown(
    c: FunctionChecker, node: ast.Call, name: str, text: ast.expr
) -> tuple[tuple[str | FormatSpec, ...], tuple[t.Expr, ...]] | None:
    """The parts of the text and the values in it; None after a diagnostic."""
    items = _items(c, text)
    if items is None:
        return None
    items = _separated(items)
    values = [item[1] for item in items if not isinstance(item, str)]
    if len(values) > MAX_PRINTED:
        c.error(catalog.ArgumentCount(name, f"at most {MAX_PRINTED} values", len(values)), node)
        return None
    return tuple(item if isinstance(item, str) else item[0] for item in items), tuple(values)


def _items(c: FunctionChecker, node: ast.expr) -> list[Item] | None:
    """An f-string or string as constant text and values; None after a diagnostic."""
    items: list[Item] = []
    pieces: list[ast.expr] = node.values if isinstance(node, ast.JoinedStr) else [node]
    failed = False
    for piece in pieces:
        if isinstance(piece, ast.Constant) and isinstance(piece.value, str):
            items.append(piece.value)
        elif isinstance(piece, ast.FormattedValue):
            found = _formatted(c, piece, node)
            failed = failed or found is None
            items += found or ()
        else:
            c.error(catalog.TypeMismatch("a string or an f-string", "another expression"), piece)
            failed = True
    text = "".join(item for item in items if isinstance(item, str))
    if (strange := next((char for char in text if not _printable(char)), None)) is not None:
        c.error(catalog.UnprintableText(ascii(strange)), node)
        failed = True
    return None if failed else items


def _printable(char: str) -> bool:
    return " " <= char <= "~" or char in "\t\n\v\f\r"


def _separated(items: list[Item]) -> list[Item]:
    """Adjacent texts joined; a letter or digit right behind a text or an address is a value of its own."""
    out: list[Item] = []
    for item in items:
        if not isinstance(item, str):
            out.append(item)
        elif out and isinstance(out[-1], str):
            out[-1] += item
        elif out and item[:1].isalnum() and not isinstance(out[-1], str) and out[-1][0].conversion in ("s", "p"):
            letter = t.Literal(out[-1][1].span, U8, ord(item[0]))
            out += [(FormatSpec("c"), letter), *([item[1:]] if item[1:] else [])]
        elif item:
            out.append(item)
    return out


# ------------------------------------------------------------------------------------- one value


def _formatted(c: FunctionChecker, node: ast.FormattedValue, whole: ast.expr) -> list[Item] | None:
    """A value in braces as text and a conversion; None after a diagnostic."""
    from pybpfc.frontend.check.expressions import check

    value = place(check(c, node.value))
    if is_optional(value):
        value = may_be_none(c, value)
    if isinstance(value.type, Error):
        return None
    spec = _written_spec(node.format_spec)
    if spec is None:
        return _refuse(c, whole, "{…}", value, "write the width and the type as constants")
    if isinstance(value, t.Text) or (isinstance(value, t.Literal) and value.untyped):
        return _constant(c, whole, value, node.conversion, spec)
    is_text = isinstance(value.type, Array) and value.type.view is View.STR
    if isinstance(value, t.MapObject):
        return _refuse(c, whole, spec, value, f"print one of its values: `{value.map.name}.get(key, 0)`")
    if not is_text and (is_aggregate(value.type) or isinstance(value, t.NoneValue)):
        return _refuse(c, whole, spec, value, "print its fields or elements one by one")
    if node.conversion != -1 and (is_text or spec):
        return _refuse(c, whole, f"!{chr(node.conversion)}", value, "leave it out")
    if not is_text:
        value = to_number(value)
    found = _SPEC.match(spec)
    if found is None:
        return _refuse(c, whole, spec, value, "")
    made = _text(found) if is_text else _number(found, value.type)
    if isinstance(made, _Refusal):
        return _refuse(c, whole, spec, value, made.instead)
    prefix, conversion = made
    return [*([prefix] if prefix else []), (conversion, value)]


def _written_spec(node: ast.expr | None) -> str | None:
    """The text behind the colon; None when it has values of its own."""
    pieces = node.values if isinstance(node, ast.JoinedStr) else []
    texts = [p.value for p in pieces if isinstance(p, ast.Constant) and isinstance(p.value, str)]
    return "".join(texts) if len(texts) == len(pieces) else None


def _refuse(c: FunctionChecker, whole: ast.expr, spec: str, value: t.Expr, instead: str) -> list[Item] | None:
    # the whole text: before 3.12 Python does not say where in it a value stands
    c.error(catalog.FormatSpec(spec or "{}", describe(value)), whole, helps=[instead] if instead else [])
    return None


def _constant(
    c: FunctionChecker, whole: ast.expr, value: t.Text | t.Literal, conversion: int, spec: str
) -> list[Item] | None:
    """What is known at compile time is formatted by Python itself."""
    known: object = value.value
    if isinstance(value, t.Text) and value.is_str:
        known = value.value.decode()
    if conversion != -1:
        known = ascii(known) if conversion == ord("a") else repr(known) if conversion == ord("r") else str(known)
    try:
        return [format(known, spec)]
    except (ValueError, TypeError) as error:
        return _refuse(c, whole, spec, value, f"Python says: {error}")


@frozen
class _Refusal:
    """A format that the kernel cannot show; what works instead."""

    instead: str


Conversion = tuple[str, FormatSpec]
"""Text that stands before the value, and how the value is shown."""


def _common(found: re.Match[str]) -> _Refusal | None:
    """What works for no value."""
    if found["align"] == "^" or found["align"] == "=" or (found["fill"] or " ") != " ":
        return _Refusal("the kernel fills with spaces, left by `<` or right by `>`, and numbers with zeros: `08`")
    if found["precision"]:
        return _Refusal("leave the precision out")
    if found["grouping"]:
        return _Refusal("leave the separators out")
    if found["zero"] and found["align"]:
        return _Refusal("take leading zeros, as in `08`, or a side, as in `<8`")
    if int(found["width"] or 0) >= MAX_LINE:
        return _Refusal(f"a line has at most {MAX_LINE} bytes")
    return None


def _text(found: re.Match[str]) -> Conversion | _Refusal:
    """Text stands left in its width, unless the format says otherwise."""
    if found["conversion"] not in ("", "s") or found["sign"] or found["coerce"] or found["alternate"] or found["zero"]:
        return _Refusal("text takes a width and a side: `16`, `>16`")
    width = int(found["width"] or 0)
    return _common(found) or ("", FormatSpec("s", width, left=bool(width) and found["align"] != ">"))


def _number(found: re.Match[str], type: Type) -> Conversion | _Refusal:
    conversion = found["conversion"] or _default_conversion(type)
    width, left, zero = int(found["width"] or 0), found["align"] == "<", bool(found["zero"])
    if found["coerce"] or conversion not in ("d", "u", "x", "X", "c", "p") or found["conversion"] == "u":
        return _Refusal("integers take `d`, `x`, `X`, `#x`, `08x`, `c`; pointers `p`")
    if (common := _common(found)) is not None:
        return common
    sign = found["sign"].strip("-")
    if sign and (conversion not in "du" or (isinstance(type, Int) and not type.signed and type.bits == 64)):
        return _Refusal("the kernel writes signs for signed decimals only, such as `i64(…)`")
    match conversion:
        case "p" if width or found["alternate"]:
            return _Refusal("addresses take no width")
        case "c" if zero or found["alternate"]:
            return _Refusal("characters take a width and a side: `4c`, `<4c`")
        case "d" | "u":
            if found["alternate"]:
                return _Refusal("`#` goes with `x` and `X`")
            signed = bool(sign) or not (isinstance(type, Bool | Pointer) or (isinstance(type, Int) and not type.signed))
            return "", FormatSpec("d" if signed else "u", width, zero and bool(width), left, sign)
        case "x" | "X" if found["alternate"]:
            if width and not zero:
                return _Refusal("`#` takes a width with leading zeros only: `#06x`")
            return f"0{conversion}", FormatSpec(conversion, max(width - 2, 0), zero and width > 2)
        case _:
            return "", FormatSpec(conversion, width, zero and bool(width), left)


def _default_conversion(type: Type) -> str:
    match type:
        case Pointer(space=Space.KERNEL):
            return "p"
        case Pointer():
            return "x"
        case _:
            return "d"
