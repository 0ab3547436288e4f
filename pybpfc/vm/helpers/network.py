"""Helpers of packet programs: packets' bytes and length, redirection, fields of the skb."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from pybpfc.vm.contexts import StructContext
from pybpfc.vm.errors import VmError
from pybpfc.vm.helpers.base import context, helper, map_of, memory, number, number32, read, write, write_zeros
from pybpfc.vm.maps.slots import TargetMap
from pybpfc.vm.packet import ETHERNET, Packet
from pybpfc.vm.values import Value, signed32

if TYPE_CHECKING:
    from pybpfc.vm.execution import Execution

XDP_ABORTED, XDP_REDIRECT, TC_ACT_SHOT, TC_ACT_REDIRECT = 0, 4, 2, 7
_INGRESS = 1
_BROADCAST, _EXCLUDE_INGRESS = 1 << 3, 1 << 4
_MAX_OFFSET = 0x7FFF_FFFF


def _packet(vm: Execution, ctx: Value) -> Packet:
    context(vm, ctx)
    if vm.input.packet is None:
        raise VmError("this program has no packet", remedy="give one: `data=…`")
    return vm.input.packet


# -------------------------------------------------------------------------------------- XDP


@helper("bpf_xdp_adjust_head")
def adjust_head(vm: Execution, ctx: Value, delta: Value) -> int:
    """Move the packet's start."""
    return _packet(vm, ctx).adjust_head(signed32(number(delta)))


@helper("bpf_xdp_adjust_tail")
def adjust_tail(vm: Execution, ctx: Value, delta: Value) -> int:
    """Move the packet's end."""
    return _packet(vm, ctx).adjust_tail(signed32(number(delta)))


@helper("bpf_xdp_adjust_meta")
def adjust_meta(vm: Execution, ctx: Value, delta: Value) -> int:
    """Move the start of the metadata."""
    return _packet(vm, ctx).adjust_meta(signed32(number(delta)))


@helper("bpf_xdp_get_buff_len")
def buffer_length(vm: Execution, ctx: Value) -> int:
    """The packet's length."""
    return len(_packet(vm, ctx))


@helper("bpf_xdp_load_bytes")
def xdp_load(vm: Execution, ctx: Value, offset: Value, to: Value, size: Value) -> int:
    """Copy from the packet."""
    found = _packet(vm, ctx).read(number32(offset), number32(size))
    if found is None:
        write_zeros(to, number32(size))
        return -errno.EINVAL
    write(to, found)
    return 0


@helper("bpf_xdp_store_bytes")
def xdp_store(vm: Execution, ctx: Value, offset: Value, source: Value, size: Value) -> int:
    """Copy to the packet."""
    data = read(source, number32(size))
    return 0 if _packet(vm, ctx).write(number32(offset), data) else -errno.EINVAL


# -------------------------------------------------------------------------------------- skb


@helper("bpf_skb_load_bytes")
def skb_load(vm: Execution, ctx: Value, offset: Value, to: Value, size: Value) -> int:
    """Copy from the packet; zeros and -EFAULT outside."""
    at, count = number32(offset), number32(size)
    found = _packet(vm, ctx).read(at, count) if at <= _MAX_OFFSET else None
    if found is None:
        write_zeros(to, count)
        return -errno.EFAULT
    write(to, found)
    return 0


@helper("bpf_skb_load_bytes_relative")
def skb_load_relative(vm: Execution, ctx: Value, offset: Value, to: Value, size: Value, start: Value) -> int:
    """Copy from the packet, from the link layer's or the network layer's header on."""
    if number32(start) > 1:
        return -errno.EFAULT
    packet, at, count = _packet(vm, ctx), number32(offset), number32(size)
    link = not vm.input.link_header
    if number32(start) == 1 and link:
        at += ETHERNET
    if number32(start) == 0 and not link:
        at -= ETHERNET
    found = packet.read(at, count) if number32(offset) <= 0xFFFF else None
    if found is None:
        write_zeros(to, count)
        return -errno.EFAULT
    write(to, found)
    return 0


@helper("bpf_skb_store_bytes")
def skb_store(vm: Execution, ctx: Value, offset: Value, source: Value, size: Value, flags: Value) -> int:
    """Copy to the packet; the checksum and hash flags have nothing to act on."""
    packet, data = _packet(vm, ctx), read(source, number32(size))
    if number(flags) & ~3:
        return -errno.EINVAL
    if number32(offset) > _MAX_OFFSET or not packet.write(number32(offset), data):
        return -errno.EFAULT
    packet.touched("bpf_skb_store_bytes")
    return 0


@helper("bpf_skb_pull_data")
def skb_pull(vm: Execution, ctx: Value, size: Value) -> int:
    """Make bytes directly accessible; in the simulation all are."""
    packet = _packet(vm, ctx)
    if number32(size) > len(packet):
        return -errno.ENOMEM
    packet.touched("bpf_skb_pull_data")
    return 0


