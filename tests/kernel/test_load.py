"""Loading objects: constants, globals, maps, subprograms, references; errors; nothing left behind."""

from __future__ import annotations

import gc
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from kernel_support import from_c, getppid, no_leak, open_descriptors, wait_for_exit

from pybpfc.diagnostics.errors import AttachError, LoadError, PybpfcError
from pybpfc.lang.errors import NotLoadedError
from pybpfc.runtime import load_object
from pybpfc.runtime.syscall import Command, next_ids

COUNTER = """
const volatile __u32 only_pid = 0;
__u64 count = 5;
__u64 big[3];
struct pair { __u32 a; __s16 b; char name[10]; } both = { 7, -3, "seven" };
static __attribute__((noinline)) __u64 twice(__u64 x) { return x * 2; }
__attribute__((noinline)) int is_wanted(__u32 pid) { return !only_pid || pid == only_pid; }

SEC("tracepoint/syscalls/sys_enter_getppid")
int on_getppid(void *ctx)
{
    __u32 pid = bpf_get_current_pid_tgid() >> 32;
    if (!is_wanted(pid))
        return 0;
    __sync_fetch_and_add(&count, 1);
    big[1] = twice(count);
    both.a = pid;
    return 0;
}
"""

RETURNS = """
const volatile int answer = 1;
SEC("xdp") int give(struct xdp_md *ctx) { return answer; }
"""


def test_constants_globals_and_subprograms() -> None:
    with no_leak(), load_object(from_c(COUNTER), consts={"only_pid": os.getpid()}) as obj:
        assert obj.globals.count == 5
        assert obj.globals.only_pid == os.getpid()
        assert obj.globals.both.asdict() == {"a": 7, "b": -3, "name": "seven"}
        getppid(10)
        assert obj.globals.count == 15
        assert obj.globals.big == [0, 30, 0]
        assert obj.globals.both.a == os.getpid()
        obj.globals.count = 100
        obj.globals.big = [1, 2, 3]
        getppid()
        assert obj.globals["count"] == 101
        assert obj.globals.big == [1, 202, 3]
        assert set(obj.globals) == {"only_pid", "count", "big", "both"}


def test_a_constant_is_what_the_verifier_sees() -> None:
    for answer in (0, 2):
        with load_object(from_c(RETURNS), consts={"answer": answer}) as obj:
            assert obj.give.test_run(data=bytes(64)).retval == answer


def test_constants_cannot_be_changed_later() -> None:
    with load_object(from_c(RETURNS)) as obj, pytest.raises(AttributeError, match=r"load\(…, answer=2\)"):
        obj.globals.answer = 2


@pytest.mark.parametrize(
    ("consts", "message"),
    [
        ({"only_pit": 1}, "no constant or global `only_pit`"),
        ({"only_pid": -1}, "`only_pid` can't be set to -1"),
        ({"only_pid": "x"}, "`only_pid` can't be set to 'x'"),
    ],
)
def test_bad_constants(consts: dict[str, object], message: str) -> None:
    with no_leak(), pytest.raises(LoadError, match=message) as caught:
        load_object(from_c(COUNTER), consts=consts)
    if "only_pit" in consts:
        assert "only_pid" in caught.value.remedy


def test_globals_name_what_is_there() -> None:
    with load_object(from_c(COUNTER), attach=False) as obj:
        with pytest.raises(AttributeError, match="did you mean `count`"):
            _ = obj.globals.cuont
        with pytest.raises(AttributeError, match="did you mean `on_getppid`"):
            _ = obj.on_getpid
        with pytest.raises(AttributeError, match=r"globals\.count"):
            _ = obj.count


MAPS = """
struct key { __u32 a; __u8 b; __u8 pad[3]; };
struct value { __u64 n; char name[8]; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 16);
         __type(key, struct key); __type(value, struct value); } h SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 4);
         __type(key, __u32); __type(value, __u64); } a SEC(".maps");
struct inner { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u32); };
struct inner in0 SEC(".maps"), in1 SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS); __uint(max_entries, 3);
         __type(key, __u32); __array(values, struct inner); }
    outer SEC(".maps") = { .values = { [0] = &in0, [2] = &in1 } };
int tail(struct xdp_md *ctx);
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(max_entries, 2);
         __uint(key_size, 4); __array(values, int (void *)); }
    jump SEC(".maps") = { .values = { [1] = (void *)&tail } };

SEC("xdp") int tail(struct xdp_md *ctx) { return XDP_TX; }

SEC("xdp") int lookup(struct xdp_md *ctx)
{
    struct key k = { .a = 1, .b = 2 };
    struct value *v = bpf_map_lookup_elem(&h, &k);
    return v ? v->n : 99;
}

SEC("xdp") int nested(struct xdp_md *ctx)
{
    __u32 i = 2, zero = 0;
    void *m = bpf_map_lookup_elem(&outer, &i);
    if (!m) return 98;
    __u32 *v = bpf_map_lookup_elem(m, &zero);
    return v ? *v : 99;
}

SEC("xdp") int jumps(struct xdp_md *ctx) { bpf_tail_call(ctx, &jump, 1); return XDP_ABORTED; }
"""


