"""Random programs about None, reservations, packets and variables that may be unbound: some right, some wrong.

Every statement fits the types of its variables, but not every use stands behind its test: what is wrong is for the
compiler to find, and what it does not refuse the kernel must take.

Rows on the stack are not written in loops that helpers run: the verifier follows their contents through every round, and
gives up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

DECLARED = """
@bpf.struct
class Inner:
    p: u16
    q: u32

@bpf.struct
class Row:
    a: u64
    b: u32
    inner: Inner
    list: Annotated[list[u16], 5]
    text: Annotated[str, 16]

@bpf.struct
class Header:
    kind: be16
    size: u8
    rest: u8

@bpf.struct
class Tuple:
    saddr: be32
    daddr: be32
    sport: be16
    dport: be16

counts = bpf.HashMap[u32, u64](max_entries=8)
recent = bpf.LruHashMap[u64, u32](max_entries=8)
rows = bpf.HashMap[u32, Row](max_entries=8)
table = bpf.Array[Row](max_entries=4)
local = bpf.PerCpuArray[Row](max_entries=2)
numbers = bpf.RingBuf[u64](size=4096)
events = bpf.RingBuf[Row](size=4096)
queue = bpf.Queue[u32](max_entries=4)
by_xdp, by_tc, by_socket_filter, by_cgroup, by_raw = (bpf.ProgArray(max_entries=2) for _ in range(5))
total: bpf.Global[u64] = 0

@bpf.func
def weigh(row: Row) -> u64:
    if row.b > 7:
        return row.a
    row.inner.q += 1
    return u64(row.inner.q)

@bpf.func(noinline=True)
def fill(row: Row, value: u64) -> u64:
    row.a = value
    row.list[value % 5] = 3
    return row.a + 1

@bpf.func(noinline=True)
def send(value: u64) -> u64:
    event = events.reserve()
    if event is None:
        return 0
    event.a = value
    if value & 1:
        events.discard(event)
        return 1
    events.submit(event)
    return 2

@bpf.func(noinline=True)
def find(key: u32) -> u64:
    count = counts.lookup(key)
    return count.value if count is not None else 9
