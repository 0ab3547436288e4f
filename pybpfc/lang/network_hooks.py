"""The decorators of hooks with a context: packets, sockets and cgroups. `@bpf.xdp` or `@bpf.xdp(interface="veth0")`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

from pybpfc.lang import contexts
from pybpfc.lang.errors import DeclarationError
from pybpfc.lang.hooks import Decorator
from pybpfc.lang.programs import Program

C = TypeVar("C", bound=contexts.Context)
R = TypeVar("R")


class Hook(Generic[C]):
    """A hook whose programs take one context `C`; it is used bare or called with options."""

    def __init__(self, name: str, section: str, doc: str) -> None:
        self.name = name
        self.section = section
        self.__doc__ = doc

    def __repr__(self) -> str:
        return f"<hook bpf.{self.name}>"

    def _apply(self, function: Any, given: dict[str, Any], section: str | None = None) -> Any:
        """The program, or the decorator that makes it when there is no function yet."""
        chosen = section or self.section
        options = {name: value for name, value in given.items() if value is not None}

        def decorate(target: Callable[[C], R], /) -> Program[[C], R]:
            return Program(target, chosen, options=options, hook=self.name)

        if function is None:
            return decorate
        if not callable(function):
            raise DeclarationError(f"`@bpf.{self.name}` takes its options by name", f"not {function!r}")
        return decorate(function)


class PlainHook(Hook[C]):
    """A hook without options."""

    @overload
    def __call__(self, function: Callable[[C], R], /) -> Program[[C], R]: ...
    @overload
    def __call__(self, function: None = None, /) -> Decorator: ...
    def __call__(self, function: Any = None, /) -> Any:
        """Decorate."""
        return self._apply(function, {})


class CgroupHook(Hook[C]):
    """A hook of a cgroup, given by path or descriptor; `flags` are the kernel's BPF_F_ALLOW_MULTI, …."""

    @overload
    def __call__(self, function: Callable[[C], R], /) -> Program[[C], R]: ...
    @overload
    def __call__(
        self, function: None = None, /, *, cgroup: str | int | None = None, flags: int | None = None
    ) -> Decorator: ...
    def __call__(self, function: Any = None, /, *, cgroup: Any = None, flags: Any = None) -> Any:
        """Decorate."""
        return self._apply(function, {"cgroup": cgroup, "flags": flags})


class XdpHook(Hook[C]):
    """`xdp`: `interface` by name or index, `mode` "native", "generic" or "offload"; `frags` takes jumbo packets."""

    @overload
    def __call__(self, function: Callable[[C], R], /) -> Program[[C], R]: ...
    @overload
    def __call__(
        self,
        function: None = None,
        /,
        *,
        interface: str | int | None = None,
        ifindex: int | None = None,
        mode: str | None = None,
        frags: bool = False,
        map: str | None = None,
    ) -> Decorator: ...
    def __call__(
        self,
        function: Any = None,
        /,
        *,
        interface: Any = None,
        ifindex: Any = None,
        mode: Any = None,
        frags: bool = False,
        map: Any = None,
    ) -> Any:
        """Decorate; `map` "devmap" or "cpumap" makes a program that such a map's entries run."""
        if mode not in (None, "native", "generic", "offload"):
            raise DeclarationError(f"`mode` of `@bpf.xdp` is native, generic or offload, not {mode!r}")
        if map not in (None, "devmap", "cpumap"):
            raise DeclarationError(f"`map` of `@bpf.xdp` is devmap or cpumap, not {map!r}")
        section = ("xdp.frags" if frags else "xdp") + (f"/{map}" if map else "")
        return self._apply(function, {"interface": interface, "ifindex": ifindex, "mode": mode}, section)


class InterfaceHook(Hook[C]):
    """A hook of a network interface, given by name or index."""

    @overload
    def __call__(self, function: Callable[[C], R], /) -> Program[[C], R]: ...
    @overload
    def __call__(
        self, function: None = None, /, *, interface: str | int | None = None, ifindex: int | None = None
    ) -> Decorator: ...
    def __call__(self, function: Any = None, /, *, interface: Any = None, ifindex: Any = None) -> Any:
        """Decorate."""
        return self._apply(function, {"interface": interface, "ifindex": ifindex})


