"""A TCP congestion control: additive increase, multiplicative decrease, as in Reno.

Sockets ask for it by name: `sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"py_aimd")`.
"""

import pybpfc as bpf
from pybpfc import u32, u64, vmlinux

acked_packets: bpf.Global[u64] = 0
decreases: bpf.Global[u64] = 0


@bpf.struct_ops("tcp_congestion_ops")
class aimd:
    name = "py_aimd"

    def ssthresh(self, sk: vmlinux.tcp_sock) -> u32:
        """After a loss: half the window, but 2 packets at least."""
        global decreases
        decreases += 1
        return u32(max(sk.snd_cwnd >> 1, 2))

    def cong_avoid(self, sk: vmlinux.tcp_sock, ack: u32, acked: u32) -> None:
        """On acknowledgements: one packet more for each below the threshold, above it one in a round trip."""
        global acked_packets
        bpf.atomic_add(acked_packets, acked)
        if sk.snd_cwnd < sk.snd_ssthresh:
            sk.snd_cwnd = min(sk.snd_cwnd + acked, sk.snd_ssthresh)
            return
        sk.snd_cwnd_cnt += acked
        if sk.snd_cwnd_cnt >= sk.snd_cwnd:
            sk.snd_cwnd_cnt = 0
            sk.snd_cwnd = min(sk.snd_cwnd + 1, sk.snd_cwnd_clamp)

    def undo_cwnd(self, sk: vmlinux.tcp_sock) -> u32:
        """When a loss turns out to be none: back to the window before."""
        return u32(max(sk.snd_cwnd, sk.prior_cwnd))


if __name__ == "__main__":
    import time

    with bpf.load() as obj:
        print("sockets can ask for `py_aimd`; Ctrl-C ends")
        try:
            while True:
                time.sleep(1)
                print(f"{obj.globals.acked_packets} packets acknowledged, {obj.globals.decreases} decreases")
        except KeyboardInterrupt:
            pass
