"""Whatever a caller gives as context or memory: it is taken, or refused with a `VmError`."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vm_programs import build, exit_, mov

from pybpfc.abi.contexts import CONTEXTS
from pybpfc.abi.program_types import SECTIONS
from pybpfc.vm import KernelMemory, Machine, UserMemory, VmError

EXTRA = {"args", "ret", "filename", "prev_comm", "nonsense"}
FIELDS = sorted({f.name for c in CONTEXTS.values() for f in c.fields} | EXTRA)
HOOKS = sorted({s.name for s in SECTIONS} | {"tracepoint/syscalls/sys_enter_openat", "tracepoint/sched/sched_switch"})

leaf = st.one_of(
    st.none(),
    st.integers(-(1 << 70), 1 << 70),
    st.booleans(),
    st.floats(allow_nan=False),
    st.text(max_size=20),
    st.binary(max_size=40),
    st.just(ipaddress.ip_address("10.0.0.1")),
    st.just(ipaddress.ip_address("::1")),
)
value = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.sampled_from(FIELDS), inner, max_size=3),
        inner.map(UserMemory),  # type: ignore[arg-type]
        inner.map(KernelMemory),  # type: ignore[arg-type]
    ),
    max_leaves=6,
)
context = st.one_of(value, st.dictionaries(st.sampled_from(FIELDS), value, max_size=4))


@settings(max_examples=600, deadline=None)
@given(st.sampled_from(HOOKS), context, st.binary(max_size=80))
def test_contexts(section: str, ctx: Any, data: bytes) -> None:
    try:
        result = Machine(build(mov(0, 3), exit_(), section=section)).run("prog", data, ctx)
    except VmError as error:
        shown = str(error)
    else:
        shown = repr(result)
        assert result.retval == 3
    assert shown


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.one_of(leaf, st.integers(0, 1 << 16)), value, max_size=4))
def test_memory(memory: Any) -> None:
    try:
        Machine(build(mov(0, 3), exit_()), memory=memory)
    except VmError as error:
        shown = str(error)
    else:
        shown = "made"
    assert shown


def test_options_that_make_no_machine() -> None:
    with pytest.raises(VmError, match="1 to 8192 CPUs, not 0"):
        Machine(build(mov(0, 0), exit_()), cpus=0)
