"""What the verifier would not allow is an error of the machine, at its source line."""

from __future__ import annotations

import pytest
from vm_programs import (
    DW,
    FILE,
    B,
    H,
    W,
    add,
    address,
    alu,
    alur,
    array_map,
    build,
    call,
    data_section,
    exit_,
    function_address,
    goto,
    hash_map,
    jump,
    load,
    local_call,
    map_address,
    mov,
    movr,
    put,
    run,
    stack_pointer,
    store,
)

from pybpfc.abi import insn as isa
from pybpfc.abi.insn import Insn
from pybpfc.formats.spec import FunctionSpec, MapSpec, ObjectSpec
from pybpfc.vm import Machine, VmError

RING = MapSpec("events", 27, 0, 0, 4096)
LOOKUP = (put(W, 10, -4, 1), stack_pointer(2, -4), map_address(1, "hash"), call("bpf_map_lookup_elem"))
RESERVE = (map_address(1, "events"), mov(2, 16), mov(3, 0), call("bpf_ringbuf_reserve"))
PACKET = (load(W, 6, 1, 0), load(W, 7, 1, 4))


@pytest.mark.parametrize(
    ("parts", "message", "line"),
    [
        # registers
        ((movr(0, 6), exit_()), "never set", 2),
        ((movr(3, 6), add(3, 1), mov(0, 0), exit_()), "never set", 2),
        ((mov(2, 1), call("bpf_ktime_get_ns"), alur(isa.BPF_ADD, 0, 2), exit_()), "never set", 3),
        ((mov(0, 0), jump(isa.BPF_JEQ, 5, 0, 0), exit_()), "never set", 2),
        ((movr(0, 1), exit_()), "pointer as its result", 2),
        # arithmetic on pointers
        ((movr(2, 10), alu(isa.BPF_MUL, 2, 2), mov(0, 0), exit_()), "arithmetic on a pointer to the stack", 2),
        ((movr(2, 10), Insn(isa.BPF_ALU | isa.BPF_MOV | isa.BPF_X, 2, 2), exit_()), "arithmetic on a pointer", 2),
        ((movr(2, 10), Insn(isa.BPF_ALU64 | isa.BPF_NEG, 2), exit_()), "arithmetic on a pointer", 2),
        ((movr(2, 10), alur(isa.BPF_SUB, 2, 1), exit_()), "arithmetic on a pointer", 2),
        ((movr(2, 10), Insn(isa.BPF_JMP | isa.BPF_JGT | isa.BPF_X, 2, 1, 0), mov(0, 0), exit_()), "compared by order", 2),
        ((*PACKET, add(7, 1), mov(0, 0), exit_()), "the packet's end", 3),
        ((map_address(1, "hash"), add(1, 8), mov(0, 0), exit_()), "a reference to map `hash`", 3),
        # the stack
        ((load(DW, 0, 10, -8), exit_()), "byte 0 was never written", 1),
        ((put(W, 10, -8, 1), load(DW, 0, 10, -8), exit_()), "byte 4 was never written", 2),
        ((put(DW, 10, -520, 1), mov(0, 0), exit_()), "outside its 512 bytes", 1),
        ((put(DW, 10, 0, 1), mov(0, 0), exit_()), "outside its 512 bytes", 1),
        ((put(W, 10, -6, 1), mov(0, 0), exit_()), "not aligned", 1),
        ((store(DW, 10, -8, 1), load(W, 0, 10, -8), exit_()), "read as a number", 2),
        ((store(W, 10, -8, 1), mov(0, 0), exit_()), "of the 8 bytes of a pointer", 1),
        ((store(DW, 10, -8, 6), mov(0, 0), exit_()), "never set", 1),
        # memory through what is no pointer
        ((mov(2, 0), load(DW, 0, 2), exit_()), "null pointer", 2),
        ((mov(2, 4096), load(DW, 0, 2), exit_()), "the number 0x1000", 2),
        ((map_address(1, "hash"), load(DW, 0, 1), exit_()), "through a reference to map `hash`", 3),
        ((load(DW, 0, 6), exit_()), "never set", 1),
        # map values
        ((*LOOKUP, load(DW, 0, 0), exit_()), "null pointer", 7),
        # packets
        ((*PACKET, load(W, 0, 6, 62), exit_()), "4 bytes at offset 62 of the packet", 3),
        ((*PACKET, load(W, 0, 6, -1), exit_()), "offset -1 of the packet", 3),
        ((*PACKET, load(B, 0, 7), exit_()), "offset 64 of the packet", 3),
        ((*PACKET, store(DW, 6, 0, 10), mov(0, 0), exit_()), "would be stored in the packet", 3),
        # the context
        ((load(H, 0, 1, 0), exit_()), "read in pieces", 1),
        ((load(W, 0, 1, 24), exit_()), "no field", 1),
        ((load(W, 0, 1, 2), exit_()), "no field", 1),
        ((put(W, 1, 12, 5), mov(0, 0), exit_()), "read-only", 1),
        # calls
        ((mov(0, 0), call("bpf_map_lookup_elem"), exit_()), "a map belongs", 2),
        ((map_address(1, "hash"), mov(2, 0), call("bpf_map_lookup_elem"), exit_()), "null pointer", 4),
        ((map_address(1, "hash"), stack_pointer(2, -4), call("bpf_map_lookup_elem"), exit_()), "never written", 5),
        ((map_address(1, "hash"), stack_pointer(2, -2), put(W, 10, -4, 0), call("bpf_map_lookup_elem"), exit_()), "outside", 6),
        ((mov(1, 0), mov(2, 1), call("bpf_map_lookup_elem"), exit_()), "a map belongs", 3),
        ((map_address(1, "events"), stack_pointer(2, -8), put(DW, 10, -8, 0), call("bpf_map_lookup_elem"), exit_()),
         "does not work on map `events`", 6),
        ((map_address(1, "hash"), mov(2, 8), mov(3, 0), call("bpf_ringbuf_reserve"), exit_()), "does not take", 5),
        # reservations
        ((*RESERVE, mov(0, 0), exit_()), "neither submitted nor discarded; it was made at probe.py:5", 7),
        ((*RESERVE, load(DW, 0, 0), exit_()), "may be null", 6),
        ((*RESERVE, add(0, 8), exit_()), "may be null", 6),
        ((*RESERVE, movr(1, 0), mov(2, 0), call("bpf_ringbuf_submit"), mov(0, 0), exit_()), "may be null", 8),
        ((*RESERVE, jump(isa.BPF_JEQ, 0, 0, 5), movr(6, 0), movr(1, 0), mov(2, 0), call("bpf_ringbuf_submit"),
          load(DW, 0, 6), mov(0, 0), exit_()), "it was submitted before", 11),
        ((*RESERVE, jump(isa.BPF_JEQ, 0, 0, 4), movr(1, 0), add(1, 8), mov(2, 0), call("bpf_ringbuf_submit"), mov(0, 0),
          exit_()), "moved", 10),
        ((stack_pointer(1, -8), put(DW, 10, -8, 0), mov(2, 0), call("bpf_ringbuf_submit"), mov(0, 0), exit_()),
         "no reservation", 5),
        # locks
        ((address(1, "data", ".data"), call("bpf_spin_lock"), mov(0, 0), exit_()), "holds a spin lock", 5),
        ((address(1, "data", ".data"), call("bpf_spin_unlock"), mov(0, 0), exit_()), "not held", 3),
        # data
        ((address(1, "data", ".rodata"), put(W, 1, 0, 5), mov(0, 0), exit_()), "section `.rodata` is read-only", 3),
        ((address(1, "data", ".data", 4), load(DW, 0, 1), exit_()), "8 bytes at offset 4", 3),
    ],
)  # fmt: skip
def test_mistake(parts: tuple[object, ...], message: str, line: int) -> None:
    maps = (hash_map(), RING, data_section(".rodata", bytes(8)), data_section(".data", bytes(8)))
    with pytest.raises(VmError) as raised:
        run(*parts, maps=maps)
    assert message in str(raised.value)
    assert (raised.value.file, raised.value.line) == (FILE, line)
    assert raised.value.text == f"line {line}"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((mov(0, 0),), "does not end with an exit"),
        ((goto(5), exit_()), "a jump leads to 6"),
        ((goto(-5), exit_()), "a jump leads to -4"),
        ((jump(isa.BPF_JEQ, 1, 0, 1), Insn(isa.LD_IMM64, 0), Insn(0), exit_()), "into an instruction's middle"),
        ((Insn(isa.LD_IMM64, 0),), "second half"),
        ((Insn(0xFF), exit_()), "the ISA does not have"),
        ((Insn(isa.BPF_ALU64 | isa.BPF_ADD, 0, 0, 1), exit_()), "the ISA does not have"),
        ((Insn(isa.BPF_ALU | isa.BPF_END, 0, imm=24), exit_()), "the ISA does not have"),
        ((mov(11, 0), exit_()), "no register r11"),
        ((mov(10, 0), exit_()), "frame pointer, is written"),
        ((Insn(isa.CALL, imm=9999), exit_()), "no helper with the number 9999"),
        ((Insn(isa.CALL | isa.BPF_X), exit_()), "through a register"),
        ((Insn(isa.CALL, src=2, imm=5), exit_()), "only a kernel can resolve"),
        ((Insn(isa.LD_IMM64, 1, 1, 0, 3), Insn(0), mov(0, 0), exit_()), "file descriptor 3"),
        ((map_address(1, "nothing"), mov(0, 0), exit_()), "no map `nothing`"),
        ((address(1, "extern", "CONFIG_HZ"), mov(0, 0), exit_()), "externs={'CONFIG_HZ'"),
        ((address(1, "data", "hash"), mov(0, 0), exit_()), "no values at fixed addresses"),
        ((Insn(isa.BPF_STX | isa.BPF_ATOMIC | isa.BPF_B, 10, 0, -8, 0), mov(0, 0), exit_()), "the ISA does not have"),
        ((Insn(isa.BPF_STX | isa.BPF_ATOMIC | isa.BPF_DW, 10, 0, -8, 0x77), mov(0, 0), exit_()), "the ISA does not have"),
    ],
)  # fmt: skip
def test_malformed_code(parts: tuple[object, ...], message: str) -> None:
    with pytest.raises(VmError) as raised:
        run(*parts, maps=(hash_map(),))
    assert message in str(raised.value)
    assert raised.value.line


