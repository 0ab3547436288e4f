"""The machine as its users see it: state between runs, results, stand-ins for helpers, what helpers do."""

from __future__ import annotations

import itertools
import struct
from typing import Any

import pytest
from vm_programs import (
    DW,
    W,
    add,
    address,
    alur,
    build,
    call,
    data_section,
    exit_,
    function_address,
    hash_map,
    jump,
    load,
    map_address,
    mov,
    movr,
    put,
    run,
    stack_pointer,
    store,
)

import pybpfc as bpf
from pybpfc import u32, u64
from pybpfc.abi import insn as isa
from pybpfc.abi.insn import Insn
from pybpfc.formats.spec import MapSpec, ObjectSpec, VariableSpec
from pybpfc.lang.types import I64, U32, U64
from pybpfc.records import replace
from pybpfc.vm import Machine, Task, UserMemory, VmError, simulate_spec
from pybpfc.vm.values import Pointer

RING = MapSpec("events", 27, 0, 0, 4096)


@bpf.struct
class Event:
    pid: u32
    size: u32
    when: u64


def counting() -> ObjectSpec:
    """Adds `step` (a constant) to `total` and gives it."""
    spec = build(
        address(1, "data", ".rodata"),
        load(DW, 2, 1),
        address(3, "data", ".bss", 8),
        load(DW, 0, 3),
        alur(isa.BPF_ADD, 0, 2),
        store(DW, 3, 0, 0),
        exit_(),
        maps=(data_section(".rodata", (2).to_bytes(8, "little")), data_section(".bss", bytes(16))),
    )
    variables = {"step": VariableSpec("step", ".rodata", 0, 8), "total": VariableSpec("total", ".bss", 8, 8)}
    return replace(spec, variables=variables)


TYPES = {"step": (None, I64), "total": (None, I64)}


def test_globals_stay_between_runs() -> None:
    machine = Machine(counting(), types=TYPES)
    first = machine.run("prog")
    assert [machine.run("prog").retval for _ in range(3)] == [4, 6, 8]
    assert machine.globals.total == 8
    assert first.globals.total == 2
    machine.globals.total = 100
    machine.globals["step"] = 5
    assert machine.run("prog").globals == {"step": 5, "total": 105}
    with pytest.raises(AttributeError, match="no global `totl`; it has step, total"):
        _ = machine.globals.totl
    with pytest.raises(AttributeError, match="no global `totl`"):
        machine.globals.totl = 1


def test_constants_are_set_before_the_first_run() -> None:
    assert Machine(counting(), types=TYPES, consts={"step": 7}).run("prog").retval == 7
    with pytest.raises(VmError, match="did you mean `step`"):
        Machine(counting(), types=TYPES, consts={"stop": 7})
    with pytest.raises(VmError, match="can't be set to 'much'"):
        Machine(counting(), types=TYPES, consts={"step": "much"})


def test_globals_without_types_are_bytes() -> None:
    assert Machine(counting()).run("prog").globals.total == (2).to_bytes(8, "little")


def sending() -> ObjectSpec:
    """Sends one event to `events`."""
    return build(
        map_address(1, "events"),
        mov(2, 16),
        mov(3, 0),
        call("bpf_ringbuf_reserve"),
        jump(isa.BPF_JEQ, 0, 0, 6),
        put(W, 0, 0, 7),
        put(W, 0, 4, 8),
        put(DW, 0, 8, 9),
        movr(1, 0),
        mov(2, 0),
        call("bpf_ringbuf_submit"),
        mov(0, 0),
        exit_(),
        maps=(RING,),
    )


def test_events_are_in_the_result_and_in_the_buffer() -> None:
    events = bpf.RingBuf[Event](size=4096)
    machine = Machine(sending(), maps={"events": events})
    results = [machine.run("prog") for _ in range(2)]
    expected = Event(pid=7, size=8, when=9)
    assert [r.events for r in results] == [[expected], [expected]]
    assert list(events) == [expected, expected]
    assert events.poll(timeout=5) == []
    record = results[0].records[0]
    assert (record.map, record.cpu, record.data, record.value) == ("events", 0, struct.pack("<2IQ", 7, 8, 9), expected)


def test_events_without_a_type_are_bytes() -> None:
    assert Machine(sending()).run("prog").events == [struct.pack("<2IQ", 7, 8, 9)]


