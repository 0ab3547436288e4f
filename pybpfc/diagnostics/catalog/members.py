"""E022x to E023x: attributes, fields and elements."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class UnknownAttribute(ErrorClass):
    """A value has no such attribute.

    Structs have their fields, pointers to scalars `.value`, and the context the fields of its hook.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            x = n.value
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = bpf_get_prandom_u32()
            return XDP_PASS
    """

    code = "E0223"
    title = "{what} has no attribute `{name}`"
    label = "no such attribute"
    what: str
    name: str


class UnknownField(ErrorClass):
    """A struct has no such field.

    The field is not declared in the struct.

    Bad:

        @bpf.struct
        class Pair:
            first: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair = Pair(frist=1)
            return XDP_PASS

    Good:

        @bpf.struct
        class Pair:
            first: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair = Pair(first=1)
            return XDP_PASS
    """

    code = "E0224"
    title = "`{struct}` has no field `{name}`"
    label = "no such field"
    struct: str
    name: str


class UnknownMember(ErrorClass):
    """A module or class has no such name.

    The module or class does not have this name.

    Bad:

        class Color(enum.IntEnum):
            GREEN = 1


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = Color.GREN
            return XDP_PASS

    Good:

        class Color(enum.IntEnum):
            GREEN = 1


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            x = Color.GREEN
            return XDP_PASS
    """

    code = "E0225"
    title = "`{owner}` has no `{name}`"
    label = "not found there"
    owner: str
    name: str


class NoSuchMethod(ErrorClass):
    """A value has no such method.

    Only maps, contexts, text and structs with methods of their own have methods.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            x = n.bit_length()
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            x = n & 1
            return XDP_PASS
    """

    code = "E0226"
    title = "{what} has no method `{name}`"
    label = "no such method"
    what: str
    name: str


class PositionalField(ErrorClass):
    """A struct is made with positional arguments.

    Fields are given by name, so that adding one to the struct does not change what existing code means.

    Bad:

        @bpf.struct
        class Pair:
            a: u32
            b: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair = Pair(1, 2)
            return XDP_PASS

    Good:

        @bpf.struct
        class Pair:
            a: u32
            b: u32


        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            pair = Pair(a=1, b=2)
            return XDP_PASS
    """

    code = "E0227"
    title = "the fields of `{struct}` are given by name"
    label = "which field?"
    help = "write `{struct}(field=value)`; fields left out are zero"
    struct: str


class IndexOutOfRange(ErrorClass):
    """A constant index lies outside the array.

    An array's length is fixed, and the index is constant: the access would be outside the array.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            values: Annotated[list[u32], 4]
            values[4] = 1
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            values: Annotated[list[u32], 4]
            values[3] = 1
            return XDP_PASS
    """

    code = "E0228"
    title = "index {index} is outside an array of {length}"
    label = "out of range"
    index: int
    length: int


class UnboundedIndex(ErrorClass):
    """A variable index is not known to lie within the array.

    The verifier must see that an index lies within the array, and a wrong one would change other memory.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            values: Annotated[list[u32], 4]
            i = bpf_get_prandom_u32()
            values[i] = 1
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            values: Annotated[list[u32], 4]
            i = bpf_get_prandom_u32()
            values[i % 4] = 1
            return XDP_PASS
    """

    code = "E0229"
    title = "the index may be outside the array of {length}"
    label = "not known to be below {length}"
    help = "bound it: `i % {length}`, `min(i, {length} - 1)`, or test it with `if i < {length}:`"
    length: int


class NotIndexable(ErrorClass):
    """Something without elements is indexed.

    Arrays have elements, and maps have entries; this has neither.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            x = n[0]
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            n = bpf_get_prandom_u32()
            x = n & 1
            return XDP_PASS
    """

    code = "E0230"
    title = "{what} cannot be indexed"
    label = "has no elements"
    what: str


class NotAnIndex(ErrorClass):
    """An index is not an integer.

    Array elements are counted from 0 by integers.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            values: Annotated[list[u32], 4]
            x = values["a"]
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            values: Annotated[list[u32], 4]
            x = values[0]
            return XDP_PASS
    """

    code = "E0231"
    title = "an index must be an integer, not {what}"
    label = "not an integer"
    what: str


class TextTooLong(ErrorClass):
    """A constant text is longer than the array it goes to.

    The array's size is fixed; a text that was cut silently would compare and print wrongly.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[str, 4] = "eth0"
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[str, 5] = "eth0"
            return XDP_PASS
    """

    code = "E0232"
    title = "{length} bytes do not fit {type}"
    label = "too long"
    help = "make the array longer; an `Annotated[str, N]` holds N-1 bytes and the terminating NUL"
    length: int
    type: str


class TextOrder(ErrorClass):
    """Text is compared with an order.

    Comparing text for an order needs a loop over unknown bytes; equality and prefixes are what programs need.

    Bad:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[str, 16] = "a"
            if name < "b":
                return XDP_DROP
            return XDP_PASS

    Good:

        @bpf.xdp
        def prog(ctx: bpf.XdpContext) -> int:
            name: Annotated[str, 16] = "a"
            if name == "b":
                return XDP_DROP
            return XDP_PASS
    """

    code = "E0233"
    title = "text compares with `==` and `!=` only"
    label = "no order on text"
    help = "compare an `Annotated[str, N]` with a constant or another one by `==`, or use `.startswith`"
