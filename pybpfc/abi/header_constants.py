"""Reads the integer constants of C headers: object-like macros and enumerators, as the compiler would evaluate them.

Used by `pybpfc.abi.generate` alone. Conditionals are followed, as are includes of the kernel's own headers; a macro that
is not an integer constant is left out.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
_DIRECTIVE = re.compile(r"\s*#\s*(\w+)\s*(.*)", re.S)
_DEFINE = re.compile(r"(\w+)(\((?:[\w\s,.]*)\))?\s*(.*)", re.S)
_TOKEN = re.compile(r"0[xX][0-9a-fA-F]+\w*|\d+\w*|\w+|'(?:\\.|[^'])'|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^~!<>()?:,#]|\S")
_NUMBER = re.compile(r"(0[xX][0-9a-fA-F]+|\d+)[uUlL]*$")
_CAST = re.compile(r"\(\s*(?:(?:unsigned|signed|const|__force|__poll_t|int|long|short|char|__[us]\d+|__[bl]e\d+|u?int\d+_t|size_t)\s*)+\)")
_ENUM = re.compile(r"\benum\b\s*\w*\s*\{([^{}]*)\}")
_SYSTEM = frozenset(("linux", "asm", "asm-generic", "netinet", "sys", "bits"))

_SIZEOF = re.compile(r"\bsizeof\s*\(\s*((?:\w+\s*)+)(\*?)\s*\)")
_SIZES = {"char": 1, "__u8": 1, "__u16": 2, "int": 4, "__s32": 4, "__u32": 4, "__u64": 8, "__s64": 8, "long": 8}

# what a compiler for little-endian Linux, and its limits.h, define before any header
_COMPILER = {"__LITTLE_ENDIAN": "1234", "__BYTE_ORDER": "1234", "__LITTLE_ENDIAN_BITFIELD": "1", "__linux__": "1"} | {
    "__x86_64__": "1",
    "__BITS_PER_LONG": "64",
    "INT_MAX": "0x7fffffff",
    "INT_MIN": "(-0x7fffffff - 1)",
    "UINT_MAX": "0xffffffffU",
}

_OPERATORS: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[int, int], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class NotConstant(Exception):
    """The text is no integer constant expression."""


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro's text; `parameters` is None for one without parentheses."""

    parameters: tuple[str, ...] | None
    text: str


@dataclass(slots=True)
class HeaderReader:
    """Reads headers from `directories`; `constants` grows in the order of their definition."""

    directories: tuple[Path, ...]
    constants: dict[str, int] = field(default_factory=dict)
    macros: dict[str, Macro] = field(default_factory=dict)
    _read: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.macros.update({name: Macro(None, text) for name, text in _COMPILER.items()})

    def read(self, name: str) -> bool:
        """Read a header, once; whether there is one of this name."""
        if name in self._read:
            return True
        path = next((d / name for d in self.directories if (d / name).is_file()), None)
        if path is None:
            return False
        self._read.add(name)
        text = _COMMENT.sub(" ", path.read_text("utf-8", "replace")).replace("\\\n", " ")
        defined: list[str] = []
        self._enumerators(self._preprocess(text.split("\n"), defined))
        for macro in defined:
            if macro not in self.constants and macro in self.macros and self.macros[macro].parameters is None:
                self._define(macro, self.macros[macro].text)
        return True

    def _define(self, name: str, text: str) -> None:
        try:
            self.constants[name] = self.evaluate(text)
        except NotConstant:
            return

    def _preprocess(self, lines: Iterable[str], defined: list[str]) -> str:
        """The text that is left after the directives, which are carried out."""
        kept: list[str] = []
        taken = [True]  # of each open conditional: whether its present branch is read
        done: list[bool] = [True]  # … and whether one of its branches was
        for line in lines:
            directive = _DIRECTIVE.match(line)
            if directive is None:
                if all(taken):
                    kept.append(line)
                continue
            word, rest = directive[1], directive[2].strip()
            if word in ("if", "ifdef", "ifndef"):
                taken.append(all(taken) and self._condition(word, rest))
                done.append(taken[-1])
            elif word in ("elif", "else") and len(taken) > 1:
                taken[-1] = all(taken[:-1]) and not done[-1] and (word == "else" or self._condition("if", rest))
                done[-1] |= taken[-1]
            elif word == "endif" and len(taken) > 1:
                taken.pop()
                done.pop()
            elif all(taken):
                self._directive(word, rest, defined)
        return "\n".join(kept)

    def _directive(self, word: str, rest: str, defined: list[str]) -> None:
        if word == "define" and (found := _DEFINE.match(rest)):
            parameters = None if found[2] is None else tuple(p.strip() for p in found[2][1:-1].split(","))
            self.macros[found[1]] = Macro(parameters, found[3].strip())
            defined.append(found[1])
        elif word == "undef":
            self.macros.pop(rest, None)
        elif word == "include":
            found = re.match(r'[<"]([\w./-]+)[>"]', rest)
            if found is not None and found[1].split("/")[0] in _SYSTEM:
                self.read(found[1])

    def _condition(self, word: str, rest: str) -> bool:
        if word != "if":
            name = rest.split()[0] if rest else ""
            return (name in self.macros) == (word == "ifdef")
        text = re.sub(r"defined\s*\(?\s*(\w+)\s*\)?", lambda m: "1" if m[1] in self.macros else "0", rest)
        try:
            return bool(self.evaluate(text, unknown=0))
        except NotConstant:
            return False

    def _enumerators(self, text: str) -> None:
        for body in _ENUM.findall(text):
            value = -1
            for entry in _split(body):
                name, equals, expression = (part.strip() for part in entry.partition("="))
                if not re.fullmatch(r"[A-Za-z_]\w*", name):
                    continue
                try:
                    value = self.evaluate(expression) if equals else value + 1
                except NotConstant:
                    break
                self.constants[name] = value

    def evaluate(self, text: str, unknown: int | None = None) -> int:
        """The value of a C expression; names without a value count as `unknown`, if that is given."""
        return evaluate(self._expand(text, frozenset()), self.constants, unknown)

    def _expand(self, text: str, busy: frozenset[str]) -> str:
        """The text with macros replaced; a macro is not replaced within itself."""
        if len(busy) > 40:
            raise NotConstant(text)
        tokens = _TOKEN.findall(text)
        result: list[str] = []
        index = 0
        while index < len(tokens):
            token = tokens[index]
            index += 1
            macro = self.macros.get(token)
            if macro is None or token in busy:
                result.append(token)
            elif macro.parameters is None:
                result.append(self._expand(macro.text, busy | {token}))
            else:
                arguments, index = _arguments(tokens, index)
                body = _substitute(macro, arguments)
                result.append(self._expand(body, busy | {token}))
        return " ".join(result)