@helper("bpf_skb_change_tail")
def skb_tail(vm: Execution, ctx: Value, size: Value, flags: Value) -> int:
    """Set the packet's length."""
    packet, wanted = _packet(vm, ctx), number32(size)
    if number(flags) or not ETHERNET <= wanted <= 0xFFFF:
        return -errno.EINVAL
    return packet.resize("bpf_skb_change_tail", wanted)


@helper("bpf_skb_change_head")
def skb_head(vm: Execution, ctx: Value, size: Value, flags: Value) -> int:
    """Put zeros in front of the packet."""
    packet = _packet(vm, ctx)
    if number(flags) or number32(size) + len(packet) > 0xFFFF:
        return -errno.EINVAL
    return packet.grow_head("bpf_skb_change_head", number32(size))


@helper("bpf_skb_adjust_room")
def skb_room(vm: Execution, ctx: Value, delta: Value, mode: Value, flags: Value) -> int:
    """Open or close a gap behind the network header (mode 0) or the Ethernet header (mode 1)."""
    packet, change = _packet(vm, ctx), signed32(number(delta))
    number(flags)
    version = (packet.read(ETHERNET, 1) or b"\0")[0] >> 4
    header = {4: 20, 6: 40}.get(version)
    if header is None:
        return -errno.ENOTSUP
    if number32(mode) > 1 or abs(change) > 0xFFF:
        return -errno.ENOTSUP
    at = ETHERNET if number32(mode) else ETHERNET + header
    if change >= 0:
        return packet.insert("bpf_skb_adjust_room", at, change)
    return packet.remove("bpf_skb_adjust_room", at, -change)


@helper("bpf_skb_vlan_push")
def vlan_push(vm: Execution, ctx: Value, protocol: Value, tag: Value) -> int:
    """Put a VLAN tag into the context, as hardware would; a tag there moves into the packet."""
    packet, skb = _packet(vm, ctx), _skb(vm, ctx)
    wanted = number32(protocol) & 0xFFFF
    if wanted not in (0x0081, 0xA888):  # in network order
        wanted = 0x0081
    if skb.get("vlan_present"):
        old = skb.get("vlan_proto").to_bytes(2, vm.order) + skb.get("vlan_tci").to_bytes(2, "big")
        packet.insert("bpf_skb_vlan_push", 12, 4, old)
    else:
        packet.touched("bpf_skb_vlan_push")
    skb.set("vlan_present", 1)
    skb.set("vlan_tci", number32(tag) & 0xFFFF)
    skb.set("vlan_proto", wanted)
    return 0


@helper("bpf_skb_vlan_pop")
def vlan_pop(vm: Execution, ctx: Value) -> int:
    """Take the VLAN tag away."""
    packet, skb = _packet(vm, ctx), _skb(vm, ctx)
    packet.touched("bpf_skb_vlan_pop")
    for name in ("vlan_present", "vlan_tci", "vlan_proto"):
        skb.set(name, 0)
    return 0


def _skb(vm: Execution, ctx: Value) -> StructContext:
    region = context(vm, ctx)
    if not isinstance(region, StructContext):
        raise VmError("the context is no skb")
    return region


@helper("bpf_get_hash_recalc")
def hash_recalc(vm: Execution, ctx: Value) -> int:
    """The context's hash."""
    return _skb(vm, ctx).get("hash")


@helper("bpf_set_hash")
def set_hash(vm: Execution, ctx: Value, value: Value) -> int:
    """Set the context's hash."""
    _skb(vm, ctx).set("hash", number32(value))
    return 0


@helper("bpf_skb_change_type")
def change_type(vm: Execution, ctx: Value, kind: Value) -> int:
    """Change the kind of destination among host, broadcast, multicast and other host."""
    skb = _skb(vm, ctx)
    if number32(kind) > 3 or skb.get("pkt_type") > 3:
        return -errno.EINVAL
    skb.set("pkt_type", number32(kind))
    return 0


@helper("bpf_get_socket_cookie", "bpf_get_netns_cookie")
def cookie(vm: Execution, ctx: Value) -> int:
    """One network namespace, one socket."""
    return 1


@helper("bpf_get_socket_uid")
def socket_uid(vm: Execution, ctx: Value) -> int:
    """The task's user."""
    return vm.machine.task.uid


@helper("bpf_skb_cgroup_id", "bpf_sk_cgroup_id")
def packet_cgroup(vm: Execution, ctx: Value) -> int:
    """The task's cgroup."""
    return vm.machine.task.cgroup_id


@helper("bpf_get_cgroup_classid", "bpf_skb_cgroup_classid", "bpf_get_route_realm")
def no_class(vm: Execution, ctx: Value) -> int:
    """No class, no realm."""
    return 0


# ------------------------------------------------------------------------------ redirection