class TcHook(Hook[C]):
    """`tc`: a classifier of the clsact queueing discipline, for kernels before tcx."""

    @overload
    def __call__(self, function: Callable[[C], R], /) -> Program[[C], R]: ...
    @overload
    def __call__(
        self,
        function: None = None,
        /,
        *,
        interface: str | int | None = None,
        ifindex: int | None = None,
        direction: str | None = None,
        priority: int | None = None,
        handle: int | None = None,
    ) -> Decorator: ...
    def __call__(
        self,
        function: Any = None,
        /,
        *,
        interface: Any = None,
        ifindex: Any = None,
        direction: Any = None,
        priority: Any = None,
        handle: Any = None,
    ) -> Any:
        """Decorate; `direction` is "ingress" or "egress"."""
        if direction not in (None, "ingress", "egress"):
            raise DeclarationError(f"`direction` of `@bpf.{self.name}` is ingress or egress, not {direction!r}")
        given = {"interface": interface, "ifindex": ifindex, "direction": direction}
        return self._apply(function, {**given, "priority": priority, "handle": handle})


class RouteHook(Hook[C]):
    """A hook of the packets of a route, which the attachment makes: `"10.9.0.0/16"` by an interface or a gateway."""

    @overload
    def __call__(self, function: Callable[[C], R], /) -> Program[[C], R]: ...
    @overload
    def __call__(
        self,
        function: None = None,
        /,
        *,
        route: str | None = None,
        interface: str | int | None = None,
        via: str | None = None,
        priority: int | None = None,
        headroom: int | None = None,
    ) -> Decorator: ...
    def __call__(
        self,
        function: Any = None,
        /,
        *,
        route: Any = None,
        interface: Any = None,
        via: Any = None,
        priority: Any = None,
        headroom: Any = None,
    ) -> Any:
        """Decorate; `priority` is the route's metric, `headroom` what `lwt_xmit` programs may add in front."""
        given = {"route": route, "interface": interface, "via": via}
        return self._apply(function, {**given, "priority": priority, "headroom": headroom})


class NetfilterHook(Hook[C]):
    """`netfilter`: `hook` and `pf` by the kernel's names or numbers; lower priorities come first (kernel 6.4)."""

    @overload
    def __call__(self, function: Callable[[C], R], /) -> Program[[C], R]: ...
    @overload
    def __call__(
        self,
        function: None = None,
        /,
        *,
        hook: str | int | None = None,
        pf: str | int | None = None,
        priority: int | None = None,
        defrag: bool | None = None,
    ) -> Decorator: ...
    def __call__(
        self, function: Any = None, /, *, hook: Any = None, pf: Any = None, priority: Any = None, defrag: Any = None
    ) -> Any:
        """Decorate."""
        return self._apply(function, {"hook": hook, "pf": pf, "priority": priority, "defrag": defrag})


class SockmapHook(Hook[C]):
    """A hook of the sockets in a SockMap or SockHash, given by `map`."""

    @overload
    def __call__(self, function: Callable[[C], R], /) -> Program[[C], R]: ...
    @overload
    def __call__(self, function: None = None, /, *, map: object = None) -> Decorator: ...
    def __call__(self, function: Any = None, /, *, map: Any = None) -> Any:
        """Decorate."""
        return self._apply(function, {"map": map})


class NetnsHook(Hook[C]):
    """A hook of a network namespace, given by path; without one, that of the process."""

    @overload
    def __call__(self, function: Callable[[C], R], /) -> Program[[C], R]: ...
    @overload
    def __call__(self, function: None = None, /, *, netns: str | int | None = None) -> Decorator: ...
    def __call__(self, function: Any = None, /, *, netns: Any = None) -> Any:
        """Decorate."""
        return self._apply(function, {"netns": netns})


class ReuseportHook(Hook[C]):
    """`sk_reuseport`: chooses a socket of a group; `migrate` also on their closing (kernel 5.14)."""

    @overload
    def __call__(self, function: Callable[[C], R], /) -> Program[[C], R]: ...
    @overload
    def __call__(self, function: None = None, /, *, migrate: bool = False) -> Decorator: ...
    def __call__(self, function: Any = None, /, *, migrate: bool = False) -> Any:
        """Decorate."""
        return self._apply(function, {}, "sk_reuseport/migrate" if migrate else None)


# ------------------------------------------------------------------------------------ packets

