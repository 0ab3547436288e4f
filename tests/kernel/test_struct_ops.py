"""Structs of operations: congestion controls whose functions are programs."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hook_proofs import proves
from kernel_support import bpffs, from_c, from_example, from_python, in_network_namespace, no_leak, require

import pybpfc as bpf
from pybpfc.compiler import import_file
from pybpfc.diagnostics.errors import AttachError, LoadError
from pybpfc.lang.kernel_btf import vmlinux_btf
from pybpfc.runtime import load_object

AVAILABLE = "/proc/sys/net/ipv4/tcp_available_congestion_control"

MEMBERS = """
struct sock;
struct tcp_congestion_ops {
    __u32 (*ssthresh)(struct sock *sk);
    void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
    __u32 (*undo_cwnd)(struct sock *sk);
    void (*no_such_member)(struct sock *sk);
    char name[16];
};
__u64 calls;
SEC("struct_ops/ssthresh") __u32 on_ssthresh(__u64 *ctx) { return 2; }
SEC("struct_ops/cong_avoid") void on_cong_avoid(__u64 *ctx) { __sync_fetch_and_add(&calls, 1); }
SEC("struct_ops/undo_cwnd") __u32 on_undo_cwnd(__u64 *ctx) { return 2; }
SEC("struct_ops/no_such_member") void on_nothing(__u64 *ctx) { }
"""
VARIABLE = """
SEC("%s") struct tcp_congestion_ops %s = {
    .ssthresh = (void *)on_ssthresh, .cong_avoid = (void *)on_cong_avoid, .undo_cwnd = (void *)on_undo_cwnd,
    .no_such_member = (void *)on_nothing, .name = "%s",
};
"""


def ops(name: str, section: str = ".struct_ops.link", variable: str = "ops") -> bytes:
    return from_c(MEMBERS + VARIABLE % (section, variable, name))


@pytest.fixture(autouse=True)
def needed() -> Iterator[None]:
    require("struct_ops")
    vmlinux_btf()  # its mapping, which stays, is a descriptor of its own
    with no_leak():
        yield


def available() -> list[str]:
    with open(AVAILABLE, encoding="utf-8") as file:
        return file.read().split()


def transfer(control: str, size: int = 1 << 20) -> int:
    """Send bytes over a connection of our own with a congestion control; how many arrived."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as sender:
        sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, control.encode())
        sender.connect(server.getsockname())
        assert sender.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0") == control.encode()
        receiver, _ = server.accept()
        with receiver:
            sent = arrived = 0
            chunk = b"x" * 16384
            while sent < size:
                sent += sender.send(chunk)
                while arrived < sent:
                    arrived += len(receiver.recv(sent - arrived))
            return arrived


@pytest.mark.parametrize("section", [".struct_ops", ".struct_ops.link"])
def test_attached_and_used(section: str) -> None:
    def run() -> None:
        with load_object(ops("pybpfc_c_ops", section), attach=False) as obj:
            assert set(obj.programs) == {"on_ssthresh", "on_cong_avoid", "on_undo_cwnd"}, "the kernel lacks a member"
            assert "pybpfc_c_ops" not in available()
            for _ in range(2):
                with obj.ops.attach() as link:
                    assert obj.links == [link]
                    assert "pybpfc_c_ops" in available()
                    before = obj.globals.calls
                    assert transfer("pybpfc_c_ops") == 1 << 20
                    assert obj.globals.calls > before
                    with pytest.raises(AttachError):
                        obj.ops.attach().detach()
                assert "pybpfc_c_ops" not in available()
        with pytest.raises(AttachError, match="is detached"):
            _ = link.fd

    in_network_namespace(run)


def test_loading_attaches_and_closing_detaches() -> None:
    with load_object(ops("pybpfc_auto")) as obj:
        assert [link.program.name for link in obj.links] == ["ops"]
        assert "pybpfc_auto" in available()
    assert "pybpfc_auto" not in available()


