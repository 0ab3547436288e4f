"""E04xx: maps and what is done with them."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class MapReadBySubscript(ErrorClass):
    """A map entry is read with a subscript.

    In Python `m[k]` raises `KeyError` when the key is absent. Nothing raises in the kernel, so the program says what
    happens then.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = counts[1]
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = counts.get(1, 0)
            return XDP_PASS
    """

    code = "E0401"
    title = "`{map}[…]` cannot be read: the key may be absent"
    label = "there may be no entry"
    help = "use `{map}.get(key, default)` for a copy, or `{map}.lookup(key)` and check it for None"
    map: str


class MapTypeMismatch(ErrorClass):
    """A key or value is not of the map's type.

    Keys and values have the types of the map's declaration.

    Bad:

        @bpf.struct
        class Key:
            a: u32


        seen = bpf.HashMap[Key, u64](max_entries=64)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            seen[1] = 1
            return XDP_PASS

    Good:

        @bpf.struct
        class Key:
            a: u32


        seen = bpf.HashMap[Key, u64](max_entries=64)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            seen[Key(a=1)] = 1
            return XDP_PASS
    """

    code = "E0402"
    title = "{what} is {expected}, not {found}"
    label = "this is {found}"
    what: str
    expected: str
    found: str


class AggregateGet(ErrorClass):
    """`get` is used on a map of structs or arrays.

    `get` copies a value into a register. A struct stays in the map and is read through a reference.

    Bad:

        @bpf.struct
        class Pair:
            a: u32


        pairs = bpf.HashMap[u32, Pair](max_entries=64)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair = pairs.get(1, Pair(a=0))
            return XDP_PASS

    Good:

        @bpf.struct
        class Pair:
            a: u32


        pairs = bpf.HashMap[u32, Pair](max_entries=64)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair = pairs.lookup(1)
            if pair is not None:
                x = pair.a
            return XDP_PASS
    """

    code = "E0403"
    title = "`{map}.get` copies scalar values only"
    label = "the value is a struct or an array"
    help = "use `{map}.lookup(key)`, a reference, and check it for None"
    map: str


class NoMapOperation(ErrorClass):
    """The map's type does not have this operation in a program.

    Each map type has the operations that the kernel gives it in a program.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            counts.push(1)
            return XDP_PASS

    Good:

        queue = bpf.Queue[u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            queue.push(1)
            return XDP_PASS
    """

    code = "E0404"
    title = "`{map}` is {type}, which has no `{operation}` in a program"
    label = "not possible on {type}"
    map: str
    type: str
    operation: str


class InvalidMap(ErrorClass):
    """A map is declared in a way that its type does not allow.

    Keys and values have types of the language, and each map type has rules for them.

    Bad:

        counts = bpf.HashMap[u32, str](max_entries=64)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            counts[1] = 2
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            counts[1] = 2
            return XDP_PASS
    """

    code = "E0405"
    title = "`{map}`: {reason}"
    label = "declared here"
    map: str
    reason: str


class MapOutOfPlace(ErrorClass):
    """A map is used as a value.

    A map is not a value: it is used by its methods and given to helpers.

    Bad:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            m = counts
            return XDP_PASS

    Good:

        counts = bpf.HashMap[u32, u64](max_entries=64)

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            counts[1] = 2
            return XDP_PASS
    """

    code = "E0407"
    title = "the map `{map}` is not a value"
    label = "cannot be stored or computed with"
    help = "pass it to a helper, or call one of its methods"
    map: str