xdp: XdpHook[contexts.XdpContext] = XdpHook("xdp", "xdp", "Packets at the driver (kernel 4.8).")
tc: TcHook[contexts.SkBuff] = TcHook("tc", "tc", "Packets at a clsact queueing discipline (kernel 4.1).")
tc_action: TcHook[contexts.SkBuff] = TcHook("tc_action", "action", "A traffic control action (kernel 4.1).")
tcx_ingress: InterfaceHook[contexts.SkBuff] = InterfaceHook("tcx_ingress", "tcx/ingress", "Packets in (kernel 6.6).")
tcx_egress: InterfaceHook[contexts.SkBuff] = InterfaceHook("tcx_egress", "tcx/egress", "Packets out (kernel 6.6).")
netkit_primary: InterfaceHook[contexts.SkBuff] = InterfaceHook(
    "netkit_primary", "netkit/primary", "Packets from a netkit device's primary end (kernel 6.7)."
)
netkit_peer: InterfaceHook[contexts.SkBuff] = InterfaceHook(
    "netkit_peer", "netkit/peer", "Packets from a netkit device's peer end (kernel 6.7)."
)
socket_filter: PlainHook[contexts.SkBuff] = PlainHook(
    "socket_filter", "socket", "Packets of one socket: returns how many bytes it sees (kernel 3.19)."
)
netfilter: NetfilterHook[contexts.NetfilterContext] = NetfilterHook(
    "netfilter", "netfilter", "Packets at a netfilter hook: NF_ACCEPT or NF_DROP (kernel 6.4)."
)
lwt_in: RouteHook[contexts.SkBuff] = RouteHook("lwt_in", "lwt_in", "Packets that a route takes in (kernel 4.10).")
lwt_out: RouteHook[contexts.SkBuff] = RouteHook("lwt_out", "lwt_out", "Packets that a route sends out (kernel 4.10).")
lwt_xmit: RouteHook[contexts.SkBuff] = RouteHook(
    "lwt_xmit", "lwt_xmit", "Packets of a route right before they leave (kernel 4.10)."
)
lwt_seg6local: RouteHook[contexts.SkBuff] = RouteHook(
    "lwt_seg6local", "lwt_seg6local", "Packets of an SRv6 endpoint (kernel 4.18)."
)
flow_dissector: NetnsHook[contexts.SkBuff] = NetnsHook(
    "flow_dissector", "flow_dissector", "Finds a packet's flow keys for the kernel (kernel 4.20)."
)

# ------------------------------------------------------------------------------------ sockets

sockops: CgroupHook[contexts.SockOpsContext] = CgroupHook(
    "sockops", "sockops", "Events of the TCP connections of a cgroup (kernel 4.13)."
)
sk_msg: SockmapHook[contexts.SkMsgContext] = SockmapHook("sk_msg", "sk_msg", "Messages on a sockmap (kernel 4.17).")
sk_skb_stream_parser: SockmapHook[contexts.SkBuff] = SockmapHook(
    "sk_skb_stream_parser", "sk_skb/stream_parser", "Finds message boundaries for a sockmap (kernel 4.14)."
)
sk_skb_stream_verdict: SockmapHook[contexts.SkBuff] = SockmapHook(
    "sk_skb_stream_verdict", "sk_skb/stream_verdict", "Where a sockmap's messages go (kernel 4.14)."
)
sk_skb_verdict: SockmapHook[contexts.SkBuff] = SockmapHook(
    "sk_skb_verdict", "sk_skb/verdict", "Where a sockmap's packets go, without a parser (kernel 5.13)."
)
sk_lookup: NetnsHook[contexts.SkLookupContext] = NetnsHook(
    "sk_lookup", "sk_lookup", "Chooses the socket of a new connection (kernel 5.9)."
)
sk_reuseport: ReuseportHook[contexts.SkReuseportContext] = ReuseportHook(
    "sk_reuseport", "sk_reuseport", "Chooses a socket of a SO_REUSEPORT group (kernel 4.19)."
)

# ------------------------------------------------------------------------------------ cgroups

