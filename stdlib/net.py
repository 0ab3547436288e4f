"""Network headers under the kernel's names; network-order fields read and write in host order."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar, overload

from pybpfc.lang.contexts import PacketContext
from pybpfc.lang.functions import constant, func
from pybpfc.lang.integers import be16, be32, u8, u16, u32
from pybpfc.lang.intrinsics import size_of
from pybpfc.lang.struct import struct
from pybpfc.lang.views import View

if TYPE_CHECKING:
    from pybpfc.lang.pointers import Ptr

_T = TypeVar("_T")
_FARTHEST: Final = 0x7FFF
"""Where packet accesses start at most: farther than any header."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@struct
class ethhdr:
    """Ethernet header, 14 bytes."""

    h_dest: Annotated[bytes, 6]
    h_source: Annotated[bytes, 6]
    h_proto: be16


@struct
class vlan_hdr:
    """802.1Q tag behind the Ethernet header, 4 bytes."""

    h_vlan_TCI: be16
    h_vlan_encapsulated_proto: be16


@struct
class iphdr:
    """IPv4 header without options, 20 bytes. `version_ihl` holds the version and the length in 32-bit words."""

    version_ihl: u8
    tos: u8
    tot_len: be16
    id: be16
    frag_off: be16
    ttl: u8
    protocol: u8
    check: be16
    saddr: be32
    daddr: be32


@struct
class ipv6hdr:
    """IPv6 header, 40 bytes. `version_class_flow` holds the version, the traffic class and the flow label."""

    version_class_flow: be32
    payload_len: be16
    nexthdr: u8
    hop_limit: u8
    saddr: Annotated[bytes, 16]
    daddr: Annotated[bytes, 16]


@struct
class tcphdr:
    """TCP header without options, 20 bytes. `doff_flags` holds the data offset and the flags."""

    source: be16
    dest: be16
    seq: be32
    ack_seq: be32
    doff_flags: be16
    window: be16
    check: be16
    urg_ptr: be16


@struct
class udphdr:
    """UDP header, 8 bytes."""

    source: be16
    dest: be16
    len: be16
    check: be16


@struct
class icmphdr:
    """ICMP header, 8 bytes."""

    type: u8
    code: u8
    checksum: be16
    un: be32


@struct
class icmp6hdr:
    """ICMPv6 header, 8 bytes."""

    icmp6_type: u8
    icmp6_code: u8
    icmp6_cksum: be16
    icmp6_dataun: be32


@struct(packed=True)
class arphdr:
    """ARP header for IPv4 over Ethernet, 28 bytes."""

    ar_hrd: be16
    ar_pro: be16
    ar_hln: u8
    ar_pln: u8
    ar_op: be16
    ar_sha: Annotated[bytes, 6]
    ar_sip: be32
    ar_tha: Annotated[bytes, 6]
    ar_tip: be32


@struct
class ip4_lpm:
    """The key of an IPv4 `LpmTrie`; in user space a network or an address will do: `routes["10.0.0.0/8"] = 1`."""

    prefixlen: u32
    addr: be32

    @property
    def network(self) -> ipaddress.IPv4Network:
        """The prefix as a network, in user space."""
        return ipaddress.IPv4Network((self.addr, self.prefixlen))

    @classmethod
    def __bpf_from__(cls, value: object) -> ip4_lpm:
        network = ipaddress.IPv4Network(_network(value, "IPv4"))
        return cls(prefixlen=network.prefixlen, addr=int(network.network_address))


@struct
class ip6_lpm:
    """The key of an IPv6 `LpmTrie`; in user space a network or an address will do: `routes["2001:db8::/32"] = 1`."""

    prefixlen: u32
    addr: Annotated[bytes, 16]

    @property
    def network(self) -> ipaddress.IPv6Network:
        """The prefix as a network, in user space."""
        return ipaddress.IPv6Network((self.addr, self.prefixlen))

    @classmethod
    def __bpf_from__(cls, value: object) -> ip6_lpm:
        network = ipaddress.IPv6Network(_network(value, "IPv6"))
        return cls(prefixlen=network.prefixlen, addr=network.network_address.packed)


def _network(value: object, kind: str) -> str:
    """A network or an address, as text or of `ipaddress`, as text."""
    if not isinstance(value, str | ipaddress.IPv4Network | ipaddress.IPv6Network | _Address):
        raise ValueError(f"an {kind} network or address is wanted, not {value!r}")
    return str(value)


@constant
def ip4(text: str) -> int:
    """An IPv4 address as the number that network-order fields give; in programs a constant."""
    return int(ipaddress.IPv4Address(text))


class Cursor(View):
    """Reads a packet's headers one behind the other: `cursor = net.Cursor(ctx)`, `eth = cursor.read(net.ethhdr)`.

    A local object of a program; functions take it as a parameter annotated with this class. What it gave may be used
    until a helper moves the packet; the cursor itself stays good.
    """

    __bpf_numbers__ = {"offset": u32}
    ctx: PacketContext
    offset: u32
    """Where the next header starts, in bytes from the start of the packet."""

    def __init__(self, ctx: Any) -> None:
        raise TypeError("`net.Cursor` works inside a BPF program only")

    if TYPE_CHECKING:

        @overload
        def read(self, kind: Callable[[int], int]) -> Ptr[int] | None: ...
        @overload
        def read(self, kind: type[_T]) -> _T | None: ...
        def read(self, kind: Any) -> Any:
            """A reference to what comes next, and the cursor moves behind it; None, unmoved, past the packet's end."""

        def skip(self, count: int) -> None:
            """Move on by `count` bytes, such as options; reading shows whether the packet goes that far."""

    else:

        @func
        def read(self, kind: type[_T]) -> _T | None:
            """A reference to what comes next, and the cursor moves behind it; None, unmoved, past the packet's end."""
            at = self.offset
            if at > _FARTHEST:
                return None
            found = self.ctx.packet(kind, at)
            if found is not None:
                self.offset = at + size_of(kind)
            return found

        @func
        def skip(self, count: u32) -> None:
            """Move on by `count` bytes, such as options; reading shows whether the packet goes that far."""
            self.offset += min(count, _FARTHEST)


@func
def csum_fold(total: u32) -> u16:
    """The Internet checksum of 16-bit words that add up to `total`, in host order as header fields are read."""
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return u16(~total & 0xFFFF)


@func
def csum_replace(check: u16, old: u32, new: u32) -> u16:
    """A checksum after a 16-bit or 32-bit field in what it covers changed from `old` to `new` (RFC 1624).

    All are in host order, as header fields are read: `ip.check = net.csum_replace(ip.check, ip.saddr, source)`.
    """
    total = u32(~check & 0xFFFF) + (~old >> 16) + (~old & 0xFFFF) + (new >> 16) + (new & 0xFFFF)
    return csum_fold(total)


@func
def ip_csum(ip: iphdr) -> u16:
    """The checksum of an IPv4 header without options, whatever its `check` holds."""
    total = u32(ip.version_ihl) * 256 + ip.tos + ip.tot_len + ip.id + ip.frag_off
    total += u32(ip.ttl) * 256 + ip.protocol
    total += (ip.saddr >> 16) + (ip.saddr & 0xFFFF) + (ip.daddr >> 16) + (ip.daddr & 0xFFFF)
    return csum_fold(total)