def test_maps_with_types_of_the_object() -> None:
    with no_leak(), load_object(from_c(MAPS)) as obj:
        assert obj.lookup.test_run(data=bytes(64)).retval == 99
        obj.h[{"a": 1, "b": 2, "pad": b"\0\0\0"}] = {"n": 42, "name": "x"}
        assert obj.lookup.test_run(data=bytes(64)).retval == 42
        ((key, value),) = obj.h.items()
        assert (key.a, key.b, value.n, value.name) == (1, 2, 42, "x")
        assert value == type(value)(n=42, name="x")
        obj.a[3] = 7
        assert dict(obj.a.items()) == {0: 0, 1: 0, 2: 0, 3: 7}


def test_static_contents_of_map_in_map_and_program_arrays() -> None:
    with load_object(from_c(MAPS)) as obj:
        assert obj.nested.test_run(data=bytes(64)).retval == 0
        obj.in1[0] = 3
        assert obj.nested.test_run(data=bytes(64)).retval == 3
        assert obj.jumps.test_run(data=bytes(64)).retval == 3  # XDP_TX, by the tail call


def test_the_kernel_knows_names_types_and_lines() -> None:
    with load_object(from_c(MAPS)) as obj:
        info = obj.lookup.info
        assert info.name == "lookup"
        assert info.btf_id > 0
        assert info.gpl_compatible
        assert obj.h.handle.info.btf_value_type_id > 0
        assert obj.h.handle.info.name == "h"


def test_a_test_run_gives_packet_context_and_time() -> None:
    source = """
    SEC("xdp") int cut(struct xdp_md *ctx)
    {
        __u8 *data = (void *)(long)ctx->data;
        if (data + 20 > (__u8 *)(long)ctx->data_end) return XDP_DROP;
        data[0] = 0xAB;
        if (bpf_xdp_adjust_head(ctx, 4)) return XDP_ABORTED;
        return ctx->ingress_ifindex == 1 ? XDP_PASS : XDP_TX;
    }
    """
    with load_object(from_c(source)) as obj:
        packet = bytes(range(64))
        result = obj.cut.test_run(data=packet, ctx={"ingress_ifindex": 1})
        assert result.retval == 2
        assert result.data == packet[4:]
        assert len(result.ctx) == 24
        assert obj.cut.test_run(data=packet, repeat=1000).duration_ns > 0
        with pytest.raises(LoadError, match="shorter than an Ethernet header"):
            obj.cut.test_run(data=b"short")
        with pytest.raises(LoadError, match="has no field `ifindex`"):
            obj.cut.test_run(data=packet, ctx={"ifindex": 1})


def test_a_syscall_program_takes_a_context() -> None:
    source = """
    struct args { __u32 a, b, sum; };
    SEC("syscall") int add(struct args *ctx) { ctx->sum = ctx->a + ctx->b; return 7; }
    """
    with load_object(from_c(source)) as obj:
        result = obj.add.test_run(ctx=struct.pack("III", 2, 3, 0))
        assert result.retval == 7
        assert struct.unpack("III", result.ctx) == (2, 3, 5)


def test_raw_tracepoints_run_on_arguments() -> None:
    source = """
    __u64 first;
    SEC("raw_tracepoint/sys_enter") int on(struct bpf_raw_tracepoint_args *ctx) { first = ctx->args[0]; return 5; }
    """
    with load_object(from_c(source), attach=False) as obj:
        assert obj.on.test_run(ctx=struct.pack("QQ", 1234, 0)).retval == 5
        assert obj.globals.first == 1234


def test_no_test_run_for_tracepoints() -> None:
    with (
        load_object(from_c(COUNTER), attach=False) as obj,
        pytest.raises(LoadError, match="no test run for"),
    ):
        obj.on_getppid.test_run()