cgroup_skb_ingress: CgroupHook[contexts.SkBuff] = CgroupHook(
    "cgroup_skb_ingress", "cgroup_skb/ingress", "Packets to a cgroup: 1 lets them pass (kernel 4.10)."
)
cgroup_skb_egress: CgroupHook[contexts.SkBuff] = CgroupHook(
    "cgroup_skb_egress", "cgroup_skb/egress", "Packets from a cgroup: 1 lets them pass (kernel 4.10)."
)
cgroup_sock_create: CgroupHook[contexts.SockContext] = CgroupHook(
    "cgroup_sock_create", "cgroup/sock_create", "Sockets that a cgroup makes: 1 allows (kernel 4.10)."
)
cgroup_sock_release: CgroupHook[contexts.SockContext] = CgroupHook(
    "cgroup_sock_release", "cgroup/sock_release", "Sockets that a cgroup closes (kernel 5.9)."
)
cgroup_post_bind4: CgroupHook[contexts.SockContext] = CgroupHook(
    "cgroup_post_bind4", "cgroup/post_bind4", "After an IPv4 bind: 1 allows (kernel 4.17)."
)
cgroup_post_bind6: CgroupHook[contexts.SockContext] = CgroupHook(
    "cgroup_post_bind6", "cgroup/post_bind6", "After an IPv6 bind: 1 allows (kernel 4.17)."
)


def _address(name: str, what: str, since: str) -> CgroupHook[contexts.SockAddrContext]:
    doc = f"{what}: 1 allows; the address can be changed (kernel {since})."
    return CgroupHook(f"cgroup_{name}", f"cgroup/{name}", doc)


cgroup_bind4 = _address("bind4", "An IPv4 bind", "4.17")
cgroup_bind6 = _address("bind6", "An IPv6 bind", "4.17")
cgroup_connect4 = _address("connect4", "An IPv4 connect", "4.17")
cgroup_connect6 = _address("connect6", "An IPv6 connect", "4.17")
cgroup_connect_unix = _address("connect_unix", "A connect to a Unix socket", "6.7")
cgroup_sendmsg4 = _address("sendmsg4", "A datagram sent by IPv4", "4.18")
cgroup_sendmsg6 = _address("sendmsg6", "A datagram sent by IPv6", "4.18")
cgroup_sendmsg_unix = _address("sendmsg_unix", "A datagram sent to a Unix socket", "6.7")
cgroup_recvmsg4 = _address("recvmsg4", "A datagram received by IPv4", "5.2")
cgroup_recvmsg6 = _address("recvmsg6", "A datagram received by IPv6", "5.2")
cgroup_recvmsg_unix = _address("recvmsg_unix", "A datagram received on a Unix socket", "6.7")
cgroup_getpeername4 = _address("getpeername4", "getpeername on IPv4", "5.8")
cgroup_getpeername6 = _address("getpeername6", "getpeername on IPv6", "5.8")
cgroup_getpeername_unix = _address("getpeername_unix", "getpeername on a Unix socket", "6.7")
cgroup_getsockname4 = _address("getsockname4", "getsockname on IPv4", "5.8")
cgroup_getsockname6 = _address("getsockname6", "getsockname on IPv6", "5.8")
cgroup_getsockname_unix = _address("getsockname_unix", "getsockname on a Unix socket", "6.7")

cgroup_sysctl: CgroupHook[contexts.SysctlContext] = CgroupHook(
    "cgroup_sysctl", "cgroup/sysctl", "A sysctl read or written: 1 allows (kernel 5.2)."
)
cgroup_getsockopt: CgroupHook[contexts.SockoptContext] = CgroupHook(
    "cgroup_getsockopt", "cgroup/getsockopt", "A getsockopt: 1 allows; the answer can be changed (kernel 5.3)."
)
cgroup_setsockopt: CgroupHook[contexts.SockoptContext] = CgroupHook(
    "cgroup_setsockopt", "cgroup/setsockopt", "A setsockopt: 1 allows; the value can be changed (kernel 5.3)."
)
cgroup_device: CgroupHook[contexts.CgroupDeviceContext] = CgroupHook(
    "cgroup_device", "cgroup/dev", "A device opened or made: 1 allows (kernel 4.15)."
)

# ------------------------------------------------------------------------------------- others

syscall: PlainHook[contexts.SyscallContext] = PlainHook(
    "syscall", "syscall", "A program that user space runs by itself, which may call bpf() (kernel 5.14)."
)
lirc_mode2: PlainHook[contexts.LircContext] = PlainHook(
    "lirc_mode2", "lirc_mode2", "Decodes the samples of an infrared receiver (kernel 4.18)."
)
