"""Hooks of packets and sockets, each by a program in Python that sees or changes packets of a namespace of ours."""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hook_proofs import program, proves
from kernel_support import in_network_namespace, no_leak, require, set_up, udp_to_self
from test_links import wait

from pybpfc.diagnostics.errors import AttachError
from pybpfc.runtime import load_object, netlink
from pybpfc.runtime.netlink import Netlink, attribute

SKB = "ctx: bpf.SkBuff"
SIZE = 14 + 20 + 8 + 5
"""A datagram of `udp_to_self` with its headers."""


def in_namespace(elf: bytes, work: Callable[[Any], None]) -> None:
    """Load an object and work with it, in a network namespace of our own; nothing is left open."""

    def run() -> None:
        with no_leak(), load_object(elf, attach=False) as obj:
            work(obj)

    in_network_namespace(run)


def make_link(kind: str, name: str, peer: str) -> None:
    """Make a pair of virtual interfaces, both up."""
    IFLA_IFNAME, IFLA_LINKINFO, IFLA_INFO_KIND, IFLA_INFO_DATA, PEER_INFO = 3, 18, 1, 2, 1
    empty = bytes(16)
    other = struct.pack("=HH", 4 + 16 + len(attribute(IFLA_IFNAME, peer)), PEER_INFO) + empty
    data = struct.pack("=HH", 4 + len(other) + len(attribute(IFLA_IFNAME, peer)), IFLA_INFO_DATA | 1 << 15)
    info = (attribute(IFLA_INFO_KIND, kind), data + other + attribute(IFLA_IFNAME, peer))
    body = empty + attribute(IFLA_IFNAME, name) + attribute(IFLA_LINKINFO, info)
    with Netlink() as connection:
        try:
            connection.request(netlink.RTM_NEWLINK, netlink.NLM_F_CREATE | netlink.NLM_F_EXCL, body)
        except OSError as error:
            if error.errno != errno.EOPNOTSUPP:
                raise
            pytest.skip(f"this kernel has no {kind}: {error}")
    set_up(name)
    set_up(peer)


@contextlib.contextmanager
def raw_socket(interface: str) -> Iterator[socket.socket]:
    """A socket that takes and gives whole frames."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88B5)) as sock:
        sock.bind((interface, 0x88B5))
        sock.settimeout(2)
        yield sock


def mac(interface: str) -> bytes:
    """The link layer's address of an interface of this namespace."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((interface, 0))
        return bytes(sock.getsockname()[4])


FRAME = b"\xff" * 6 + b"\x02" * 6 + b"\x88\xb5" + b"pybpfc" * 10
"""A frame of a protocol for experiments."""


# ----------------------------------------------------------------------------------- interfaces


@proves("xdp", "xdp.frags")
@pytest.mark.parametrize("section", ["xdp", "xdp.frags"])
def test_xdp(section: str) -> None:
    hook = "xdp(frags=True)" if section == "xdp.frags" else "xdp"
    body = ("seen = ctx.data_end - ctx.data", "return XDP_DROP")
    elf = program(hook, "ctx: bpf.XdpContext", *body)
    require(section)

    def work(obj: Any) -> None:
        with obj.prog.attach(interface="lo", mode="generic"):
            assert udp_to_self() == 0
        assert (obj.globals.count, obj.globals.seen) == (1, SIZE)
        assert udp_to_self() == 1

    in_namespace(elf, work)


@proves("tcx/ingress", "tcx/egress")
@pytest.mark.parametrize("section", ["tcx/ingress", "tcx/egress"])
def test_tcx_in_order(section: str) -> None:
    hook = section.replace("/", "_")
    passing = program(hook, SKB, "seen = ctx.len", "return TCX_NEXT")
    shooting = program(hook, SKB, "seen = ctx.protocol", "return TC_ACT_SHOT")
    require(section)

    def work(obj: Any) -> None:
        with load_object(shooting, attach=False) as shot:
            with obj.prog.attach(interface="lo") as link:
                assert udp_to_self() == 1
                assert (obj.globals.count, obj.globals.seen) == (1, SIZE)
                with shot.prog.attach(interface="lo", before=link):
                    assert udp_to_self() == 0
                assert (obj.globals.count, shot.globals.count, shot.globals.seen) == (1, 1, 0x0800)
                with shot.prog.attach(interface="lo", after=obj.prog):
                    assert udp_to_self() == 0
                assert (obj.globals.count, shot.globals.count) == (2, 2)
                with shot.prog.attach(interface="lo", first=True):
                    assert udp_to_self() == 0
                assert (obj.globals.count, shot.globals.count) == (2, 3)
            with pytest.raises(AttachError):
                shot.prog.attach(interface="lo", after=obj.prog)
            assert udp_to_self() == 1

    in_namespace(passing, work)