def test_simulate_spec_starts_from_contents_and_leaves_declarations_alone() -> None:
    spec = build(
        put(W, 10, -4, 3), map_address(1, "hash"), stack_pointer(2, -4), call("bpf_map_lookup_elem"),
        jump(isa.BPF_JEQ, 0, 0, 1), load(DW, 0, 0), exit_(), maps=(hash_map(), MapSpec("queue", 22, 0, 8, 4)),
    )  # fmt: skip
    declared = {"hash": bpf.HashMap[u32, u64](max_entries=4), "queue": bpf.Queue[u64](max_entries=4)}
    result = simulate_spec(spec, "prog", maps={"hash": {3: 33}, "queue": [1, 2]}, declared=declared)
    assert result.retval == 33
    hash_object: Any = result.maps["hash"]
    queue: Any = result.maps["queue"]
    assert dict(hash_object.items()) == {3: 33}
    assert queue.pop() == 1
    with pytest.raises(RuntimeError, match=r"bpf.load\(\)"):
        declared["hash"][3]
    with pytest.raises(VmError, match="no map `hush`"):
        simulate_spec(spec, "prog", maps={"hush": {}})
    with pytest.raises(VmError, match="map `hash` does not take"):
        simulate_spec(spec, "prog", maps={"hash": {"three": 3}}, declared=declared)


# --------------------------------------------------------------------------------- stand-ins


def test_helpers_can_be_replaced() -> None:
    clock = itertools.count(5)
    parts = (call("bpf_ktime_get_ns"), exit_())
    for given, expected in (
        (lambda: 77, 77),
        (99, 99),
        (lambda: next(clock), 5),
        (lambda: None, 0),
        (lambda: -1, 0xFFFFFFFF),
    ):
        assert run(*parts, helpers={"bpf_ktime_get_ns": given}).retval == expected


def test_stand_ins_get_the_arguments() -> None:
    seen: list[Any] = []

    def send_signal(signal: int) -> int:
        seen.append(signal)
        return 0

    def update(map: Any, key: Pointer, value: Pointer, flags: int) -> int:
        seen.extend((map.name, key.read(4), value.read_string(), flags))
        return -7

    run(mov(1, 9), call("bpf_send_signal"), exit_(), helpers={"bpf_send_signal": send_signal}, section="kprobe/x")
    parts = (
        put(DW, 10, -8, 0x6162), put(W, 10, -12, 1), map_address(1, "hash"), stack_pointer(2, -12), stack_pointer(3, -8),
        mov(4, -1), call("bpf_map_update_elem"), exit_(),
    )  # fmt: skip
    result = run(*parts, maps=(hash_map(),), helpers={"bpf_map_update_elem": update})
    assert result.signed_retval == -7
    assert seen == [9, "hash", b"\1\0\0\0", b"ba", (1 << 64) - 1]


def test_bytes_and_text_go_to_the_output_buffer() -> None:
    parts = (stack_pointer(1, -8), mov(2, 8), call("bpf_get_current_comm"), load(DW, 0, 10, -8), exit_())
    for given in ("bash", lambda: "bash", lambda: b"bash\0\0\0\0"):
        assert run(*parts, helpers={"bpf_get_current_comm": given}).retval == int.from_bytes(b"bash", "little")
    read = (stack_pointer(1, -8), mov(2, 8), mov(3, 1), call("bpf_probe_read_user_str"), exit_())
    assert run(*read, section="kprobe/x", helpers={"bpf_probe_read_user_str": "/etc"}).retval == 5
    assert run(*read, section="kprobe/x", helpers={"bpf_probe_read_user_str": "/etc/passwd"}).retval == 8
    with pytest.raises(VmError, match="has no output buffer"):
        run(call("bpf_ktime_get_ns"), exit_(), helpers={"bpf_ktime_get_ns": "noon"})
    with pytest.raises(VmError, match="returned 1.5"):
        run(call("bpf_ktime_get_ns"), exit_(), helpers={"bpf_ktime_get_ns": lambda: 1.5})


def test_stand_ins_errors_are_their_own() -> None:
    def broken() -> int:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run(call("bpf_ktime_get_ns"), exit_(), helpers={"bpf_ktime_get_ns": broken})


def test_missing_helpers_say_how_to_give_them() -> None:
    parts = (movr(6, 1), stack_pointer(2, -64), mov(3, 64), mov(4, 0), call("bpf_fib_lookup"), exit_())
    with pytest.raises(VmError, match=r"no `bpf_fib_lookup`") as raised:
        run(*parts)
    assert "helpers={'bpf_fib_lookup': …}" in raised.value.remedy
    assert run(*parts, helpers={"bpf_fib_lookup": 3}).retval == 3


