"""Reading verifier logs of all shapes: the message, the instruction, the source line, the explanation."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pybpfc.formats.spec import LineInfo
from pybpfc.runtime.prog_load import line_of
from pybpfc.runtime.verifier_log import parse_log, tail
from pybpfc.runtime.verifier_messages import MESSAGES, explain

STATISTICS = "processed 4 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n"

PLAIN = """\
func#0 @0
0: R1=ctx() R10=fp0
; value = hits.lookup(key) @ prog.py:4
0: (18) r1 = 0xffff888100000000       ; R1_w=map_ptr(map=hits,ks=4,vs=8)
2: (85) call bpf_map_lookup_elem#1    ; R0_w=map_value_or_null(id=1,map=hits,ks=4,vs=8)
; value.n += 1 @ prog.py:5
3: (79) r1 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
"""


def test_the_message_is_the_line_before_the_statistics() -> None:
    found = parse_log(PLAIN + STATISTICS)
    assert found.message == "R0 invalid mem access 'map_value_or_null'"
    assert found.instruction == 3
    assert found.source == ("prog.py", 5)
    assert found.explanation is not None
    assert "None" in found.explanation.cause


def test_statistics_and_times_follow() -> None:
    log = PLAIN + "verification time 51 usec\nstack depth 8\n" + STATISTICS
    assert parse_log(log).message == "R0 invalid mem access 'map_value_or_null'"


def test_a_message_without_a_line_end() -> None:
    log = "0: (85) call bpf_tail_call#12\nexpected prog array map for tail call" + STATISTICS
    assert parse_log(log).message == "expected prog array map for tail call"
    assert parse_log(log).instruction == 0


def test_states_follow_an_infinite_loop() -> None:
    log = (
        """\
2: (b7) r1 = 0
3: (05) goto pc-1
infinite loop detected at insn 3
cur state: R0=ctx() R1_w=0 R10=fp0
old state: R0=ctx() R1_w=0 R10=fp0
"""
        + STATISTICS
    )
    found = parse_log(log)
    assert found.message == "infinite loop detected at insn 3"
    assert found.instruction == 3


def test_short_logs_have_no_instructions() -> None:
    found = parse_log(
        "invalid access to packet, off=0 size=1, R1(id=0,off=0,r=0)\nR1 offset is outside of the packet\n" + STATISTICS
    )
    assert found.message.startswith("invalid access to packet, off=0 size=1")
    assert found.instruction is None


def test_the_harmless_first_line_is_none() -> None:
    log = "arg#0 reference type('UNKNOWN ') size cannot be determined: -22\n" + STATISTICS
    assert parse_log(log).message == ""


def test_a_report_of_kernel_7_3() -> None:
    log = (
        PLAIN
        + """\
Verification failed: null pointer: value may be NULL
Reason: the value comes from a lookup
  that may fail
At: insn 3
Causal path:
  insn 2: lookup