def test_code_that_is_no_code() -> None:
    for code in (b"", b"1234567"):
        spec = ObjectSpec({"prog": FunctionSpec("prog", "xdp", code)}, {}, {}, {}, None, "GPL")
        with pytest.raises(VmError, match="no instructions|whole number"):
            Machine(spec).run("prog")


def test_a_value_is_checked_by_any_copy() -> None:
    """As for the verifier, a test of one copy of a reference counts for all."""
    parts = (
        put(DW, 10, -16, 7),
        *LOOKUP,
        movr(6, 0),
        store(DW, 10, -24, 0),
        jump(isa.BPF_JNE, 6, 0, 2),
        mov(0, 1),
        exit_(),
        load(DW, 7, 10, -24),
        load(DW, 0, 7),
        exit_(),
    )
    machine = Machine(build(*parts, maps=(hash_map(),)))
    assert machine.run("prog").retval == 1
    machine.handles["hash"].update(b"\1\0\0\0", (99).to_bytes(8, "little"))
    assert machine.run("prog").retval == 99


def test_packet_pointers_die_when_the_packet_changes() -> None:
    parts = (
        movr(9, 1), load(W, 6, 1, 0), mov(2, -14), call("bpf_xdp_adjust_head"), load(B, 0, 6), exit_(),
    )  # fmt: skip
    with pytest.raises(VmError, match="`bpf_xdp_adjust_head` has changed the packet since") as raised:
        run(*parts)
    assert raised.value.line == 5