def test_kernel_functions() -> None:
    name = ("extern", "bpf_task_from_pid", 0)
    parts = ((Insn(isa.CALL, src=isa.BPF_PSEUDO_KFUNC_CALL, imm=-1), name), exit_())
    with pytest.raises(VmError, match="no `bpf_task_from_pid`"):
        run(mov(1, 5), *parts)
    assert run(mov(1, 5), *parts, helpers={"bpf_task_from_pid": lambda pid: pid + 1}).retval == 6


# --------------------------------------------------------------------------------- helpers


def test_machines_are_alike() -> None:
    parts = (
        call("bpf_get_prandom_u32"), movr(6, 0), call("bpf_ktime_get_ns"), alur(isa.BPF_XOR, 0, 6), exit_(),
    )  # fmt: skip
    assert run(*parts).retval == run(*parts).retval != run(*parts, seed=1).retval
    machine = Machine(build(call("bpf_ktime_get_ns"), exit_()))
    first = machine.run("prog").retval
    machine.clock.advance(1_000_000)
    assert machine.run("prog").retval - first == 1_001_000


def test_the_current_task() -> None:
    task = Task(pid=12, tid=34, uid=5, gid=6, comm="a-name-that-is-too-long", cgroup_id=9)
    for name, expected in (
        ("bpf_get_current_pid_tgid", 34), ("bpf_get_current_uid_gid", 5), ("bpf_get_current_cgroup_id", 9),
        ("bpf_get_current_task", task.address & 0xFFFFFFFF),
    ):  # fmt: skip
        assert run(call(name), exit_(), section="kprobe/x", task=task).retval == expected
    parts = (stack_pointer(1, -16), mov(2, 16), call("bpf_get_current_comm"), load(DW, 0, 10, -8), exit_())
    assert run(*parts, task=task).retval == int.from_bytes(b"hat-", "little")


def test_the_cpu_of_a_run() -> None:
    machine = Machine(build(call("bpf_get_smp_processor_id"), exit_()), cpus=4)
    assert [machine.run("prog", cpu=n).retval for n in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("name", "where", "expected"),
    [
        ("bpf_probe_read_user", 0x1000, 0),
        ("bpf_probe_read_user", 0xFFFF900000000000, -14),
        ("bpf_probe_read_kernel", 0x1000, -14),
        ("bpf_probe_read_kernel", 0xFFFF900000000000, 0),
        ("bpf_probe_read", 0x1000, 0),
        ("bpf_probe_read", 0x9000, -14),
        ("bpf_probe_read_user_str", 0x1000, 5),
        ("bpf_probe_read_kernel_str", 0x1000, -14),
    ],
)
def test_probe_reads(name: str, where: int, expected: int) -> None:
    low = where & 0xFFFFFFFF
    place = (
        Insn(isa.LD_IMM64, 3, imm=low - (1 << 32) if low >> 31 else low),
        Insn(0, imm=(where >> 32) - (1 << 32 if where >> 63 else 0)),
    )
    parts = (put(DW, 10, -8, -1), stack_pointer(1, -8), mov(2, 8), place, call(name), movr(6, 0), load(DW, 7, 10, -8),
             jump(isa.BPF_JSGE, 6, 0, 2), jump(isa.BPF_JEQ, 7, 0, 1), mov(6, 1000), movr(0, 6), exit_())  # fmt: skip
    memory = {0x1000: b"text\0\0\0\0", 0xFFFF900000000000: b"kernel\0\0"}
    assert run(*parts, section="kprobe/x", memory=memory).signed_retval == expected


def test_strings_are_cut_to_their_room() -> None:
    spec = build(movr(6, 1), stack_pointer(1, -8), mov(2, 4), load(DW, 3, 6, 112), call("bpf_probe_read_user_str"),
                 load(W, 0, 10, -8), exit_(), section="uprobe//bin/sh:main")  # fmt: skip
    result = Machine(spec).run("prog", ctx={"args": [UserMemory("abcdefgh")]})
    assert result.retval == int.from_bytes(b"abc\0", "little")


def test_the_trace() -> None:
    text = b"n=%d %s\n\0"
    parts = (
        address(1, "data", ".rodata"), mov(2, len(text)), mov(3, -5), address(4, "data", ".rodata", 3),
        mov(5, 0), call("bpf_trace_printk"), exit_(),
    )  # fmt: skip
    result = run(*parts, maps=(data_section(".rodata", text),))
    assert result.trace == ["n=-5 d %s\n"]
    assert result.retval == len("n=-5 d %s\n\n")