Suggestion: check the value
"""
        + STATISTICS
    )
    found = parse_log(log)
    assert found.message == "R0 invalid mem access 'map_value_or_null'"
    assert found.report["title"] == "null pointer: value may be NULL"
    assert found.report["Reason"] == "the value comes from a lookup that may fail"
    assert found.report["Suggestion"] == "check the value"
    alone = parse_log(log.partition("Verification")[1] + log.partition("Verification")[2])
    assert alone.message == "the value comes from a lookup that may fail"


def test_unknown_messages_are_kept() -> None:
    found = parse_log("0: (b7) r0 = 0\nsomething nobody has seen before\n" + STATISTICS)
    assert found.message == "something nobody has seen before"
    assert found.explanation is None


def test_tail() -> None:
    assert tail("a\n\nb\nc\n\0", 2) == "b\nc"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("R1 invalid mem access 'inv'", "ordinary number"),
        ("R1 invalid mem access 'scalar'", "ordinary number"),
        ("R3 invalid mem access 'mem_or_null'", "None"),
        ("R0 pointer arithmetic on map_value_or_null prohibited, null-check it first", "None"),
        ("R2 type=map_value_or_null expected=fp, pkt, map_key", "None"),
        ("invalid access to memory, mem_size=8 off=8 size=4", "record of 8 bytes"),
        ("math between pkt pointer and register with unbounded min value is not allowed", "negative"),
        ("R4 unbounded memory access, make sure to bounds check any such access", "no upper bound"),
        ("R2 unbounded memory access, use 'var &= const' or 'if (var < const)'", "length"),
        ("R2 min value is negative, either use unsigned or 'var &= const'", "negative"),
        ("R2 invalid zero-sized read: u64=[0,16]", "may be 0"),
        ("R0 !read_ok", "never set"),
        ("invalid indirect read from stack off -8+4 size 8", "never written"),
        ("invalid read from stack R2 off=-16 size=8", "never written"),
        ("invalid write to stack R10 off=-520 size=8", "512 bytes"),
        ("combined stack size of 3 calls is 544. Too large", "544 bytes"),
        ("the call stack of 9 frames is too deep !", "9 levels"),
        ("misaligned stack access off 0+-7+0 size 8", "not aligned"),
        ("R1 type=scalar expected=fp, pkt, map_key, map_value", "address of memory"),
        ("R1 type=fp expected=map_ptr", "takes a map_ptr"),
        ("cannot pass map_type 2 into func bpf_ringbuf_output#130", "`bpf_ringbuf_output`"),
        ("unknown func bpf_get_current_task#35", "`bpf_get_current_task`"),
        ("program of this type cannot use helper bpf_skb_load_bytes#26", "`bpf_skb_load_bytes`"),
        ("invalid func unknown#211", "helper number 211"),
        ("invalid func unknown#195896080", "does not exist in this kernel"),
        ("cannot call GPL-restricted function from non-GPL compatible program", "GPL"),
        ("helper call might sleep in a non-sleepable prog", "sleep"),
        ("invalid bpf_context access off=76 size=4", "at offset 76"),
        ("dereference of modified ctx ptr R1 off=8 disallowed", "computed address"),
        ("R2 pointer arithmetic on pkt_end prohibited", "packet's end"),
        ("R2 bitwise operator &= on pointer prohibited", "used as a number"),
        ("R2 pointer += pointer prohibited", "used as a number"),
        ("Unreleased reference id=3 alloc_insn=7", "not given back"),
        ("At program exit the register R0 has unknown scalar value should have been in [0, 1]", "does not take"),
        ("infinite loop detected at insn 4", "round"),
        ("back-edge from insn 7 to 3", "no loops"),
        ("BPF program is too large. Processed 1000001 insn", "over its limit"),
        ("The sequence of 8193 jumps is too complex.", "branches"),
        ("last insn is not an exit or jmp", "malformed"),
        ("unreachable insn 4", "malformed"),
        ("map 'x' has to have BTF in order to use bpf_spin_lock", "without its types"),
        ("missing btf func_info", "functions to their types"),
        ("FUNC p type_id=3 Invalid arg#1", "functions to their types"),
        ("Possibly NULL pointer passed to trusted arg0", "argument 0"),
        ("R1 must be referenced or trusted", "known to be valid"),
        ("R0 leaks addr as return value", "address would become visible"),
        ("cannot write into packet", "may not change the packet"),
        ("div by zero", "division by zero"),
        ("invalid shift 64", "division by zero, or a shift"),
        ("frame pointer is read only", "frame pointer"),
        ("expected prog array map for tail call", "no program array"),
        ("Caller passes invalid args into func#1", "not verified for"),
        ("only read from bpf_array is supported", "not allowed"),
    ],
)
def test_messages_are_explained(line: str, words: str) -> None:
    found = explain(line)
    assert found is not None
    assert words in found.cause
    assert found.remedy
    assert "{" not in found.cause


def test_the_table_is_well_formed() -> None:
    assert len(MESSAGES) >= 40
    for message in MESSAGES:
        groups = set(re.compile(message.pattern).groupindex)
        used = set(re.findall(r"\{(\w+)\}", message.cause))
        assert used <= groups, message.pattern
        assert message.remedy
        assert message.blame in ("source", "lowering", "limit", "environment", "verifier")


LINES = [
    LineInfo(0, "a.py", 10, 1, "x"),
    LineInfo(3, "a.py", 11, 5, "y"),
    LineInfo(5, "a.py", 0, 0, ""),
    LineInfo(9, "b.py", 2, 1, "z"),
]


@pytest.mark.parametrize(("instruction", "line"), [(0, 10), (2, 10), (3, 11), (6, 11), (9, 2), (100, 2)])
def test_instructions_have_lines(instruction: int, line: int) -> None:
    """Line 0 says nothing: the record before it counts."""
    found = line_of(LINES, instruction, None)
    assert found is not None
    assert found.line == line


def test_the_kernels_quotation_is_the_last_resort() -> None:
    found = line_of(LINES, None, ("a.py", 11))
    assert found is LINES[1]
    assert line_of([], None, ("c.py", 7)) == LineInfo(0, "c.py", 7, 1, "")
    assert line_of([], None, None) is None


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    parse_log(text)


@given(
    st.lists(
        st.sampled_from([*PLAIN.splitlines(), STATISTICS.strip(), "Verification failed: x", "Reason: y", "R1", "\0"])
    )
)
def test_any_order_of_lines_is_read(lines: list[str]) -> None:
    found = parse_log("\n".join(lines))
    assert isinstance(found.message, str)
