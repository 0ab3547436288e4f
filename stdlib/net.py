"""Network headers under the kernel's names; network-order fields read and write in host order."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pybpfc.lang.integers import be16, be32, u8, u32
from pybpfc.lang.struct import struct

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


def ip4(text: str) -> int:
    """An IPv4 address as the number that network-order fields give, for constants at module level."""
    return int(ipaddress.IPv4Address(text))
