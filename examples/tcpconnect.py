"""tcpconnect: print every TCP connection that processes open, how it went and how long that took."""

from __future__ import annotations

import argparse
import ipaddress
import time
from typing import Annotated

import pybpfc as bpf
from pybpfc import be32, i32, u16, u32, u64
from pybpfc.helpers import bpf_ktime_get_ns
from pybpfc.stdlib import task
from pybpfc.uapi import AF_INET6
from pybpfc.vmlinux import TCP_ESTABLISHED, TCP_SYN_SENT, sock


@bpf.struct
class Attempt:
    start: u64
    pid: u32
    uid: u32
    comm: Annotated[str, 16]


@bpf.struct
class Connection:
    attempt: Attempt
    nanoseconds: u64
    network: u32  # the number of its namespace
    family: u16
    connected: bool
    source_port: u16
    port: u16
    source4: be32
    destination4: be32
    source6: Annotated[bytes, 16]
    destination6: Annotated[bytes, 16]

    @property
    def source(self) -> str:
        """The address it comes from."""
        return str(ipaddress.ip_address(self.source6 if self.family == AF_INET6 else self.source4))

    @property
    def destination(self) -> str:
        """The address it goes to."""
        return str(ipaddress.ip_address(self.destination6 if self.family == AF_INET6 else self.destination4))


attempts = bpf.LruHashMap[u64, Attempt](max_entries=10_240)
events = bpf.RingBuf[Connection](size=256 * 1024)
only_pid: bpf.Const[u32] = 0
only_port: bpf.Const[u16] = 0
dropped: bpf.Global[u64] = 0


@bpf.tp_btf("inet_sock_set_state")
def on_state(sk: sock, old: i32, new: i32) -> int:
    global dropped
    if new == TCP_SYN_SENT:  # the process that connects still runs
        pid = task.current_pid()
        if (only_pid and pid != only_pid) or (only_port and sk.__sk_common.skc_dport != only_port):
            return 0
        who = Attempt(start=bpf_ktime_get_ns(), pid=pid, uid=task.current_uid(), comm=task.current_comm())
        attempts[u64(sk)] = who
        return 0
    if old != TCP_SYN_SENT:
        return 0
    attempt = attempts.lookup(u64(sk))
    if attempt is None:
        return 0
    event = events.reserve()
    if event is None:
        dropped += 1
        return 0
    event.attempt = attempt
    event.nanoseconds = bpf_ktime_get_ns() - attempt.start
    event.connected = new == TCP_ESTABLISHED
    common = sk.__sk_common
    event.network = common.skc_net.net.ns.inum
    event.family = common.skc_family
    event.source_port = common.skc_num
    event.port = common.skc_dport
    event.source4 = common.skc_rcv_saddr
    event.destination4 = common.skc_daddr
    event.source6 = common.skc_v6_rcv_saddr.in6_u.u6_addr8
    event.destination6 = common.skc_v6_daddr.in6_u.u6_addr8
    events.submit(event)
    del attempts[u64(sk)]
    return 0


def main() -> None:
    """Print connections until Ctrl-C, or for some seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pid", type=int, default=0, help="only this process's")
    parser.add_argument("--port", type=int, default=0, help="only those to this port")
    parser.add_argument("--duration", type=float, help="end after this many seconds")
    options = parser.parse_args()
    with bpf.load(only_pid=options.pid, only_port=options.port) as obj:
        end = time.monotonic() + options.duration if options.duration else None
        try:
            print(f"{'PID':<8}{'UID':<7}{'COMM':<17}{'MS':>9}  {'':<8}CONNECTION", flush=True)
            while end is None or time.monotonic() < end:
                for event in events.poll(timeout=0.2):
                    who, outcome = event.attempt, "" if event.connected else "failed"
                    row = f"{who.pid:<8}{who.uid:<7}{who.comm:<17}{event.nanoseconds / 1e6:>9.3f}  {outcome:<8}"
                    source, destination = f"{event.source} {event.source_port}", f"{event.destination} {event.port}"
                    print(f"{row}{source} -> {destination}", flush=True)
        except KeyboardInterrupt:
            pass
        print(f"{obj.globals.dropped} dropped")


if __name__ == "__main__":
    main()
