"""Constants that programs need and the kernel's user-space headers of one release lack.

Some are the kernel's own (`TCP_ESTABLISHED`), some the C library's copy of the kernel's (`AF_INET`), some newer than the
headers that distributions ship. `pybpfc.abi.generate` merges them into `uapi`.
"""

from __future__ import annotations


def _numbered(names: str, start: int = 0) -> dict[str, int]:
    return {name: number for number, name in enumerate(names.split(), start) if name != "-"}


_FAMILIES = _numbered(
    "UNSPEC UNIX INET AX25 IPX APPLETALK NETROM BRIDGE ATMPVC X25 INET6 ROSE DECnet NETBEUI SECURITY KEY NETLINK PACKET "
    "ASH ECONET ATMSVC RDS SNA IRDA PPPOX WANPIPE LLC IB MPLS CAN TIPC BLUETOOTH IUCV RXRPC ISDN PHONET IEEE802154 CAIF "
    "ALG NFC VSOCK KCM QIPCRTR SMC XDP MCTP"
)

EXTRA_CONSTANTS: dict[str, int] = {
    **{f"AF_{name}": number for name, number in _FAMILIES.items()},
    **{f"PF_{name}": number for name, number in _FAMILIES.items()},
    "AF_LOCAL": 1,
    "AF_ROUTE": 16,
    "PF_LOCAL": 1,
    "PF_ROUTE": 16,
    **_numbered("SOCK_STREAM SOCK_DGRAM SOCK_RAW SOCK_RDM SOCK_SEQPACKET SOCK_DCCP - - - SOCK_PACKET", 1),
    "SOCK_CLOEXEC": 0x80000,
    "SOCK_NONBLOCK": 0x800,
    **_numbered("SHUT_RD SHUT_WR SHUT_RDWR"),
    "SOL_IP": 0,
    "SOL_TCP": 6,
    "SOL_UDP": 17,
    "SOL_IPV6": 41,
    "SOL_ICMPV6": 58,
    "SOL_SCTP": 132,
    "SOL_UDPLITE": 136,
    "SOL_RAW": 255,
    "SOL_PACKET": 263,
    "SOL_NETLINK": 270,
    "SOL_TLS": 282,
    "SOL_XDP": 283,
    "SOL_MPTCP": 284,
    "SOL_VSOCK": 287,
    "MSG_OOB": 0x1,
    "MSG_PEEK": 0x2,
    "MSG_DONTROUTE": 0x4,
    "MSG_CTRUNC": 0x8,
    "MSG_PROXY": 0x10,
    "MSG_TRUNC": 0x20,
    "MSG_DONTWAIT": 0x40,
    "MSG_EOR": 0x80,
    "MSG_WAITALL": 0x100,
    "MSG_FIN": 0x200,
    "MSG_SYN": 0x400,
    "MSG_CONFIRM": 0x800,
    "MSG_RST": 0x1000,
    "MSG_ERRQUEUE": 0x2000,
    "MSG_NOSIGNAL": 0x4000,
    "MSG_MORE": 0x8000,
    "MSG_WAITFORONE": 0x10000,
    "MSG_BATCH": 0x40000,
    "MSG_ZEROCOPY": 0x4000000,
    "MSG_FASTOPEN": 0x20000000,
    "MSG_CMSG_CLOEXEC": 0x40000000,
    "SOMAXCONN": 4096,
    # the kernel's own
    **_numbered(
        "TCP_ESTABLISHED TCP_SYN_SENT TCP_SYN_RECV TCP_FIN_WAIT1 TCP_FIN_WAIT2 TCP_TIME_WAIT TCP_CLOSE TCP_CLOSE_WAIT "
        "TCP_LAST_ACK TCP_LISTEN TCP_CLOSING TCP_NEW_SYN_RECV TCP_BOUND_INACTIVE TCP_MAX_STATES",
        1,
    ),
    **{f"TCPHDR_{name}": 1 << bit for bit, name in enumerate(["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"])},
    "IP_CE": 0x8000,
    "IP_DF": 0x4000,
    "IP_MF": 0x2000,
    "IP_OFFSET": 0x1FFF,
    "IP6_MF": 0x0001,
    "IP6_OFFSET": 0xFFF8,
    "VLAN_HLEN": 4,
    "VLAN_VID_MASK": 0x0FFF,
    "VLAN_CFI_MASK": 0x1000,
    "VLAN_PRIO_MASK": 0xE000,
    "VLAN_PRIO_SHIFT": 13,
    "INET_ECN_NOT_ECT": 0,
    "INET_ECN_ECT_1": 1,
    "INET_ECN_ECT_0": 2,
    "INET_ECN_CE": 3,
    "INET_ECN_MASK": 3,
    "NEXTHDR_HOP": 0,
    "NEXTHDR_TCP": 6,
    "NEXTHDR_UDP": 17,
    "NEXTHDR_IPV6": 41,
    "NEXTHDR_ROUTING": 43,
    "NEXTHDR_FRAGMENT": 44,
    "NEXTHDR_GRE": 47,
    "NEXTHDR_ESP": 50,
    "NEXTHDR_AUTH": 51,
    "NEXTHDR_ICMP": 58,
    "NEXTHDR_NONE": 59,
    "NEXTHDR_DEST": 60,
    "NEXTHDR_SCTP": 132,
    "NEXTHDR_MOBILITY": 135,
    "TASK_COMM_LEN": 16,
    "TASK_RUNNING": 0,
    "TASK_INTERRUPTIBLE": 1,
    "TASK_UNINTERRUPTIBLE": 2,
    "PF_EXITING": 0x4,
    "PF_KTHREAD": 0x200000,
    "MAX_ERRNO": 4095,
    **_numbered("ERESTARTSYS ERESTARTNOINTR ERESTARTNOHAND ENOIOCTLCMD ERESTART_RESTARTBLOCK EPROBE_DEFER", 512),
    "ENOTSUPP": 524,
    "FMODE_READ": 1,
    "FMODE_WRITE": 2,
    "FMODE_EXEC": 0x20,
    "MAY_EXEC": 1,
    "MAY_WRITE": 2,
    "MAY_READ": 4,
    "MAY_APPEND": 8,
    "REQ_OP_READ": 0,
    "REQ_OP_WRITE": 1,
    "REQ_OP_FLUSH": 2,
    "REQ_OP_DISCARD": 3,
    # newer than the headers
    "BPF_F_AFTER": 1 << 4,
    "BPF_F_BEFORE": 1 << 3,
    "BPF_F_ID": 1 << 5,
    "BPF_F_PREORDER": 1 << 6,
    "BPF_F_LINK": 1 << 13,
    "BPF_F_TEST_REG_INVARIANTS": 1 << 7,
    "BPF_F_XDP_DEV_BOUND_ONLY": 1 << 6,
    "BPF_F_TEST_SKB_CHECKSUM_COMPLETE": 1 << 2,
    "BPF_F_NETFILTER_IP_DEFRAG": 1 << 0,
    "BPF_LOAD_ACQ": 0x100,
    "BPF_STORE_REL": 0x110,
    "BPF_MEMSX": 0x80,
    "BPF_JCOND": 0xE0,
    "BPF_PSEUDO_MAP_IDX": 5,
    "BPF_PSEUDO_MAP_IDX_VALUE": 6,
    "BPF_STREAM_STDOUT": 1,
    "BPF_STREAM_STDERR": 2,
    "NETKIT_NEXT": -1,
    "NETKIT_PASS": 0,
    "NETKIT_DROP": 2,
    "NETKIT_REDIRECT": 7,
}
"""Constants by name."""

EXTRA_SYSCALLS: dict[str, int] = _numbered(
    "cachestat fchmodat2 map_shadow_stack futex_wake futex_wait futex_requeue statmount listmount lsm_get_self_attr "
    "lsm_set_self_attr lsm_list_modules mseal setxattrat getxattrat listxattrat removexattrat open_tree_attr "
    "file_getattr file_setattr",
    451,
) | {"uretprobe": 335}
"""System calls that are newer than the headers, with their numbers on x86-64."""