def _split(body: str) -> list[str]:
    """The entries of an enumeration: split at commas outside parentheses."""
    entries, depth, start = [], 0, 0
    for index, letter in enumerate(body):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            entries.append(body[start:index])
            start = index + 1
    return [*entries, body[start:]]


def _arguments(tokens: list[str], index: int) -> tuple[list[str], int]:
    """The arguments of a macro call and the index behind its closing parenthesis."""
    if index >= len(tokens) or tokens[index] != "(":
        raise NotConstant(" ".join(tokens))
    depth, current, arguments = 0, list[str](), list[str]()
    for position in range(index, len(tokens)):
        token = tokens[position]
        depth += (token == "(") - (token == ")")
        if depth == 0:
            return [*arguments, " ".join(current)], position + 1
        if depth == 1 and token == ",":
            arguments.append(" ".join(current))
            current = []
        elif not (depth == 1 and token == "("):
            current.append(token)
    raise NotConstant(" ".join(tokens))


def _substitute(macro: Macro, arguments: list[str]) -> str:
    given = dict(zip(macro.parameters or (), arguments, strict=False))
    return re.sub(r"\s*##\s*", "", re.sub(r"\w+", lambda m: given.get(m[0], m[0]), macro.text))


def evaluate(text: str, names: Mapping[str, int], unknown: int | None = None) -> int:
    """The value of a C integer expression without macros; raises NotConstant for anything else."""
    text = _CAST.sub(" ", _SIZEOF.sub(_size_of, text))
    words = []
    for token in _TOKEN.findall(text):
        number = _NUMBER.match(token)
        if number:
            digits = number[1]
            octal = len(digits) > 1 and digits[0] == "0" and digits.isdigit()
            words.append("0o" + digits[1:] if octal else digits)
        else:
            words.append({"&&": " and ", "||": " or ", "!": " not ", "/": "//"}.get(token, token))
    source = " ".join(words).strip()
    if not source or "?" in source:
        raise NotConstant(text)
    try:
        tree = ast.parse(source, mode="eval")
    except (SyntaxError, ValueError) as error:
        raise NotConstant(text) from error
    return _value(tree.body, names, unknown)


def _size_of(found: re.Match[str]) -> str:
    if found[2]:
        return "8"
    size = _SIZES.get(found[1].split()[-1])
    if size is None:
        raise NotConstant(found[0])
    return str(size)


def _value(node: ast.expr, names: Mapping[str, int], unknown: int | None) -> int:
    def value(part: ast.expr) -> int:
        return _value(part, names, unknown)

    match node:
        case ast.Constant(int() as number):
            return int(number)
        case ast.Constant(str() as text) if len(text) == 1:
            return ord(text)
        case ast.Name(name):
            found = names.get(name, unknown)
            if found is None:
                raise NotConstant(name)
            return found
        case ast.UnaryOp(operand=operand, op=operation):
            number = value(operand)
            match operation:
                case ast.USub():
                    return -number
                case ast.Invert():  # of an unsigned int, where the number is none of int's
                    return number ^ 0xFFFF_FFFF if 0x7FFF_FFFF < number <= 0xFFFF_FFFF else ~number
                case ast.Not():
                    return int(not number)
                case _:
                    return number
        case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _OPERATORS:
            first, second = value(left), value(right)
            if second == 0 and isinstance(operation, ast.FloorDiv | ast.Mod):
                raise NotConstant("division by zero")
            if not 0 <= second < 64 and isinstance(operation, ast.LShift | ast.RShift):
                raise NotConstant("shift")
            return _OPERATORS[type(operation)](first, second)
        case ast.BoolOp(op=ast.And(), values=values):
            return int(all(value(v) for v in values))
        case ast.BoolOp(values=values):
            return int(any(value(v) for v in values))
        case ast.Compare(left=left, ops=[operation], comparators=[right]) if type(operation) in _COMPARISONS:
            return int(_COMPARISONS[type(operation)](value(left), value(right)))
        case _:
            raise NotConstant(ast.dump(node))
