"""What programs of each type start with, from bytes, fields, arguments and placed memory."""

from __future__ import annotations

import struct

import pytest
from vm_programs import DW, H, W, add, alur, build, call, exit_, jump, load, mov, movr, put, run, stack_pointer, store

from pybpfc.abi import insn as isa
from pybpfc.vm import KernelMemory, Machine, UserMemory, VmError


def test_xdp() -> None:
    parts = (load(W, 2, 1, 0), load(W, 3, 1, 4), load(W, 0, 1, 12), load(W, 4, 1, 16), add(0, 0), exit_())
    assert run(*parts, ctx={"ingress_ifindex": 7, "rx_queue_index": 3}).retval == 7
    raw = struct.pack("<6I", 0, 64, 0, 9, 0, 0)
    assert run(*parts, ctx=raw).retval == 9
    with pytest.raises(VmError, match="do not fit the packet"):
        run(*parts, ctx=struct.pack("<6I", 0, 99, 0, 9, 0, 0))


def test_metadata_in_front_of_an_xdp_packet() -> None:
    parts = (
        load(W, 2, 1, 8),
        load(W, 3, 1, 0),
        load(W, 0, 2),
        movr(4, 3),
        alur(isa.BPF_SUB, 4, 2),
        alur(isa.BPF_OR, 0, 4),
        exit_(),
    )
    data = (256).to_bytes(4, "little") + bytes(60)
    result = run(*parts, data=data, ctx=struct.pack("<6I", 4, 64, 0, 0, 0, 0))
    assert result.retval == 256 | 4


ETHERNET = bytes(12) + b"\x08\x00"


def test_skb_fields() -> None:
    parts = (load(W, 0, 1, 0), load(W, 2, 1, 8), add(2, 1), store(W, 1, 8, 2), put(W, 1, 48, 77), exit_())
    result = run(*parts, section="tc", data=ETHERNET + bytes(50), ctx={"mark": 41, "priority": 3, "cb": [1, 2]})
    assert result.retval == 64
    assert (result.ctx.mark, result.ctx.priority, result.ctx.cb) == (42, 3, [77, 2, 0, 0, 0])
    assert (result.ctx.protocol, result.ctx.pkt_type, result.ctx.ifindex) == (0x0800, 0, 1)
    with pytest.raises(AttributeError, match="no field `colour`"):
        _ = result.ctx.colour


def test_parts_of_skb_fields() -> None:
    assert run(load(H, 0, 1, 8), exit_(), section="tc", ctx={"mark": 0x12345678}).retval == 0x5678
    assert run(load(DW, 0, 1, 48), exit_(), section="tc", ctx={"cb": [1, 0]}).retval == 1
    with pytest.raises(VmError, match="2 bytes of `data`"):
        run(load(H, 0, 1, 76), exit_(), section="tc")
    with pytest.raises(VmError, match="2 bytes of `mark` .* are written"):
        run(put(H, 1, 8, 5), mov(0, 0), exit_(), section="tc")


@pytest.mark.parametrize(("section", "message"), [("cgroup_skb/ingress", "is read-only"), ("tc", "")])
def test_who_may_write_packets(section: str, message: str) -> None:
    parts = (load(W, 2, 1, 76), put(W, 2, 0, 5), mov(0, 1), exit_())
    if message:
        with pytest.raises(VmError, match=message):
            run(*parts, section=section)
    else:
        assert run(*parts, section=section).data[:4] == b"\5\0\0\0"


def test_socket_filters_have_no_direct_access() -> None:
    with pytest.raises(VmError, match="`data` of the context .* is not there for programs of this kind"):
        run(load(W, 2, 1, 76), mov(0, 1), exit_(), section="socket")


def test_programs_above_the_link_layer_do_not_see_its_header() -> None:
    parts = (load(W, 2, 1, 76), load(W, 0, 2), exit_())
    result = run(*parts, section="cgroup_skb/egress", data=bytes(range(1, 65)))
    assert result.retval == int.from_bytes(bytes([15, 16, 17, 18]), "little")
    assert result.data == bytes(14) + bytes(range(15, 65))


def test_addresses_in_network_order() -> None:
    parts = (load(W, 0, 1, 4), exit_())
    result = run(*parts, section="cgroup/connect4", ctx={"user_ip4": "10.0.0.1", "user_port": 80})
    assert result.retval == int.from_bytes(bytes([10, 0, 0, 1]), "little")
    assert result.ctx.user_ip4 == 0x0A000001
    writing = (put(W, 1, 4, 0x0100007F), mov(0, 1), exit_())
    assert run(*writing, section="cgroup/connect4").ctx.user_ip4 == 0x7F000001