def test_perf_events_with_a_part_of_the_packet() -> None:
    flags = 0xFFFFFFFF | 4 << 32
    parts = (
        put(DW, 10, -8, 5), map_address(2, "perf"), Insn(isa.LD_IMM64, 3, imm=-1), Insn(0, imm=flags >> 32),
        stack_pointer(4, -8), mov(5, 8), call("bpf_perf_event_output"), exit_(),
    )  # fmt: skip
    result = run(*parts, data=bytes(range(64)), maps=(MapSpec("perf", 4, 4, 4, 0),))
    assert result.events == [(5).to_bytes(8, "little") + bytes(range(4))]


def test_redirection_is_in_the_result() -> None:
    assert run(mov(1, 5), mov(2, 0), call("bpf_redirect"), exit_()).redirect == 5
    assert run(mov(1, 5), mov(2, 0), call("bpf_redirect"), exit_()).retval == 4
    assert run(mov(1, 5), mov(2, 0), call("bpf_redirect"), exit_(), section="tc").retval == 7
    machine = Machine(
        build(map_address(1, "devices"), mov(2, 1), mov(3, 2), call("bpf_redirect_map"), exit_(),
              maps=(MapSpec("devices", 14, 4, 4, 4),))
    )  # fmt: skip
    assert machine.run("prog").retval == 2
    devices: Any = machine.maps["devices"]
    devices[1] = 3
    result = machine.run("prog")
    assert (result.retval, result.redirect_map) == (4, ("devices", 1))


def test_packets_grow_and_shrink() -> None:
    parts = (
        movr(6, 1), mov(2, -4), call("bpf_xdp_adjust_head"), movr(1, 6), mov(2, -8), call("bpf_xdp_adjust_tail"),
        load(W, 2, 6, 0), put(W, 2, 0, 0x01020304), mov(0, 2), exit_(),
    )  # fmt: skip
    result = run(*parts, data=bytes(range(32)))
    assert result.data == b"\4\3\2\1" + bytes(range(24))


def test_loops_call_back() -> None:
    parts = (
        put(DW, 10, -8, 0), mov(1, 10), function_address(2, 7), stack_pointer(3, -8), mov(4, 0), call("bpf_loop"),
        load(DW, 0, 10, -8), exit_(),
        load(DW, 3, 2), alur(isa.BPF_ADD, 3, 1), store(DW, 2, 0, 3), mov(0, 0), exit_(),
    )  # fmt: skip
    assert run(*parts).retval == sum(range(10))


def test_callbacks_stop() -> None:
    parts = (
        mov(1, 10), function_address(2, 5), mov(3, 0), mov(4, 0), call("bpf_loop"), exit_(),
        mov(0, 0), jump(isa.BPF_JLT, 1, 3, 1), mov(0, 1), exit_(),
    )  # fmt: skip
    assert run(*parts).retval == 4


def test_numeric_iterators() -> None:
    def kfunc(name: str) -> tuple[Insn, tuple[str, str, int]]:
        return Insn(isa.CALL, src=isa.BPF_PSEUDO_KFUNC_CALL, imm=-1), ("extern", name, 0)

    parts = (
        stack_pointer(1, -8), mov(2, 3), mov(3, 7), kfunc("bpf_iter_num_new"), mov(6, 0),
        stack_pointer(1, -8), kfunc("bpf_iter_num_next"), jump(isa.BPF_JEQ, 0, 0, 3), load(W, 0, 0),
        alur(isa.BPF_ADD, 6, 0), Insn(isa.BPF_JMP | isa.BPF_JA, off=-7),
        stack_pointer(1, -8), kfunc("bpf_iter_num_destroy"), movr(0, 6), exit_(),
    )  # fmt: skip
    assert run(*parts).retval == 3 + 4 + 5 + 6


def test_dynptrs_over_ring_buffers() -> None:
    parts = (
        map_address(1, "events"), mov(2, 12), mov(3, 0), stack_pointer(4, -16), call("bpf_ringbuf_reserve_dynptr"),
        put(DW, 10, -24, 0x1234), stack_pointer(1, -16), mov(2, 2), stack_pointer(3, -24), mov(4, 8), mov(5, 0),
        call("bpf_dynptr_write"), movr(6, 0), stack_pointer(1, -16), mov(2, 0), call("bpf_ringbuf_submit_dynptr"),
        movr(0, 6), exit_(),
    )  # fmt: skip
    result = run(*parts, maps=(RING,))
    assert (result.retval, result.events) == (0, [b"\0\0\x34\x12" + bytes(8)])
    with pytest.raises(VmError, match="neither submitted nor discarded"):
        run(*parts[:5], mov(0, 0), exit_(), maps=(RING,))
    with pytest.raises(
        VmError, match="a dynptr on the stack is read as a number|a dynptr as its result|pointer as its"
    ):
        run(*parts[:5], load(DW, 0, 10, -16), exit_(), maps=(RING,))