def test_atomics_on_packets_and_contexts() -> None:
    atomic = Insn(isa.BPF_STX | isa.BPF_ATOMIC | isa.BPF_DW, 6, 0, 0, isa.BPF_ADD)
    with pytest.raises(VmError, match="an atomic operation on the packet"):
        run(load(W, 6, 1, 0), mov(0, 0), atomic, exit_())
    with pytest.raises(VmError, match="not aligned"):
        run(address(6, "data", ".data", 4), mov(0, 0), atomic, exit_(), maps=(data_section(".data", bytes(16)),))
    with pytest.raises(VmError, match="an atomic operation on a pointer"):
        run(address(6, "data", ".data"), movr(0, 10), atomic, exit_(), maps=(data_section(".data", bytes(16)),))


def test_endless_loops_end() -> None:
    with pytest.raises(VmError, match="1000 instructions without coming to an end"):
        run(mov(0, 0), add(0, 1), goto(-2), max_instructions=1000)
    endless_calls = (
        function_address(2, 6),
        mov(1, 1 << 20),
        mov(3, 0),
        mov(4, 0),
        call("bpf_loop"),
        exit_(),
        mov(0, 0),
        exit_(),
    )
    with pytest.raises(VmError, match="without coming to an end"):
        run(*endless_calls, max_instructions=1000)


