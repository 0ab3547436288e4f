"""xdp_count: packets by protocol on a network interface. Every packet passes."""

from __future__ import annotations

import argparse
import time

import pybpfc as bpf
from pybpfc import u32, u64
from pybpfc.stdlib import net
from pybpfc.uapi import ETH_P_IP, ETH_P_IPV6, XDP_PASS

OTHER = 256
packets = bpf.PerCpuArray[u64](max_entries=OTHER + 1)
NAMES = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMPv6", OTHER: "other"}


@bpf.xdp
def count(ctx: bpf.XdpContext) -> int:
    protocol: u32 = OTHER
    eth = ctx.packet(net.ethhdr)
    if eth is None:
        return XDP_PASS
    if eth.h_proto == ETH_P_IP:
        ip = ctx.packet(net.iphdr, 14)
        if ip is not None:
            protocol = ip.protocol
    elif eth.h_proto == ETH_P_IPV6:
        ip6 = ctx.packet(net.ipv6hdr, 14)
        if ip6 is not None:
            protocol = ip6.nexthdr
    packets[protocol] += 1
    return XDP_PASS


def counts() -> dict[str, int]:
    """Packets by protocol, over all CPUs."""
    totals = {number: sum(values) for number, values in packets.items()}
    return {NAMES.get(number, f"protocol {number}"): total for number, total in totals.items() if total}


def main() -> None:
    """Count for some seconds, or until Ctrl-C, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("interface", help="the network interface")
    parser.add_argument("--duration", type=float, default=5.0, help="seconds to count")
    options = parser.parse_args()
    with bpf.load(attach=False) as obj:
        obj.count.attach(interface=options.interface)
        try:
            time.sleep(options.duration)
        except KeyboardInterrupt:
            pass
        for name, total in sorted(counts().items(), key=lambda entry: -entry[1]):
            print(f"{name:<12}{total:>10}")


if __name__ == "__main__":
    main()