# -------------------------------------------------------------------------------- bad objects


def test_a_missing_file() -> None:
    with no_leak(), pytest.raises(LoadError, match=r"/nowhere/x\.o can't be read"):
        load_object("/nowhere/x.o")


@pytest.mark.parametrize("data", [b"", b"garbage", b"\x7fELF" + bytes(100), os.urandom(4096)])
def test_garbage(data: bytes) -> None:
    with no_leak(), pytest.raises(LoadError, match="no usable BPF object"):
        load_object(data)


def test_truncated_objects() -> None:
    whole = from_c(MAPS)
    before = open_descriptors()
    for cut in range(0, len(whole), 97):
        try:
            load_object(whole[:cut], attach=False).close()
        except LoadError:
            continue
    gc.collect()
    assert open_descriptors() == before


def test_damaged_objects() -> None:
    whole = bytearray(from_c(MAPS))
    before = open_descriptors()
    for at in range(0, len(whole), 61):
        damaged = bytes(whole[:at]) + bytes([whole[at] ^ 0xFF]) + bytes(whole[at + 1 :])
        try:
            load_object(damaged, attach=False).close()
        except PybpfcError:
            continue
    gc.collect()
    assert open_descriptors() == before


def test_an_unknown_section_and_kernel_symbols_are_named() -> None:
    with pytest.raises(LoadError, match="neither programs nor maps"):
        load_object(from_c('SEC("nonsense") int f(void *ctx) { return 0; }'))
    source = 'extern int bpf_task_x(void) __ksym;\nSEC("xdp") int f(void *ctx) { return bpf_task_x(); }'
    with no_leak(), pytest.raises(LoadError, match="this kernel has no function of that name"):
        load_object(from_c(source))


def test_impossible_maps_are_explained() -> None:
    source = """
    struct { __uint(type, BPF_MAP_TYPE_LPM_TRIE); __uint(max_entries, 1);
             __type(key, __u64); __type(value, __u32); } m SEC(".maps");
    SEC("xdp") int f(void *ctx) { return 2; }
    """
    with no_leak(), pytest.raises(LoadError, match="BPF_F_NO_PREALLOC") as caught:
        load_object(from_c(source))
    assert caught.value.errno == 22


# ----------------------------------------------------------------------------- ends of objects


def test_closing_detaches_and_is_final() -> None:
    with no_leak():
        obj = load_object(from_c(COUNTER))
        program, links = obj.on_getppid, obj.links
        assert [link.attached for link in links] == [True]
        obj.close()
        obj.close()
        assert [link.attached for link in links] == [False]
        with pytest.raises(AttachError, match="was closed"):
            program.attach()


def test_a_closed_map_says_so() -> None:
    obj = load_object(from_c(MAPS))
    obj.close()
    with pytest.raises(NotLoadedError, match="map `a` was closed"):
        _ = obj.a[0]


def test_forgetting_an_object_unloads_it() -> None:
    with no_leak():
        load_object(from_c(COUNTER))


def test_many_tracepoints_are_detached_by_two() -> None:
    names = ("getppid", "getpgid", "getsid", "getpriority", "times", "sysinfo")
    source = "__u64 count;\n" + "".join(
        f'SEC("tracepoint/syscalls/sys_enter_{n}") int on_{n}(void *ctx) {{ count++; return 0; }}\n' for n in names
    )
    with no_leak(), load_object(from_c(source)) as obj:
        links = obj.links
        assert len(links) == len(names)
        obj.detach()
        assert obj.links == []
        assert not any(link.attached for link in links)
        seen = obj.globals.count
        getppid(3)
        assert obj.globals.count == seen
        obj.attach_all()
        links = obj.links
        threads = threading.active_count()
        links[2].detach = failing  # type: ignore[method-assign]
        with pytest.raises(OSError, match="not this one"):
            obj.detach()
        assert [link.attached for link in links] == [False, False, True, False, False, False]
        assert threading.active_count() == threads
        links[2].close()


def failing() -> None:
    raise OSError("not this one")


def test_a_lost_object_is_detached_at_once() -> None:
    source = COUNTER.replace("tracepoint/syscalls/sys_enter_getppid", "raw_tracepoint/sys_enter")
    links = set(next_ids(Command.LINK_GET_NEXT_ID))
    gc.disable()
    try:
        with no_leak():
            load_object(from_c(source))
            assert set(next_ids(Command.LINK_GET_NEXT_ID)) <= links
            obj = load_object(from_c(source))
            part = obj.on_getppid
            del obj
            assert len(set(next_ids(Command.LINK_GET_NEXT_ID)) - links) == 1
            del part
    finally:
        gc.enable()