@helper("bpf_redirect")
def redirect(vm: Execution, ifindex: Value, flags: Value) -> int:
    """Note the target; gives the action that carries it out."""
    xdp = vm.program_type == "BPF_PROG_TYPE_XDP"
    if number(flags) & ~(0 if xdp else _INGRESS):
        return XDP_ABORTED if xdp else TC_ACT_SHOT
    vm.redirect = number32(ifindex)
    return XDP_REDIRECT if xdp else TC_ACT_REDIRECT


@helper("bpf_redirect_peer", "bpf_redirect_neigh")
def redirect_peer(vm: Execution, ifindex: Value, *arguments: Value) -> int:
    """Note the target."""
    if number(arguments[-1]):
        return TC_ACT_SHOT
    vm.redirect = number32(ifindex)
    return TC_ACT_REDIRECT


@helper("bpf_clone_redirect")
def clone_redirect(vm: Execution, ctx: Value, ifindex: Value, flags: Value) -> int:
    """Note a copy's target."""
    packet = _packet(vm, ctx)
    if number(flags) & ~_INGRESS:
        return -errno.EINVAL
    vm.clones.append((number32(ifindex), packet.contents))
    packet.touched("bpf_clone_redirect")
    return 0


@helper("bpf_redirect_map")
def redirect_map(vm: Execution, map: Value, key: Value, flags: Value) -> int:
    """Note the target from a map; the lower bits of the flags are the action where there is none."""
    targets: TargetMap = map_of(map, TargetMap)
    wanted = number(flags)
    if wanted & ~(3 | _BROADCAST | _EXCLUDE_INGRESS):
        return XDP_ABORTED
    if wanted & _BROADCAST:
        vm.redirect_map = (targets.name, None)
        return XDP_REDIRECT
    index = number32(key)
    found = targets.at(index) if targets.by_key or index < targets.max_entries else None
    if found is None:
        return wanted & 3
    vm.redirect_map = (targets.name, index)
    return XDP_REDIRECT


@helper("bpf_sk_redirect_map", "bpf_msg_redirect_map")
def socket_redirect_map(vm: Execution, ctx: Value, map: Value, key: Value, flags: Value) -> int:
    """Pass to a socket of a map: 1 (pass) when it is there, else 0 (drop)."""
    context(vm, ctx)
    targets: TargetMap = map_of(map, TargetMap)
    if number(flags) & ~_INGRESS or targets.at(number32(key)) is None:
        return 0
    vm.redirect_map = (targets.name, number32(key))
    return 1


@helper("bpf_sk_redirect_hash", "bpf_msg_redirect_hash")
def socket_redirect_hash(vm: Execution, ctx: Value, map: Value, key: Value, flags: Value) -> int:
    """Pass to a socket of a hash: 1 (pass) when it is there, else 0 (drop)."""
    context(vm, ctx)
    targets: TargetMap = map_of(map, TargetMap)
    raw = read(key, targets.key_size)
    if number(flags) & ~_INGRESS or raw not in targets.slots:
        return 0
    vm.redirect_map = (targets.name, int.from_bytes(raw[:4], vm.order))
    return 1


@helper("bpf_sk_lookup_tcp", "bpf_sk_lookup_udp", "bpf_skc_lookup_tcp")
def no_socket(vm: Execution, ctx: Value, key: Value, size: Value, namespace: Value, flags: Value) -> int:
    """There are no sockets."""
    read(key, number32(size))
    return 0


@helper("bpf_sk_release")
def release(vm: Execution, sock: Value) -> int:
    """Sockets of the simulation need no release."""
    memory(sock)
    return 0


@helper("bpf_sk_fullsock", "bpf_get_listener_sock", "bpf_tcp_sock")
def full_socket(vm: Execution, sock: Value) -> Value:
    """The socket itself, where there is one."""
    return 0 if isinstance(sock, int) and sock == 0 else sock


@helper("bpf_msg_apply_bytes", "bpf_msg_cork_bytes")
def message_bytes(vm: Execution, ctx: Value, count: Value) -> int:
    """How far a verdict reaches; the simulation has one message."""
    context(vm, ctx)
    number32(count)
    return 0


@helper("bpf_msg_pull_data")
def message_pull(vm: Execution, ctx: Value, start: Value, end: Value, flags: Value) -> int:
    """Make bytes of a message directly accessible; in the simulation all are."""
    packet = _packet(vm, ctx)
    if number(flags) or number32(start) >= number32(end) or number32(end) > len(packet):
        return -errno.EINVAL
    packet.touched("bpf_msg_pull_data")
    return 0


@helper("bpf_sock_ops_cb_flags_set")
def callback_flags(vm: Execution, ctx: Value, flags: Value) -> int:
    """Set the events that a sockops program wants; gives the ones there are not."""
    region = context(vm, ctx)
    if not isinstance(region, StructContext):
        raise VmError("the context is no `bpf_sock_ops`")
    region.set("bpf_sock_ops_cb_flags", number32(flags) & 0x7F)
    return number32(flags) & ~0x7F