def test_socket_options_have_a_buffer() -> None:
    parts = (load(DW, 2, 1, 8), load(DW, 3, 1, 16), load(W, 0, 2), put(W, 2, 4, 9), put(W, 1, 32, 8), exit_())
    result = run(*parts, section="cgroup/setsockopt", data=bytes([1, 0, 0, 0, 0, 0, 0, 0]), ctx={"level": -1})
    assert (result.retval, result.data, result.ctx.optlen, result.ctx.level) == (1, b"\1\0\0\0\t\0\0\0", 8, -1)


def test_sockets_behind_a_context() -> None:
    parts = (load(DW, 2, 1, 64), jump(isa.BPF_JEQ, 2, 0, 2), load(W, 0, 2, 4), exit_(), mov(0, 99), exit_())
    assert run(*parts, section="cgroup/connect4", ctx={"sk": {"family": 2}}).retval == 2
    assert run(*parts, section="cgroup/connect4").retval == 99
    with pytest.raises(VmError, match="may be null"):
        run(load(DW, 2, 1, 64), load(W, 0, 2, 4), exit_(), section="cgroup/connect4", ctx={"sk": {"family": 2}})


OPENAT = "tracepoint/syscalls/sys_enter_openat"


def test_tracepoints_by_fields() -> None:
    read = (
        stack_pointer(1, -16),
        mov(2, 16),
        load(DW, 3, 6, 24),
        call("bpf_probe_read_user_str"),
        load(DW, 0, 10, -16),
        exit_(),
    )
    for name in ("/etc/passwd", UserMemory("/etc/passwd"), b"/etc/passwd\0"):
        result = run(movr(6, 1), *read, section=OPENAT, ctx={"filename": name, "dfd": -100, "flags": 0x8000})
        assert result.retval == int.from_bytes(b"/etc", "little")
    fields = run(load(DW, 0, 1, 16), exit_(), section=OPENAT, ctx={"dfd": -100})
    assert fields.signed_retval == -100
    with pytest.raises(VmError, match="has no field `filname`") as raised:
        run(mov(0, 0), exit_(), section=OPENAT, ctx={"filname": 0})
    assert "did you mean `filename`?" in str(raised.value)


def test_the_first_bytes_of_a_record_are_hidden() -> None:
    with pytest.raises(VmError, match="can't be read by programs"):
        run(load(W, 0, 1, 4), exit_(), section=OPENAT)
    with pytest.raises(VmError, match="is read-only"):
        run(put(DW, 1, 16, 1), mov(0, 0), exit_(), section=OPENAT)


def test_tracepoint_strings_and_arrays() -> None:
    section = "tracepoint/sched/sched_switch"
    result = run(load(DW, 0, 1, 8), exit_(), section=section, ctx={"prev_comm": "bash", "next_pid": 5})
    assert result.retval == int.from_bytes(b"bash", "little")
    loc = "tracepoint/sched/sched_process_exec"
    parts = (load(W, 0, 1, 8), exit_())
    result = run(*parts, section=loc, ctx={"filename": "/bin/true"})
    offset, length = result.retval & 0xFFFF, result.retval >> 16
    assert result.ctx[offset : offset + length] == b"/bin/true\0"


def test_unknown_tracepoints_take_bytes() -> None:
    parts = (load(W, 0, 1, 8), exit_())
    assert run(*parts, section="tracepoint/my/event", ctx=bytes(8) + b"\7\0\0\0").retval == 7
    with pytest.raises(VmError, match="not known here"):
        run(*parts, section="tracepoint/my/event", ctx={"a": 1})


def test_raw_tracepoints_and_tracing_take_arguments() -> None:
    parts = (load(DW, 0, 1, 8), exit_())
    assert run(*parts, section="raw_tracepoint/sys_enter", ctx=[1, 2]).retval == 2
    assert run(*parts, section="raw_tracepoint/sys_enter", ctx={"args": [1, 5]}).retval == 5
    assert run(*parts, section="fexit/vfs_read", ctx={"args": [3], "ret": -1}).signed_retval == -1
    assert run(*parts, section="fexit/vfs_read", ctx=struct.pack("<2Q", 1, 8)).retval == 8
    with pytest.raises(VmError, match="no field `arg`"):
        run(*parts, section="fexit/vfs_read", ctx={"arg": [3]})