def test_a_part_keeps_the_object_attached() -> None:
    with no_leak():
        link = load_object(from_c(COUNTER)).links[0]
        gc.collect()
        obj = link.program.owner
        before = obj.globals.count
        getppid(3)
        assert obj.globals.count >= before + 3
        del link, obj


def test_nothing_stays_attached_after_an_error() -> None:
    source = COUNTER + 'SEC("tracepoint/syscalls/sys_enter_nonesuch") int other(void *ctx) { return 0; }\n'
    links = len(next_ids(Command.LINK_GET_NEXT_ID))
    with no_leak(), pytest.raises(AttachError, match="no tracepoint `syscalls/sys_enter_nonesuch`"):
        load_object(from_c(source))
    assert len(next_ids(Command.LINK_GET_NEXT_ID)) <= links


def test_nothing_stays_loaded_after_a_rejection() -> None:
    source = MAPS + 'SEC("xdp") int wrong(struct xdp_md *ctx) { return *(int *)(long)ctx->data; }\n'
    with no_leak(), pytest.raises(LoadError):
        load_object(from_c(source))


CHILD = """
import sys, time
from pybpfc.runtime import load_object
obj = load_object({path!r})
print(obj.links[0].info.id, flush=True)
{rest}
"""


@pytest.mark.parametrize(
    ("rest", "number"),
    [
        ("time.sleep(60)", signal.SIGTERM),
        ("time.sleep(60)", signal.SIGKILL),
        ("time.sleep(60)", signal.SIGINT),
        ("raise RuntimeError('x')", None),
        ("sys.exit(0)", None),
    ],
)
def test_the_end_of_the_process_detaches(tmp_path: Path, rest: str, number: signal.Signals | None) -> None:
    path = tmp_path / "x.o"
    path.write_bytes(from_c(COUNTER))
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD.format(path=str(path), rest=rest)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    link = int(child.stdout.readline())
    wait_for_exit(child, number)
    child.stdout.close()
    deadline = time.monotonic() + 5
    while link in next_ids(Command.LINK_GET_NEXT_ID):
        assert time.monotonic() < deadline, "the link outlived its process"
        time.sleep(0.02)


def test_descriptors_close_on_exec() -> None:
    with load_object(from_c(MAPS)) as obj:
        listed = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True, check=True).stdout
        assert "bpf" not in listed
        assert obj.h.handle.fd > 2


def test_loading_is_quick() -> None:
    data = from_c(COUNTER)
    load_object(data).close()
    start = time.perf_counter()
    load_object(data).close()
    assert time.perf_counter() - start < 0.5  # some tens of milliseconds, but machines are busy


def test_big_sections_and_many_variables(tmp_path: Path) -> None:
    variables = "\n".join(f"__u32 v{i} = {i};" for i in range(200))
    source = (
        variables + '\nunsigned char space[100000];\nSEC("xdp") int f(void *c) { space[99999] = v7; return v150; }\n'
    )
    with load_object(from_c(source)) as obj:
        assert obj.f.test_run(data=bytes(64)).retval == 150
        assert obj.globals.v199 == 199
        assert obj.globals.space[99999] == 7


def test_options_for_programs_that_are_not_there() -> None:
    with no_leak(), pytest.raises(LoadError, match="no program `giv`") as caught:
        load_object(from_c(RETURNS), attach_options={"giv": {"interface": "lo"}})
    assert "`give`" in caught.value.remedy


def test_running_out_of_descriptors_at_any_point() -> None:
    """Whatever step comes to lack one, it says so and gives back what was taken."""
    import resource

    data = from_c(MAPS + COUNTER)
    load_object(data).close()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = set(map(int, os.listdir("/proc/self/fd")))
    free = [number for number in range(1000) if number not in used]
    outcomes: list[str] = []
    for spare in range(25):
        try:
            with no_leak():
                resource.setrlimit(resource.RLIMIT_NOFILE, (free[spare], hard))
                try:
                    load_object(data).close()
                    outcomes.append("")
                except PybpfcError as error:
                    outcomes.append(str(error))
                finally:
                    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert outcomes[-1] == ""
    assert outcomes[3]
    assert all("too many files" in outcome.lower() for outcome in outcomes if outcome), outcomes
