"""Random programs of the language, typed by construction: every one must compile, load and mean the same everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from pybpfc.lang.types import Int

NUMBERS = {name: Int(int(name[1:]), name[0] == "i") for name in ("u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64")}
STRUCTS = """
@bpf.struct
class Inner:
    p: u16
    q: be32
    r: Annotated[i8, bpf.bits(3)]
    s: Annotated[u8, bpf.bits(5)]

@bpf.struct
class Outer:
    a: u8
    b: i64
    c: be16
    inner: Inner
    list: Annotated[list[u16], 5]
    wide: Annotated[u64, bpf.bits(33)]
    text: Annotated[str, 8]
    raw: Annotated[bytes, 6]

counts = bpf.HashMap[u32, u64](max_entries=8)
table = bpf.Array[Outer](max_entries=3)
"""
FIELDS = {
    "a": "u8", "b": "i64", "c": "u16", "inner.p": "u16", "inner.q": "u32", "list[{i5}]": "u16", "raw[{i6}]": "u8",
}  # fmt: skip
BITS = {"inner.r": ("i8", -4, 3), "inner.s": ("u8", 0, 31), "wide": ("u64", 0, (1 << 33) - 1)}
WORDS = ("", "a", "abc", "abcdefg", "xyz")
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
MAX_DEPTH = 3


@dataclass
class Scope:
    """What may be read and written at a point of a function."""

    numbers: dict[str, str] = field(default_factory=dict)
    """Locals and globals by name, with their types."""
    fixed: set[str] = field(default_factory=set)
    """Names that are not assigned: loop variables."""
    structs: list[str] = field(default_factory=list)

    def inside(self) -> Scope:
        return Scope(dict(self.numbers), set(self.fixed), list(self.structs))


class Generator:
    """Writes one module."""

    def __init__(self, rng: Random, programs: int, size: int = 8) -> None:
        self.size = size
        self.rng = rng
        self.names = 0
        self.functions: list[tuple[str, list[str], str]] = []
        self.globals = {f"g{i}": rng.choice(list(NUMBERS)) for i in range(6)}
        self.programs = [f"prog{i}" for i in range(programs)]

    def module(self) -> str:
        lines = [STRUCTS]
        lines += [f"{name}: bpf.Global[{kind}] = {self.literal(kind)}" for name, kind in self.globals.items()]
        for _ in range(3):
            lines += self.function()
        for name in self.programs:
            lines += self.program(name)
        return "\n".join(lines) + "\n"

    # ------------------------------------------------------------------- declarations

    def function(self) -> list[str]:
        name = f"f{len(self.functions)}"
        params = [self.rng.choice(list(NUMBERS)) for _ in range(self.rng.randint(1, 3))]
        result = self.rng.choice(list(NUMBERS))
        scope = Scope({f"p{i}": kind for i, kind in enumerate(params)} | self.globals)
        option = self.rng.choice(("", "(noinline=True)", "(inline=True)"))
        listed = ", ".join(f"p{i}: {kind}" for i, kind in enumerate(params))
        lines = [f"@bpf.func{option}", f"def {name}({listed}) -> {result}:"]
        lines += [f"    global {', '.join(self.globals)}"]
        lines += self.block(scope, 1, 3, returns=result)
        lines += [f"    return {self.expr(scope, result)}", ""]
        self.functions.append((name, params, result))
        return lines

    def program(self, name: str) -> list[str]:
        scope = Scope(dict(self.globals))
        lines = ["@bpf.socket_filter", f"def {name}(ctx: bpf.SkBuff) -> int:", f"    global {', '.join(self.globals)}"]
        lines += ["    s0 = Outer()", "    s1 = table.lookup(1)", "    if s1 is None:", "        return 0"]
        scope.structs += ["s0", "s1"]
        lines += self.block(scope, 1, self.size, returns="i32")
        lines += [f"    return {self.expr(scope, 'i32')}", ""]
        return lines

    # --------------------------------------------------------------------- statements

    def block(self, scope: Scope, depth: int, size: int, returns: str, loop: bool = False) -> list[str]:
        out: list[str] = []
        for _ in range(self.rng.randint(1, size)):
            out += self.statement(scope, depth, returns, loop)
        return out

    def statement(self, scope: Scope, depth: int, returns: str, loop: bool) -> list[str]:
        pad = "    " * depth
        roll = self.rng.random()
        if roll < 0.05:
            word = f"return {self.expr(scope, returns)}" if not loop or self.rng.random() < 0.5 else "break"
            return [f"{pad}if {self.condition(scope)}:", f"{pad}    {word}"]
        if roll < 0.35 and depth <= MAX_DEPTH:
            kinds = [
                self.if_statement,
                self.for_statement,
                self.for_statement if loop or not scope.structs else self.run_time_loop,
                self.while_statement,
                self.match_statement,
            ]
            kinds += [self.array_loop] if scope.structs else []
            return self.rng.choice(kinds)(scope, depth, returns, loop)
        return [pad + line for line in self.rng.choice(self.simple(scope))(scope)]

    def simple(self, scope: Scope) -> list[Callable[[Scope], list[str]]]:
        kinds = [self.declare, self.declare, self.assign, self.assign, self.augment, self.swap]
        if scope.structs:
            kinds += [self.store_field, self.store_field, self.store_bits, self.store_text, self.map_statement]
        return kinds

    def fresh(self) -> str:
        self.names += 1
        return f"v{self.names}"

    def declare(self, scope: Scope) -> list[str]:
        kind, name = self.rng.choice(list(NUMBERS)), self.fresh()
        line = f"{name}: {kind} = {self.expr(scope, kind)}"
        scope.numbers[name] = kind
        return [line]

    def target(self, scope: Scope) -> tuple[str, str] | None:
        known = [(n, k) for n, k in scope.numbers.items() if n not in scope.fixed]
        return self.rng.choice(known) if known else None

    def assign(self, scope: Scope) -> list[str]:
        found = self.target(scope)
        return [f"{found[0]} = {self.expr(scope, found[1])}"] if found else ["pass"]

    def augment(self, scope: Scope) -> list[str]:
        found = self.target(scope)
        if found is None:
            return ["pass"]
        name, kind = found
        op = self.rng.choice(("+", "-", "*", "//", "%", "&", "|", "^", "<<", ">>"))
        if op in ("<<", ">>"):
            return [f"{name} {op}= {self.rng.randrange(NUMBERS[kind].bits)}"]
        return [f"{name} {op}= {self.divisor(scope, op, kind)}"]

    def swap(self, scope: Scope) -> list[str]:
        by_kind: dict[str, list[str]] = {}
        for name, kind in scope.numbers.items():
            if name not in scope.fixed:
                by_kind.setdefault(kind, []).append(name)
        pairs = [names for names in by_kind.values() if len(names) > 1]
        if not pairs:
            return ["pass"]
        a, b = self.rng.sample(self.rng.choice(pairs), 2)
        return [f"{a}, {b} = {b}, {a}"]

    def place(self, scope: Scope) -> tuple[str, str]:
        path, kind = self.rng.choice(list(FIELDS.items()))
        return f"{self.rng.choice(scope.structs)}.{self.indexed(scope, path)}", kind

    def indexed(self, scope: Scope, path: str) -> str:
        for length in (5, 6):
            index = (
                str(self.rng.randrange(length))
                if self.rng.random() < 0.4
                else f"{self.expr(scope, 'u32', 1)} % {length}"
            )
            path = path.replace(f"{{i{length}}}", index)
        return path

    def store_field(self, scope: Scope) -> list[str]:
        place, kind = self.place(scope)
        op = self.rng.choice(("=", "=", "+=", "^=", "//="))
        return [f"{place} {op} {self.divisor(scope, op, kind)}"]

    def store_bits(self, scope: Scope) -> list[str]:
        path, (kind, low, high) = self.rng.choice(list(BITS.items()))
        place = f"{self.rng.choice(scope.structs)}.{path}"
        if self.rng.random() < 0.4:
            return [f"{place} = {self.rng.randint(low, high)}"]
        if low == 0 and self.rng.random() < 0.5:
            return [f"{place} = {self.expr(scope, kind)} & {high}"]
        return [f"{place} += {self.expr(scope, kind)}"]

    def store_text(self, scope: Scope) -> list[str]:
        one, other = (self.rng.choice(scope.structs) for _ in range(2))
        return [self.rng.choice((
            f"{one}.text = {self.rng.choice(WORDS)!r}",
            f"{one}.text = {other}.text",
            f"{one}.raw[1:4] = b'xyz'",
            f"{one}.raw[0:2] = {other}.raw[3:5]",
            f"{one}.inner = {other}.inner",
        ))]  # fmt: skip

    def map_statement(self, scope: Scope) -> list[str]:
        key = f"{self.expr(scope, 'u32', 1)} % 6"
        name = self.fresh()
        return self.rng.choice((
            [f"counts[{key}] += {self.expr(scope, 'u64', 1)}"],
            [f"counts[{key}] = {self.expr(scope, 'u64', 1)}"],
            [f"del counts[{key}]"],
            [f"table[{self.rng.randrange(3)}] = {self.rng.choice(scope.structs)}"],
            [f"{name} = counts.lookup({key})", f"if {name} is not None:", f"    {name}.value ^= {self.expr(scope, 'u64', 1)}"],
            [f"if {self.rng.choice(scope.structs)} == {self.rng.choice(scope.structs)}:", *self.indent(self.assign(scope))],
        ))  # fmt: skip

    def indent(self, lines: list[str]) -> list[str]:
        return ["    " + line for line in lines]

    def if_statement(self, scope: Scope, depth: int, returns: str, loop: bool) -> list[str]:
        pad = "    " * depth
        out = [f"{pad}if {self.condition(scope)}:", *self.block(scope.inside(), depth + 1, 3, returns, loop)]
        if self.rng.random() < 0.3:
            out += [f"{pad}elif {self.condition(scope)}:", *self.block(scope.inside(), depth + 1, 2, returns, loop)]
        if self.rng.random() < 0.5:
            out += [f"{pad}else:", *self.block(scope.inside(), depth + 1, 3, returns, loop)]
        return out

    def for_statement(self, scope: Scope, depth: int, returns: str, loop: bool) -> list[str]:
        pad, name, inner = "    " * depth, self.fresh(), scope.inside()
        start, stop = self.rng.randint(-3, 3), self.rng.randint(0, 5)
        step = self.rng.choice((1, 1, 2, -1))
        text = self.rng.choice((
            f"range({stop})", f"range({start}, {stop}, {step})", f"range({self.expr(scope, 'u8', 1)} % 4)",
            f"reversed(range({stop}))",
        ))  # fmt: skip
        kind = "u8" if "%" in text else "i64"
        inner.numbers[name] = kind
        inner.fixed.add(name)
        out = [f"{pad}for {name} in {text}:", *self.block(inner, depth + 1, 2, returns, True)]
        if self.rng.random() < 0.2:
            out += [f"{pad}else:", *self.block(scope.inside(), depth + 1, 2, returns, loop)]
        return out

    def run_time_loop(self, scope: Scope, depth: int, returns: str, loop: bool) -> list[str]:
        """Loops whose rounds only the run knows, which helpers make."""
        pad, name, inner = "    " * depth, self.fresh(), scope.inside()
        inner.fixed.add(name)
        if self.rng.random() < 0.5:
            kind = self.rng.choice(("u32", "u64", "i64"))
            inner.numbers[name] = kind
            stop = f"{kind}({self.expr(scope, 'u8', 1)} & 7)"
            out = [f"{pad}for {name} in bpf.iter_num({self.rng.randint(0, 3)}, {stop}):"]
        else:
            inner.numbers[name] = "u8"
            out = [f"{pad}{name} = {self.expr(scope, 'u8', 1)} & 7", f"{pad}while {name} > 0:", f"{pad}    {name} -= 1"]
        out += self.block(inner, depth + 1, 2, returns, True)
        if self.rng.random() < 0.2:
            out += [f"{pad}else:", *self.block(scope.inside(), depth + 1, 2, returns, loop)]
        return out

    def array_loop(self, scope: Scope, depth: int, returns: str, loop: bool) -> list[str]:
        pad, name, index, inner = "    " * depth, self.fresh(), self.fresh(), scope.inside()
        base = self.rng.choice(scope.structs)
        inner.fixed |= {name, index}
        inner.numbers[name] = "u16"
        if self.rng.random() < 0.5:
            return [f"{pad}for {name} in {base}.list:", *self.block(inner, depth + 1, 2, returns, True)]
        inner.numbers[index] = "i64"
        return [f"{pad}for {index}, {name} in enumerate({base}.list):", *self.block(inner, depth + 1, 2, returns, True)]

    def while_statement(self, scope: Scope, depth: int, returns: str, loop: bool) -> list[str]:
        pad, name, inner = "    " * depth, self.fresh(), scope.inside()
        inner.fixed.add(name)
        inner.numbers[name] = "i64"
        body = self.block(inner, depth + 1, 2, returns, True)
        top = f"{pad}    {name} += {self.rng.randint(1, 3)}"
        return [f"{pad}{name} = 0", f"{pad}while {name} < {self.rng.randint(1, 6)}:", top, *body]

    def match_statement(self, scope: Scope, depth: int, returns: str, loop: bool) -> list[str]:
        pad, kind = "    " * depth, self.rng.choice(list(NUMBERS))
        out = [f"{pad}match {self.expr(scope, kind)} % 5:"]
        for _ in range(self.rng.randint(1, 3)):
            values = " | ".join(str(v) for v in sorted(self.rng.sample(range(5), self.rng.randint(1, 2))))
            guard = f" if {self.condition(scope)}" if self.rng.random() < 0.3 else ""
            out += [f"{pad}    case {values}{guard}:", *self.block(scope.inside(), depth + 2, 2, returns, loop)]
        if self.rng.random() < 0.6:
            name, inner = self.fresh(), scope.inside()
            inner.numbers[name] = kind
            inner.fixed.add(name)
            out += [f"{pad}    case {self.rng.choice(('_', name))}:"]
            used = name if out[-1].endswith(f"{name}:") else "_"
            out += self.block(inner if used == name else scope.inside(), depth + 2, 2, returns, loop)
        return out

    # -------------------------------------------------------------------- expressions

    def literal(self, kind: str) -> str:
        number = NUMBERS[kind]
        edges = (0, 1, 2, 3, 7, number.max, number.min, number.max - 1, number.max // 2)
        if self.rng.random() < 0.6:
            return str(self.rng.choice(edges))
        return str(self.rng.randint(number.min, number.max))

    def leaf(self, scope: Scope, kind: str) -> str:
        known = [name for name, k in scope.numbers.items() if k == kind]
        roll = self.rng.random()
        if known and roll < 0.6:
            return self.rng.choice(known)
        if scope.structs and roll < 0.75:
            fields = [p for p, k in FIELDS.items() if k == kind] + [p for p, (k, *_) in BITS.items() if k == kind]
            if fields:
                return f"{self.rng.choice(scope.structs)}.{self.rng.choice(fields).format(i5=self.rng.randrange(5), i6=self.rng.randrange(6))}"
        return f"{kind}({self.literal(kind)})"

    def expr(self, scope: Scope, kind: str, depth: int = 0) -> str:
        """An expression of exactly this type."""
        if depth >= MAX_DEPTH or self.rng.random() < 0.2:
            return self.leaf(scope, kind)
        number = NUMBERS[kind]
        makers = [self.binary, self.binary, self.cast, self.choose, self.shift, self.small, self.literal_operand]
        if self.functions:
            makers.append(self.call)
        if number.signed:
            makers.append(lambda s, k, d: f"{self.rng.choice(('-', 'abs'))}({self.expr(s, k, d)})")
        if scope.structs and kind in ("u64", "u16"):
            makers.append(self.from_memory)
        return self.rng.choice(makers)(scope, kind, depth + 1)

    def binary(self, scope: Scope, kind: str, depth: int) -> str:
        op = self.rng.choice(("+", "-", "*", "//", "%", "&", "|", "^"))
        left, right = kind, kind
        narrower = [k for k, n in NUMBERS.items() if n.signed == NUMBERS[kind].signed and n.bits < NUMBERS[kind].bits]
        narrower += [
            k for k, n in NUMBERS.items() if NUMBERS[kind].signed and not n.signed and n.bits < NUMBERS[kind].bits
        ]
        if narrower and self.rng.random() < 0.4:
            right = self.rng.choice(narrower)
        if self.rng.random() < 0.5:
            left, right = right, left
        divisor = self.divisor(scope, op, right, depth)
        return f"({self.expr(scope, left, depth)} {op} {divisor})"

    def divisor(self, scope: Scope, op: str, kind: str, depth: int = 0) -> str:
        """A right operand; a constant that may be zero is none for a division, as that is an error."""
        text = self.expr(scope, kind, depth)
        return f"{kind}(3)" if op[:2] in ("//", "%", "%=") and not re.search(r"\b[gvpsf]\d|counts", text) else text

    def literal_operand(self, scope: Scope, kind: str, depth: int) -> str:
        op = self.rng.choice(("+", "-", "*", "//", "%", "&", "|", "^"))
        value = self.literal(kind)
        if op in ("//", "%") and int(value) == 0:
            value = "7"
        return f"({self.expr(scope, kind, depth)} {op} {value})"

    def shift(self, scope: Scope, kind: str, depth: int) -> str:
        op, bits = self.rng.choice(("<<", ">>")), NUMBERS[kind].bits
        counts = [n for n, k in scope.numbers.items() if k in ("u8", "u16", "u32", "u64", "i64")]
        constant = not counts or self.rng.random() < 0.5
        count = str(self.rng.randrange(bits)) if constant else self.rng.choice(counts)
        return f"({self.expr(scope, kind, depth)} {op} {count})"

    def small(self, scope: Scope, kind: str, depth: int) -> str:
        return self.rng.choice((
            f"{self.rng.choice(('min', 'max'))}({self.expr(scope, kind, depth)}, {self.expr(scope, kind, depth)})",
            f"(~{self.expr(scope, kind, depth)})",
            f"{kind}({self.condition(scope, depth)})",
            f"(({self.leaf(scope, kind)}) {self.rng.choice(('and', 'or'))} ({self.leaf(scope, kind)}))",
        ))  # fmt: skip

    def cast(self, scope: Scope, kind: str, depth: int) -> str:
        return f"{kind}({self.expr(scope, self.rng.choice(list(NUMBERS)), depth)})"

    def choose(self, scope: Scope, kind: str, depth: int) -> str:
        return (
            f"({self.expr(scope, kind, depth)} if {self.condition(scope, depth)} else {self.expr(scope, kind, depth)})"
        )

    def call(self, scope: Scope, kind: str, depth: int) -> str:
        name, params, result = self.rng.choice(self.functions)
        arguments = ", ".join(self.expr(scope, p, depth + 1) for p in params)
        return f"{kind}({name}({arguments}))"

    def from_memory(self, scope: Scope, kind: str, depth: int) -> str:
        if kind == "u64":
            key = f"{self.expr(scope, 'u32', depth)} % 6"
            return self.rng.choice(
                (f"counts.get({key}, {self.literal('u64')})", f"sum({self.rng.choice(scope.structs)}.list)")
            )
        return f"{self.rng.choice(('min', 'max'))}({self.rng.choice(scope.structs)}.list)"

    def condition(self, scope: Scope, depth: int = 0) -> str:
        if depth >= MAX_DEPTH:
            return f"{self.leaf(scope, 'i64')} > {self.leaf(scope, 'i64')}"
        depth += 1
        roll = self.rng.random()
        if roll < 0.5:
            kind = self.rng.choice(list(NUMBERS))
            return f"{self.expr(scope, kind, depth)} {self.rng.choice(COMPARISONS)} {self.expr(scope, kind, depth)}"
        if roll < 0.6:
            return f"({self.condition(scope, depth)} {self.rng.choice(('and', 'or'))} {self.condition(scope, depth)})"
        if roll < 0.7:
            return f"not {self.condition(scope, depth)}"
        if roll < 0.8 and scope.structs:
            base = self.rng.choice(scope.structs)
            tests = (f"{base}.text == {self.rng.choice(WORDS)!r}", f"{base}.text.startswith('ab')", f"7 in {base}.list")
            return self.rng.choice(
                (*tests, f"any({base}.raw)", f"{base}.inner == {self.rng.choice(scope.structs)}.inner")
            )
        if roll < 0.9:
            kind = self.rng.choice(list(NUMBERS))
            low, high = sorted((int(self.literal(kind)), int(self.literal(kind))))
            return f"{low} <= {self.expr(scope, kind, depth)} <= {high}"
        return f"bool({self.expr(scope, self.rng.choice(list(NUMBERS)), depth)})"
