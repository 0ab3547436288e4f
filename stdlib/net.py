"""Network headers under the kernel's names; network-order fields read and write in host order."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pybpfc.lang.integers import be16, be32, u8
from pybpfc.lang.struct import struct


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


def ip4(text: str) -> int:
    """An IPv4 address as the number that network-order fields give, for constants at module level."""
    return int(ipaddress.IPv4Address(text))