def test_deep_calls_end_with_their_places() -> None:
    recursion = (mov(0, 0), local_call(1), exit_(), local_call(-1), exit_())
    with pytest.raises(VmError, match="more than 8 deep") as raised:
        run(*recursion)
    assert len(raised.value.calls) == 8
    assert "called from probe.py:2" in str(raised.value)


def test_uninitialised_stack_can_be_allowed() -> None:
    parts = (load(DW, 0, 10, -8), exit_())
    assert run(*parts, allow_uninitialised_stack=True).retval == 0


def test_errors_without_line_information_name_the_instruction() -> None:
    spec = build(mov(2, 0), load(DW, 0, 2), exit_())
    bare = FunctionSpec("prog", "xdp", spec.programs["prog"].insns)
    with pytest.raises(VmError, match="instruction 1 of `prog`: memory is accessed through a null pointer") as raised:
        Machine(ObjectSpec({"prog": bare}, {}, {}, {}, None, "GPL")).run("prog")
    assert (raised.value.file, raised.value.line, raised.value.function, raised.value.index) == ("", 0, "prog", 1)


def test_a_failed_run_leaves_the_buffers_usable() -> None:
    machine = Machine(build(*RESERVE, mov(0, 0), exit_(), maps=(RING,)))
    for _ in range(500):
        with pytest.raises(VmError, match="neither submitted nor discarded"):
            machine.run("prog")
        machine.maps["events"].consume()


def test_the_kernel_s_errors_are_results_not_errors() -> None:
    parts = (
        put(W, 10, -4, 9), put(DW, 10, -16, 1), map_address(1, "array"), stack_pointer(2, -4), stack_pointer(3, -16),
        mov(4, 0), call("bpf_map_update_elem"), exit_(),
    )  # fmt: skip
    assert run(*parts, maps=(array_map(),)).signed_retval == -7


def test_the_lower_half_of_a_pointer_may_be_tested_for_zero() -> None:
    test = Insn(isa.BPF_JMP32 | isa.BPF_JEQ, 6, 0, 1, 0)
    assert run(load(W, 6, 1, 0), mov(0, 1), test, mov(0, 2), exit_()).retval == 2
    with pytest.raises(VmError, match="arithmetic on"):
        run(load(W, 6, 1, 0), mov(0, 1), Insn(isa.BPF_JMP32 | isa.BPF_JEQ, 6, 0, 1, 5), mov(0, 2), exit_())
    with pytest.raises(VmError, match="never set"):
        run(mov(0, 1), Insn(isa.BPF_JMP32 | isa.BPF_JEQ, 6, 0, 1, 0), mov(0, 2), exit_())