def require_tc(kind: str) -> None:
    """Skip where the kernel lacks a classifier, which may be a module that is not loaded."""
    elf = program(kind, SKB, "return TC_ACT_OK")

    def run() -> None:
        with load_object(elf, attach=False) as obj:
            try:
                obj.prog.attach(interface="lo").detach()
            except AttachError as error:
                if error.errno != errno.ENOENT:
                    raise
                pytest.skip(str(error))

    in_network_namespace(run)


@proves("tc", "action")
@pytest.mark.parametrize("section", ["tc", "action"])
@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_tc(section: str, direction: str) -> None:
    hook = {"tc": "tc", "action": "tc_action"}[section]
    elf = program(hook, SKB, "seen = ctx.len", "return TC_ACT_SHOT")
    require_tc(hook)

    def work(obj: Any) -> None:
        with obj.prog.attach(interface="lo", direction=direction) as link:
            assert link.priority > 0
            assert udp_to_self() == 0
            assert (obj.globals.count, obj.globals.seen) == (1, SIZE)
            with pytest.raises(AttachError, match="nothing to tell"):
                _ = link.info
            with pytest.raises(AttachError) as caught:
                obj.prog.attach(interface="lo", direction=direction, priority=link.priority, handle=link.handle)
            assert "there already" in caught.value.cause
        assert udp_to_self() == 1
        assert obj.globals.count == 1

    in_namespace(elf, work)


def test_a_filter_that_is_refused_leaves_no_discipline() -> None:
    elf = program("tcx_ingress", SKB, "return TC_ACT_OK")

    def work(obj: Any) -> None:
        from pybpfc.runtime.links import tc

        obj.prog.close()
        with pytest.raises(AttachError):
            tc.attach(obj.prog, interface="lo")
        with Netlink() as connection, pytest.raises(OSError):
            connection.request(netlink.RTM_DELQDISC, 0, tc._qdisc(socket.if_nametoindex("lo")))

    require("tcx/ingress")
    in_namespace(elf, work)


@proves("netkit/primary", "netkit/peer")
@pytest.mark.parametrize("section", ["netkit/primary", "netkit/peer"])
def test_netkit(section: str) -> None:
    elf = program(section.replace("/", "_"), SKB, "seen = ctx.len", "return TC_ACT_SHOT")
    require(section)

    def work(obj: Any) -> None:
        make_link("netkit", "primary0", "peer0")
        sender = "primary0" if section == "netkit/primary" else "peer0"
        with obj.prog.attach(interface="primary0") as link:
            assert link.info.type_name == "BPF_LINK_TYPE_NETKIT"
            with raw_socket(sender) as sock, contextlib.suppress(OSError):
                sock.send(FRAME)
        assert obj.globals.count >= 1

    in_namespace(elf, work)


@proves("socket")
def test_socket_filter() -> None:
    elf = program("socket_filter", SKB, "seen = ctx.len", "return 8 + 3")

    def work(obj: Any) -> None:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
        ):
            receiver.bind(("127.0.0.1", 0))
            with obj.prog.attach(socket=receiver):
                sender.sendto(b"hello", receiver.getsockname())
                assert receiver.recv(10) == b"hel"
            assert (obj.globals.count, obj.globals.seen) == (1, 8 + 5)

    in_namespace(elf, work)


@proves("netfilter")
def test_netfilter() -> None:
    body = ("seen = u64(ctx.skb.len) << 8 | ctx.state.hook", "return NF_DROP")
    elf = program("netfilter", "ctx: bpf.NetfilterContext", *body, head="NF_DROP = 0")
    require("netfilter")

    def work(obj: Any) -> None:
        with obj.prog.attach(hook="input", pf="ipv4", priority=-10):
            assert udp_to_self() == 0
        assert (obj.globals.count, obj.globals.seen) == (1, (20 + 8 + 5) << 8 | 1)
        assert udp_to_self() == 1

    in_namespace(elf, work)


# --------------------------------------------------------------------------------------- routes


@proves("lwt_out", "lwt_xmit")
@pytest.mark.parametrize("section", ["lwt_out", "lwt_xmit"])
def test_packets_of_a_route(section: str) -> None:
    elf = program(section, SKB, "seen = ctx.len", "return BPF_DROP")
    require(section)

    def work(obj: Any) -> None:
        with obj.prog.attach(route="10.99.0.0/24", interface="lo") as link:
            assert "10.99.0.0/24" in str(link)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
                sender.sendto(b"hello", ("10.99.0.1", 9))
            assert (obj.globals.count, obj.globals.seen) == (1, 20 + 8 + 5)
            with pytest.raises(AttachError, match="such a route already|could not be attached"):
                obj.prog.attach(route="10.99.0.0/24", interface="lo")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, contextlib.suppress(OSError):
            sender.sendto(b"hello", ("10.99.0.1", 9))
        assert obj.globals.count == 1
        with pytest.raises(AttachError, match="could not be attached"):
            obj.prog.attach(route="10.99.0.1/24", interface="lo")

    in_namespace(elf, work)


