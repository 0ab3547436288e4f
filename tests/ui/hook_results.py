import pybpfc as bpf
from pybpfc import i32, u64
from pybpfc.vmlinux import file


@bpf.fexit("fput")
def nothing(closed: file, ret: i32) -> None:
    print(f"{ret}")


@bpf.lsm("file_open")
def kept(opened: file, ret: i32) -> int:
    return ret if ret else -1


@bpf.lsm("file_open")
def other(opened: file, ret: i32) -> int:
    return ret - 1


@bpf.kprobe_multi("do_unlinka*", retprobe=True)
def returned(ret: i32, more: u64) -> None:
    print(f"{ret} {more}")


@bpf.kprobe_multi("do_unlinka*", session=True)
def both(dfd: i32, name: u64) -> None:
    print(f"{dfd}")