def test_pointers_of_btf_types_are_read_directly() -> None:
    parts = (load(DW, 2, 1, 0), load(DW, 3, 2, 8), load(W, 0, 3), exit_())
    file = KernelMemory([0, KernelMemory((42).to_bytes(4, "little"))])
    assert run(*parts, section="fentry/vfs_read", ctx=[file]).retval == 42
    assert run(*parts, section="fentry/vfs_read", ctx=[0]).retval == 0
    with pytest.raises(VmError, match="null pointer"):
        run(*parts, section="kprobe/vfs_read", ctx={"r15": 0})


def test_registers() -> None:
    third = load(DW, 0, 1, 96)
    assert run(third, exit_(), section="kprobe/vfs_read", ctx={"args": [1, 2, 77]}).retval == 77
    assert run(third, exit_(), section="kprobe/vfs_read", ctx={"dx": 5}).retval == 5
    assert run(load(DW, 0, 1, 80), exit_(), section="kretprobe/vfs_read", ctx={"ret": -2}).signed_retval == -2
    with pytest.raises(VmError, match="has no field `rdx`"):
        run(third, exit_(), section="kprobe/vfs_read", ctx={"rdx": 5})


def test_system_calls_have_their_registers_in_memory() -> None:
    parts = (
        load(DW, 3, 1, 112),
        add(3, 104),
        stack_pointer(1, -8),
        mov(2, 8),
        call("bpf_probe_read_kernel"),
        load(DW, 0, 10, -8),
        exit_(),
    )
    assert run(*parts, section="ksyscall/openat", ctx={"args": [1, 66]}).retval == 66


def test_raw_memory_of_syscall_programs() -> None:
    parts = (load(W, 0, 1, 4), put(W, 1, 0, 9), exit_())
    result = run(*parts, section="syscall", data=b"", ctx=struct.pack("<2I", 1, 2))
    assert (result.retval, bytes(result.ctx)) == (2, struct.pack("<2I", 9, 2))


def test_flow_dissectors_fill_in_their_keys() -> None:
    parts = (load(DW, 2, 1, 144), put(H, 2, 0, 14), mov(0, 0), exit_())
    result = run(*parts, section="flow_dissector", data=ETHERNET + bytes(40))
    assert result.data[:2] == b"\x0e\0"
    assert len(result.data) == 56


def test_what_does_not_fit() -> None:
    with pytest.raises(VmError, match="the packet's bytes, not str"):
        Machine(build(mov(0, 0), exit_())).run("prog", "text")  # type: ignore[arg-type]
    for ctx, message in ((5, "bytes or a dict"), ({"colour": 1}, "no field `colour`"), (bytes(300), "has 192 bytes")):
        with pytest.raises(VmError, match=message):
            run(mov(0, 0), exit_(), section="tc", ctx=ctx)
    with pytest.raises(VmError, match="`mark` is a number"):
        run(mov(0, 0), exit_(), section="tc", ctx={"mark": "red"})
    with pytest.raises(VmError, match="has no program `other`"):
        Machine(build(mov(0, 0), exit_())).run("other")
    with pytest.raises(VmError, match="no CPU 1"):
        Machine(build(mov(0, 0), exit_())).run("prog", cpu=1)


# ----------------------------------------------------------------------------------- memory


def test_memory_is_placed_and_nested() -> None:
    machine = Machine(build(mov(0, 0), exit_()), memory={0x1000: "first", 0x2000: b"\1\2"})
    space = machine.memory
    argv = space.place(UserMemory(["ls", "-l", None]))
    pointers = struct.unpack("<3Q", space.read(argv, 24) or b"")
    assert [space.read_string(p, 16) for p in pointers[:2]] == [b"ls\0", b"-l\0"]
    assert pointers[2] == 0
    assert space.read_string(0x1000, 16) == b"first\0"
    assert space.read_string(0x2000, 16) is None
    assert space.read(0x2001, 2) is None
    assert space.write(0x2000, b"\7")
    assert space.read(0x2000, 2) == b"\7\2"
    assert space.is_user(argv)
    assert not space.is_user(space.place(KernelMemory(b"x")))
    with pytest.raises(VmError, match="overlaps"):
        space.put(0x1002, b"x")
    with pytest.raises(VmError, match="can't be placed"):
        space.place(UserMemory(3.5))  # type: ignore[arg-type]
    with pytest.raises(VmError, match="can't be placed at 0"):
        space.put(0, b"x")


def test_pieces_side_by_side_are_read_across() -> None:
    space = Machine(build(mov(0, 0), exit_()), memory={0x1000: b"abcd", 0x1004: b"efgh"}).memory
    assert space.read(0x1002, 4) == b"cdef"
    assert space.write(0x1003, b"XY")
    assert space.read(0x1000, 8) == b"abcXYfgh"