def test_tail_calls_end_somewhere() -> None:
    jumps = MapSpec("jumps", 3, 4, 4, 2, values={0: "prog"})
    parts = (
        movr(6, 1), address(1, "data", ".bss"), load(DW, 2, 1), add(2, 1), store(DW, 1, 0, 2), movr(1, 6),
        map_address(2, "jumps"), mov(3, 0), call("bpf_tail_call"), address(1, "data", ".bss"), load(DW, 0, 1), exit_(),
    )  # fmt: skip
    assert run(*parts, maps=(jumps, data_section(".bss", bytes(8)))).retval == 34


def test_spin_locks_are_paired() -> None:
    lock = (address(1, "data", ".data"), call("bpf_spin_lock"))
    unlock = (address(1, "data", ".data"), call("bpf_spin_unlock"))
    maps = (data_section(".data", bytes(8)),)
    assert run(*itertools.chain(*[lock, unlock, lock, unlock]), mov(0, 5), exit_(), maps=maps).retval == 5
    with pytest.raises(VmError, match="while another is held"):
        run(*lock, *lock, mov(0, 0), exit_(), maps=maps)


def test_storage_of_tasks() -> None:
    parts = (
        call("bpf_get_current_task_btf"), movr(2, 0), map_address(1, "tasks"), mov(3, 0), mov(4, 1),
        call("bpf_task_storage_get"), jump(isa.BPF_JEQ, 0, 0, 3), load(DW, 1, 0), add(1, 1), store(DW, 0, 0, 1),
        load(DW, 0, 0), exit_(),
    )  # fmt: skip
    spec = build(*parts, section="fentry/x", maps=(MapSpec("tasks", 29, 4, 8, 0, 1),))
    machine = Machine(spec, types={"tasks": (U32, U64)})
    assert [machine.run("prog").retval for _ in range(3)] == [1, 2, 3]
    with pytest.raises(VmError, match="null pointer"):
        run(
            *parts[:4],
            mov(4, 0),
            *parts[5:6],
            load(DW, 0, 0),
            exit_(),
            section="kprobe/x",
            maps=(MapSpec("tasks", 29, 4, 8, 0, 1),),
        )


def test_stacks_are_made_of_the_program_s_own_calls() -> None:
    parts = (map_address(2, "stacks"), mov(3, 0), call("bpf_get_stackid"), exit_())
    machine = Machine(build(*parts, section="kprobe/x", maps=(MapSpec("stacks", 7, 4, 64, 8),)))
    number = machine.run("prog").retval
    assert machine.run("prog").retval == number
    assert any(machine.handles["stacks"].lookup(number.to_bytes(4, "little")) or b"")


def test_kernel_symbols_and_configuration() -> None:
    parts = (address(1, "extern", "CONFIG_HZ"), load(DW, 0, 1), exit_())
    assert run(*parts, externs={"CONFIG_HZ": 250}).retval == 250
    version = (address(1, "extern", "LINUX_KERNEL_VERSION"), load(W, 0, 1), exit_())
    assert run(*version).retval >> 16 >= 6


def test_what_a_program_notes() -> None:
    assert run(mov(1, 9), call("bpf_send_signal"), exit_(), section="kprobe/x").signals == [9]
    assert run(mov(2, -1), call("bpf_override_return"), exit_(), section="kprobe/x").override == (1 << 64) - 1
    cookie = Machine(build(call("bpf_get_attach_cookie"), exit_(), section="kprobe/x")).run("prog", cookie=55)
    assert cookie.retval == 55


def test_seq_files() -> None:
    parts = (
        mov(1, 0x1000), address(2, "data", ".rodata"), mov(3, 4), call("bpf_seq_write"), exit_(),
    )  # fmt: skip
    assert run(*parts, section="iter/task", maps=(data_section(".rodata", b"row\n"),)).sequence == b"row\n"


def test_objects_of_the_other_byte_order() -> None:
    from pybpfc.abi.insn import decode, encode

    little = build(load(W, 2, 1, 0), load(W, 0, 2), exit_())
    program = little.programs["prog"]
    code = encode(decode(program.insns), big_endian=True)
    big = replace(little, programs={"prog": replace(program, insns=code)}, big_endian=True)
    assert Machine(little).run("prog", b"\1\2\3\4" + bytes(60)).retval == 0x04030201
    assert Machine(big).run("prog", b"\1\2\3\4" + bytes(60)).retval == 0x01020304