@proves("lwt_in")
def test_packets_that_a_route_takes_in() -> None:
    elf = program("lwt_in", SKB, "if ctx.len == 20 + 8:", "    seen += 1", "return BPF_DROP")
    require("lwt_in")

    def work(obj: Any) -> None:
        make_link("veth", "veth0", "veth1")
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 1, 0, 64, 17, 0, bytes((10, 98, 0, 2)), bytes((10, 99, 0, 1)))
        total = sum(struct.unpack("!10H", header))
        total = (total & 0xFFFF) + (total >> 16)
        header = header[:10] + struct.pack("!H", ~total & 0xFFFF) + header[12:]
        frame = mac("veth0") + mac("veth1") + b"\x08\x00" + header + struct.pack("!HHHH", 9, 9, 8, 0)
        with obj.prog.attach(route="10.99.0.0/24", interface="lo"), raw_socket("veth1") as sock:
            sock.send(frame)
            assert wait(lambda: obj.globals.seen == 1)

    in_namespace(elf, work)


ROUTES = """
import os, sys
from pybpfc.runtime import load_object
obj = load_object(sys.argv[1], attach=False)
link = obj.prog.attach(route="10.99.0.0/24", interface="lo")
def there():
    return "0000630A" in open("/proc/net/route").read()
assert there()
if sys.argv[2] == "dropped":
    del link, obj
    assert not there()
elif sys.argv[2] == "forked":
    child = os.fork()
    if not child:
        sys.exit()
    os.waitpid(child, 0)
    assert there()
"""


@pytest.mark.parametrize("how", ["ended", "dropped", "forked"])
def test_what_has_no_link_ends_with_its_holder(how: str, tmp_path: Path) -> None:
    path = tmp_path / "route.o"
    path.write_bytes(program("lwt_xmit", SKB, "return BPF_DROP"))
    require("lwt_xmit")

    def run() -> None:
        command = [sys.executable, "-c", ROUTES, str(path), how]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert "0000630A" not in Path("/proc/thread-self/net/route").read_text()

    in_network_namespace(run)


# -------------------------------------------------------------------------------------- sockets


@proves("flow_dissector")
def test_flow_dissector() -> None:
    body = ("keys = ctx.flow_keys", "seen = keys.n_proto", "keys.thoff = keys.nhoff + 20", "return BPF_OK")
    elf = program("flow_dissector", SKB, *body)

    def work(obj: Any) -> None:
        with obj.prog.attach() as link:
            assert link.info.type_name == "BPF_LINK_TYPE_NETNS"
            result = obj.prog.test_run(data=b"\0" * 12 + b"\x08\x00" + bytes(50))
            assert result.retval == 0
        assert obj.globals.count >= 1

    in_namespace(elf, work)


@proves("sk_lookup")
def test_sk_lookup() -> None:
    elf = program(
        "sk_lookup",
        "ctx: bpf.SkLookupContext",
        "seen = ctx.local_port",
        "return SK_DROP if seen == 7007 else SK_PASS",
    )

    def work(obj: Any) -> None:
        with socket.create_server(("127.0.0.1", 7007)) as server, obj.prog.attach():
            with pytest.raises(OSError):
                socket.create_connection(server.getsockname(), 1)
            assert obj.globals.seen == 7007
        assert obj.globals.count >= 1

    in_namespace(elf, work)


CHOOSING = "sockets = bpf.ReuseportSockArray(max_entries=2)"


@proves("sk_reuseport", "sk_reuseport/migrate")
@pytest.mark.parametrize("section", ["sk_reuseport", "sk_reuseport/migrate"])
def test_sk_reuseport(section: str) -> None:
    hook = "sk_reuseport(migrate=True)" if "migrate" in section else "sk_reuseport"
    body = (
        "first = ctx.packet(u8, 8)",  # behind the UDP header
        "if first is None:",
        "    return SK_DROP",
        "seen = first.value",
        "key = u32(first.value == 50)",
        "bpf_sk_select_reuseport(ctx, sockets, key, 0)",
        "return SK_PASS",
    )
    elf = program(hook, "ctx: bpf.SkReuseportContext", *body, head=CHOOSING)
    require(section)

    def work(obj: Any) -> None:
        with contextlib.ExitStack() as stack:
            group = [stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)]
            for index, sock in enumerate(group):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                sock.bind(("127.0.0.1", 7008))
                sock.settimeout(2)
                obj.maps["sockets"][index] = sock
            sender = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            with obj.prog.attach(socket=group[0]):
                for text, receiver in ((b"1", group[0]), (b"2", group[1]), (b"2", group[1])):
                    sender.sendto(text, ("127.0.0.1", 7008))
                    assert receiver.recv(9) == text
            assert (obj.globals.count, obj.globals.seen) == (3, 50)

    in_namespace(elf, work)