def test_links_tell_pin_and_change_in_place() -> None:
    with load_object(ops("pybpfc_pin"), attach=False) as obj, load_object(ops("pybpfc_pin"), attach=False) as other:
        if not obj.ops.by_link:
            pytest.skip("structs of operations have links from kernel 6.4 on")
        link = obj.ops.attach()
        assert link.info.type_name == "BPF_LINK_TYPE_STRUCT_OPS"
        assert link.info.detail == {"map_id": obj.ops.map.info.id}
        link.update(other.ops, expected=obj.ops)
        assert link.info.detail == {"map_id": other.ops.map.info.id}
        with pytest.raises(AttachError, match="does not take"):
            link.update(obj.ops, expected=obj.ops)
        with bpffs() as path:
            link.pin(f"{path}/cc")
            link.close()
            assert "pybpfc_pin" in available()
            os.unlink(f"{path}/cc")
        assert "pybpfc_pin" not in available()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('.name = "pybpfc",', ""), "refuses `ops`"),
        ((".cong_avoid = (void *)on_cong_avoid,", ""), "`on_cong_avoid` is a member of no struct"),
        (("char name[16]", "char name[8]"), "member `name` .* is another type"),
        (("tcp_congestion_ops", "tcp_congestion_opps"), "no struct_ops `tcp_congestion_opps`"),
        ((".undo_cwnd = (void *)on_undo_cwnd", ".undo_cwnd = (void *)on_ssthresh"), "implements two members"),
    ],
)
def test_what_the_kernel_does_not_take_is_explained(change: tuple[str, str], message: str) -> None:
    source = (MEMBERS + VARIABLE % (".struct_ops.link", "ops", "pybpfc")).replace(*change)
    with pytest.raises((LoadError, AttachError), match=message):
        load_object(from_c(source)).close()
    assert "pybpfc" not in available()


def test_a_second_of_one_name_leaves_nothing_attached() -> None:
    variables = (VARIABLE % (".struct_ops.link", name, "pybpfc_two") for name in ("one", "two"))
    source = MEMBERS + "".join(variables)
    with pytest.raises(AttachError, match="`two`"):
        load_object(from_c(source))
    assert "pybpfc_two" not in available()


# ------------------------------------------------------------------------------ written in Python


@proves("struct_ops")
def test_congestion_control_in_python_on_real_traffic() -> None:
    elf = from_example("tcp_cc")

    def run() -> None:
        with load_object(elf) as obj:
            assert transfer("py_aimd") == 1 << 20
            packets = obj.globals.acked_packets
            assert packets > 0
            assert obj.globals.decreases == 0
            with lossy_loopback():
                assert transfer("py_aimd", 4 << 20) == 4 << 20
            assert obj.globals.acked_packets > packets
            assert obj.globals.decreases > 0, "packets were lost"
        assert "py_aimd" not in available()

    in_network_namespace(run)


@contextlib.contextmanager
def lossy_loopback() -> Iterator[None]:
    """Drop every 20th packet of more than 1000 bytes on `lo`."""
    source = """
    __u64 seen;
    SEC("xdp") int drop(struct xdp_md *ctx)
    {
        if (ctx->data_end - ctx->data < 1000)
            return XDP_PASS;
        return __sync_fetch_and_add(&seen, 1) % 20 == 19 ? XDP_DROP : XDP_PASS;
    }
    """
    with load_object(from_c(source)) as obj, obj.drop.attach(interface="lo", mode="generic"):
        yield


MANY = """
import pybpfc as bpf
from pybpfc import u32, u64, vmlinux

started: bpf.Global[u64] = 0
ended: bpf.Global[u64] = 0


@bpf.struct_ops("tcp_congestion_ops")
def undo_cwnd(sk) -> u32:
    return 5


@bpf.struct_ops("tcp_congestion_ops")
class first:
    name = "pybpfc_first"
    undo_cwnd = undo_cwnd

    @staticmethod
    def ssthresh(sk: vmlinux.tcp_sock) -> int:
        return sk.snd_cwnd

    def cong_avoid(self, sk, ack, acked):
        pass

    def init(self, sk):
        global started
        started += 1

    def release(self, sk):
        global ended
        ended += 1


@bpf.struct_ops("tcp_congestion_ops")
class second:
    name = b"pybpfc_second"

    def ssthresh(self, sk) -> u32:
        return 2

    def cong_avoid(self, sk, ack, acked):
        pass

    def undo_cwnd(self, sk) -> u32:
        return 2
"""


def test_two_structs_in_one_module() -> None:
    elf = from_python(MANY)

    def run() -> None:
        with load_object(elf, attach=False) as obj:
            assert set(obj.struct_ops) == {"first", "second"}
            with obj.first.attach() as link, obj.second.attach():
                assert {"pybpfc_first", "pybpfc_second"} <= set(available())
                assert transfer("pybpfc_second", 1 << 16) == transfer("pybpfc_first", 1 << 16) == 1 << 16
                assert (obj.globals.started, obj.globals.ended) == (1, 1)
                if obj.first.by_link:
                    with pytest.raises(AttachError):
                        link.update(obj.second)  # of another name, which can't take its place
            assert not {"pybpfc_first", "pybpfc_second"} & set(available())

    in_network_namespace(run)


def test_the_class_itself_attaches_what_was_loaded(tmp_path: Path) -> None:
    pytest.importorskip("llvmlite")
    path = tmp_path / "many.py"
    path.write_text(MANY)
    module = import_file(str(path))
    with bpf.load(module, attach=False), module.first.attach() as link:
        assert link.program.name == "first"
        assert "pybpfc_first" in available()
    with pytest.raises(bpf.NotLoadedError, match="closed"):
        module.first.attach()