"""
MOVERS = {
    "xdp": "@bpf.func{option}\ndef move_xdp(ctx: bpf.XdpContext) -> i64:\n    return bpf_xdp_adjust_head(ctx, 1)\n",
    "tc": "@bpf.func{option}\ndef move_tc(ctx: bpf.TcContext) -> i64:\n    return bpf_skb_pull_data(ctx, 1)\n",
}
HOOKS = {
    "xdp": ("XdpContext", ("XDP_PASS", "XDP_DROP"), "by_xdp"),
    "tc": ("TcContext", ("TC_ACT_OK", "7"), "by_tc"),
    "socket_filter": ("SkBuff", ("0", "100"), "by_socket_filter"),
    "cgroup_skb_ingress": ("CgroupSkbContext", ("0", "1"), "by_cgroup"),
    "raw_tracepoint('sys_enter')": ("RawTracepointContext", ("0", "1"), "by_raw"),
}
MAX_DEPTH = 3


@dataclass
class Scope:
    """The variables there are, on some path, by kind; `tested` are those likely not None."""

    names: dict[str, str] = field(default_factory=dict)
    tested: set[str] = field(default_factory=set)
    loop: str = ""

    def inside(self, loop: str = "") -> Scope:
        return Scope(dict(self.names), set(self.tested), loop or self.loop)

    def of(self, *kinds: str) -> list[str]:
        return [name for name, kind in self.names.items() if kind in kinds]


NULLABLE = ("count", "row", "record", "number", "header", "socket")
"""Kinds of variables: a number in a map, a row in a map, a reserved row, a reserved number, a header, a socket."""
ROWS = ("row", "record", "own")


class PointerGenerator:
    """Writes the programs of one module."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.counter = 0
        self.hook = ""

    def module(self, programs: int) -> str:
        option = self.rng.choice(("", "(noinline=True)"))
        text = DECLARED + "\n".join(mover.format(option=option) for mover in MOVERS.values())
        return text + "\n".join(self.program(f"prog{n}") for n in range(programs))

    def program(self, name: str) -> str:
        self.hook = self.rng.choice(list(HOOKS))
        context, results, _ = HOOKS[self.hook]
        scope = Scope({"n": "int"})
        lines = [f"@bpf.{self.hook}", f"def {name}(ctx: bpf.{context}) -> int:", "    n = bpf_get_prandom_u32()"]
        lines += self.block(scope, 1, 7)
        return "\n".join([*lines, f"    return {self.rng.choice(results)}", "", ""])

    # --------------------------------------------------------------------------- choices

    def one_in(self, chances: int) -> bool:
        return self.rng.randrange(chances) == 0

    def number(self, scope: Scope) -> str:
        rows, counts = [r for r in scope.of(*ROWS) if self.usable(scope, r)], scope.of("count", "number")
        rows = [r for r in rows if scope.names[r] != "own" or scope.loop != "helper"]
        headers = scope.of("header")
        kinds: list[str] = ["n", "n & 7", str(self.rng.randrange(5)), "u32(bpf_ktime_get_ns())"]
        kinds += [f"u32(find({self.rng.randrange(5)}))", f"u32(counts.get({self.rng.randrange(5)}, 3))"]
        if rows:
            row = self.rng.choice(rows)
            kinds += [f"{row}.b", f"u32({row}.a)", f"{row}.inner.q", f"u32({row}.list[n % 5])", f"u32(weigh({row}))"]
        if counts and self.usable(scope, name := self.rng.choice(counts)):
            kinds += [f"u32({name}.value)"] * 3
        if headers and self.usable(scope, name := self.rng.choice(headers)):
            kinds += [f"u32({name}.kind)", f"u32({name}.size)"] * 2
        if known := scope.of("int"):
            kinds += [self.rng.choice(known)] * 2
        return self.rng.choice(kinds)

    def usable(self, scope: Scope, name: str) -> bool:
        """Whether to use a variable: nearly always one that was tested."""
        return scope.names[name] == "own" or name in scope.tested or self.one_in(25)

    def condition(self, scope: Scope) -> tuple[str, str, str]:
        """A condition, the variable that is not None where it holds, and the one where it does not."""
        pointers = scope.of(*NULLABLE)
        if not pointers or self.one_in(3):
            return f"{self.number(scope)} {self.rng.choice(('<', '>', '==', '!='))} {self.rng.randrange(9)}", "", ""
        name = self.rng.choice(pointers)
        match self.rng.randrange(5):
            case 0:
                return f"{name} is None", "", name
            case 1:
                return f"not {name}", "", name
            case 2:
                tested = Scope(dict(scope.names), {*scope.tested, name})
                return f"{name} is not None and {self.number(tested)} > 2", name, ""
            case 3:
                tested = Scope(dict(scope.names), {*scope.tested, name})
                return f"{name} is None or {self.number(tested)} > 2", "", name
            case _:
                return f"{name}" if self.one_in(2) else f"{name} is not None", name, ""

    # ------------------------------------------------------------------------ statements

    def block(self, scope: Scope, depth: int, size: int) -> list[str]:
        out: list[str] = []
        for _ in range(self.rng.randint(1, size)):
            out += self.statement(scope, depth)
        return out

    def statement(self, scope: Scope, depth: int) -> list[str]:
        pad = "    " * depth
        roll = self.rng.random()
        if roll < 0.25 and depth <= MAX_DEPTH:
            kinds: list[Callable[[Scope, int], list[str]]] = [self.branch, self.branch, self.loop]
            return self.rng.choice(kinds)(scope, depth)
        if roll < 0.30 and scope.loop:
            condition, _, _ = self.condition(scope)
            return [f"{pad}if {condition}:", f"{pad}    {self.rng.choice(('break', 'continue'))}"]
        if roll < 0.55:
            return self.bind(scope, pad)
        return [pad + line for line in self.use(scope)]

    def bind(self, scope: Scope, pad: str) -> list[str]:
        """A variable gets a pointer, and mostly a test right behind."""
        kind = self.rng.choice(("count", "row", "row", "record", "number", "header", "socket", "own", "int", "alias"))
        if (kind == "header" and self.hook not in ("xdp", "tc")) or (
            kind == "socket" and self.hook not in ("xdp", "tc")
        ):
            kind = "row"
        if kind == "alias":
            return self.alias(scope, pad)
        old = scope.of(kind)
        name = self.rng.choice(old) if old and self.one_in(4) else self.fresh(kind)
        scope.names[name] = kind
        scope.tested.discard(name)
        lines = [f"{pad}{name} = {self.source(scope, kind)}"]
        if kind not in NULLABLE or self.one_in(5):
            return lines
        if self.one_in(2):
            leave = self.leave(scope)
            scope.tested.add(name)
            return [*lines, f"{pad}if {name} is None:", f"{pad}    {leave}", *self.finish(scope, name, pad)]
        inner = scope.inside()
        inner.tested.add(name)
        body = self.block(inner, len(pad) // 4 + 1, 2)
        closing = self.finish(inner, name, pad + "    ")
        return [*lines, f"{pad}if {name} is not None:", *body, *closing]

    def finish(self, scope: Scope, name: str, pad: str) -> list[str]:
        """What was reserved is mostly given back at once, after some uses."""
        kind = scope.names[name]
        if kind not in ("record", "number", "socket") or self.one_in(4):
            return []
        uses = [pad + line for _ in range(self.rng.randrange(3)) for line in self.use(scope)]
        return [*uses, pad + self.give_back(name, kind)]

    def give_back(self, name: str, kind: str) -> str:
        if kind == "socket":
            return f"bpf_sk_release({name})"
        return f"{'events' if kind == 'record' else 'numbers'}.{self.rng.choice(('submit', 'discard'))}({name})"

    def leave(self, scope: Scope) -> str:
        word = self.rng.choice(("break", "continue", "return")) if scope.loop else "return"
        return f"return {self.rng.choice(HOOKS[self.hook][1])}" if word == "return" else word

    def fresh(self, kind: str) -> str:
        self.counter += 1
        return f"{kind}{self.counter}"

    def source(self, scope: Scope, kind: str) -> str:
        key = self.number(scope)
        match kind:
            case "count":
                return f"counts.lookup({key})"
            case "row":
                return f"{self.rng.choice(('rows', 'table', 'local'))}.lookup({key})"
            case "record":
                return "events.reserve()"
            case "number":
                return "numbers.reserve()"
            case "header":
                offset = self.rng.choice(("", ", 14", ", n & 31", ", min(n, 100)"))
                return f"ctx.packet(Header{offset})"
            case "socket":
                return f"bpf_sk_lookup_tcp(ctx, Tuple(saddr={key}, dport=80), 0, 0)"
            case "own":
                return self.rng.choice((f"Row(b={key})", "Row()"))
            case _:
                return key

    def alias(self, scope: Scope, pad: str) -> list[str]:
        """Another name of something, or one of two things."""
        known = [n for n in scope.names if scope.names[n] != "int"]
        if not known:
            return [f"{pad}pass"]
        name = self.rng.choice(known)
        kind = scope.names[name]
        others = [n for n in scope.of(kind) if n != name]
        new = self.fresh(kind)
        tested = name in scope.tested
        if others and self.one_in(3):
            other = self.rng.choice(others)
            value, tested = f"{name} if n > 3 else {other}", tested and other in scope.tested
        else:
            value = name
        scope.names[new] = kind
        if tested:
            scope.tested.add(new)
        return [f"{pad}{new} = {value}"]

    def use(self, scope: Scope) -> list[str]:
        value = self.number(scope)
        kinds = [f"counts[{value}] += 1", f"n = {value}", f"queue.push({value})", f"recent[u64({value})] = n"]
        kinds += [f"send(u64({value}))", f"del counts[{value}]", f"n += {value}", "n += u32(3 in counts)"]
        for name in scope.of(*ROWS):
            if self.usable(scope, name) and (scope.names[name] != "own" or scope.loop != "helper"):
                kinds += [f"{name}.a += u64({value})", f"{name}.inner.p = u16({value})", f"{name}.text = 'abc'"]
                kinds += [f"{name}.list[n % 5] = u16({value})", f"fill({name}, u64({value}))", f"rows[n] = {name}"]
                kinds += [f"n += {name}.inner.q", f"rows.update(n, {name}, BPF_ANY)"]
        for name in scope.of("count", "number"):
            if self.usable(scope, name):
                kinds += [f"{name}.value = u64({value})", f"{name}.value += 1"]
        for name in scope.of("header"):
            if self.usable(scope, name):
                kinds += [f"n += u32({name}.kind)", f"counts[u32({name}.size)] = 1"]
                kinds += [f"{name}.rest = 1"] if self.hook in ("xdp", "tc") else []
        for name in scope.of("record", "number", "socket"):
            if name in scope.tested and self.one_in(3):
                kinds.append(self.give_back(name, scope.names[name]))
        if self.one_in(12):
            kinds += {"xdp": ["move_xdp(ctx)"], "tc": ["move_tc(ctx)", "bpf_skb_vlan_pop(ctx)"]}.get(self.hook, [])
            kinds += [f"{HOOKS[self.hook][2]}.tail_call(ctx, 1)"]
        return [self.rng.choice(kinds)]

    def branch(self, scope: Scope, depth: int) -> list[str]:
        pad = "    " * depth
        condition, holds, fails = self.condition(scope)
        then, otherwise = scope.inside(), scope.inside()
        then.tested |= {holds} - {""}
        otherwise.tested |= {fails} - {""}
        out = [f"{pad}if {condition}:", *self.block(then, depth + 1, 3)]
        left = self.one_in(3)
        if left:
            out.append(f"{pad}    {self.leave(then)}")
        if self.one_in(2):
            out += [f"{pad}else:", *self.block(otherwise, depth + 1, 3)]
        if left:
            scope.tested |= {fails} - {""}
        for name in set(then.names) & set(otherwise.names) if not self.one_in(6) else set(then.names):
            scope.names.setdefault(name, then.names[name])
        return out

    def loop(self, scope: Scope, depth: int) -> list[str]:
        pad, name = "    " * depth, self.fresh("i")
        head = self.rng.choice(
            (
                f"for {name} in range({self.rng.randrange(1, 5)}):",
                f"for {name} in range(min(n, 4)):",
                f"for {name} in bpf.iter_num(0, n & 63):",
                f"for {name}, v{name} in counts.items():",
                f"for {name} in rows.keys():",
                f"while {self.number(scope)} > 3:",
            )
        )
        helper = not head.startswith("while") and " in range(" not in head
        inner = scope.inside(loop="helper" if helper or scope.loop == "helper" else "plain")
        body = self.block(inner, depth + 1, 4)
        if head.startswith("while"):
            counter = f"c{name}"
            return [
                f"{pad}{counter} = 0",
                f"{pad}{head[:-1].replace('while ', 'while ' + counter + ' < 4 and ')}:",
                f"{pad}    {counter} += 1",
                *body,
            ]
        return [f"{pad}{head}", *body]
