"""Contexts as type checkers see them. At run time they are names that the compiler knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")


class Context:
    """The base of contexts; `__bpf_context__` is the UAPI struct behind it."""

    __bpf_context__ = ""


class TracepointContext(Context):
    """A tracepoint's record: its fields under the names of the event's format."""

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class RawTracepointContext(Context):
    """A raw tracepoint's arguments, `ctx.args[i]`, each as u64."""

    __bpf_context__ = "bpf_raw_tracepoint_args"
    args: list[int]


class PacketContext(Context):
    """What contexts with a packet have in common."""

    data: int
    data_end: int

    if TYPE_CHECKING:

        def packet(self, type: type[T], offset: int = 0) -> T | None:
            """A bounds-checked reference to a `type` at `offset` bytes into the packet, or None."""
            ...


class XdpContext(PacketContext):
    """`struct xdp_md`."""

    __bpf_context__ = "xdp_md"
    data_meta: int
    ingress_ifindex: int
    rx_queue_index: int
    egress_ifindex: int


class SkBuffContext(PacketContext):
    """`struct __sk_buff`: tc, socket filters and cgroup filters."""

    __bpf_context__ = "__sk_buff"

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...


class SkLookupContext(Context):
    """`struct bpf_sk_lookup`."""

    __bpf_context__ = "bpf_sk_lookup"

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