SOCKETS = "sockets = bpf.SockMap(max_entries=4)"


@contextlib.contextmanager
def connected() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        with client, server:
            client.settimeout(2)
            server.settimeout(2)
            yield client, server


@proves("sk_msg")
def test_sk_msg() -> None:
    body = (
        "first = ctx.packet(u8)",
        "if first is None:",
        "    return SK_PASS",
        "seen = first.value",
        "return SK_DROP if seen == 33 else SK_PASS",
    )
    elf = program("sk_msg", "ctx: bpf.SkMsgContext", *body, head=SOCKETS)

    def work(obj: Any) -> None:
        with obj.prog.attach(map=obj.maps["sockets"]), connected() as (client, server):
            obj.maps["sockets"][0] = client
            client.send(b"hello")
            assert server.recv(10) == b"hello"
            assert (obj.globals.count, obj.globals.seen) == (1, ord("h"))
            with pytest.raises(PermissionError):
                client.send(b"!")

    in_namespace(elf, work)


@proves("sk_skb/verdict")
def test_sk_skb_verdict() -> None:
    elf = program("sk_skb_verdict", SKB, "seen = ctx.len", "return SK_DROP if seen == 3 else SK_PASS", head=SOCKETS)
    require("sk_skb/verdict")

    def work(obj: Any) -> None:
        with obj.prog.attach(map=obj.maps["sockets"]), connected() as (client, server):
            obj.maps["sockets"][0] = server
            client.send(b"12345")
            assert server.recv(10) == b"12345"
            client.send(b"123")
            server.settimeout(0.2)
            with pytest.raises(TimeoutError):
                server.recv(10)
            assert (obj.globals.count, obj.globals.seen) == (2, 3)

    in_namespace(elf, work)


PARSED = """
@bpf.sk_skb_stream_parser
def parser(ctx: bpf.SkBuff) -> int:
    global seen
    seen += 1
    return 4 if ctx.len >= 4 else 0
"""


@proves("sk_skb/stream_parser", "sk_skb/stream_verdict")
def test_sk_skb_parser_and_verdict() -> None:
    elf = program("sk_skb_stream_verdict", SKB, "return SK_PASS", head=SOCKETS + PARSED)

    def work(obj: Any) -> None:
        sockets = obj.maps["sockets"]
        with obj.parser.attach(map=sockets), obj.prog.attach(map=sockets), connected() as (client, server):
            sockets[0] = server
            client.send(b"onetwo!!")
            got = b""
            while len(got) < 8:
                got += server.recv(10)
            assert got == b"onetwo!!"
            assert obj.globals.count == 2, "two messages of four bytes each"
            assert obj.globals.seen >= 2

    in_namespace(elf, work)


# --------------------------------------------------------------------------- programs in map values

IN_MAPS = """
devices = bpf.DevMap(max_entries=4, programs=True)
cpus = bpf.CpuMap(max_entries=4, programs=True)


@bpf.xdp
def redirecting(ctx: bpf.XdpContext) -> int:
    return i32(bpf_redirect_map({0}, 0, XDP_PASS))
"""


@proves("xdp/cpumap", "xdp.frags/cpumap", "xdp/devmap", "xdp.frags/devmap")
@pytest.mark.parametrize("section", ["xdp/cpumap", "xdp.frags/cpumap", "xdp/devmap", "xdp.frags/devmap"])
def test_programs_in_values_of_maps(section: str) -> None:
    kind, _, map = section.partition("/")
    name = {"cpumap": "cpus", "devmap": "devices"}[map]
    options = f"map={map!r}" + (", frags=True" if kind == "xdp.frags" else "")
    head = IN_MAPS.format(name)
    if kind == "xdp.frags":
        head = head.replace("@bpf.xdp\n", "@bpf.xdp(frags=True)\n")
    body = (f"if ctx.data_end - ctx.data == {len(FRAME)}:", "    bpf.atomic_add(seen, 1)", "return XDP_DROP")
    elf = program(f"xdp({options})", "ctx: bpf.XdpContext", *body, head=head)
    require(section)

    def work(obj: Any) -> None:
        make_link("veth", "veth0", "veth1")
        obj.maps[name][0] = ({"cpus": 256, "devices": "veth0"}[name], obj.prog)
        with obj.redirecting.attach(interface="veth1", mode="native"), raw_socket("veth0") as sock:
            sock.send(FRAME)
            assert wait(lambda: obj.globals.seen == 1), "the namespace has packets of its own, too"
            with pytest.raises(AttachError, match="no place"):
                obj.prog.attach()

    in_namespace(elf, work)
