"""Programs that the verifier refuses: the right line, the cause and the remedy in words, the true errno."""

from __future__ import annotations

import errno
from dataclasses import dataclass

import pytest
from kernel_support import from_c, no_leak

from pybpfc.diagnostics.errors import LoadError, VerifierError
from pybpfc.runtime import load_object

MAPS = """
struct value { __u64 numbers[4]; };
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 8); __type(key, __u32); __type(value, struct value); }
    h SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); } ring SEC(".maps");
__u64 out, which;
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 1); __type(key, __u32); __type(value, __u64); }
    a SEC(".maps");
"""


@dataclass(frozen=True)
class Case:
    """A program, `!` marking the line at fault (empty: any), and words of the explanation and of the remedy."""

    name: str
    code: str
    cause: str
    remedy: str
    section: str = "xdp"


CASES = [
    Case("packet", "__u8 *p = (void *)(long)c->data;\nreturn p[3];  // !", "without a proof", "ctx.packet"),
    Case(
        "scalar",
        "long p = bpf_ktime_get_ns();\nreturn *(int *)p;  // !",
        "ordinary number is used as an address",
        "bpf_probe_read_kernel",
    ),
    Case(
        "unchecked lookup",
        "__u32 k = 1;\nstruct value *v = bpf_map_lookup_elem(&h, &k);\nreturn v->numbers[0];  // !",
        "without a check for None",
        "is None",
    ),
    Case(
        "unchecked reservation",
        "__u64 *e = bpf_ringbuf_reserve(&ring, 8, 0);\n*e = 1;  // !\nbpf_ringbuf_submit(e, 0);\nreturn 2;",
        "without a check for None",
        "is None",
    ),
    Case(
        "unchecked lookup to a helper",
        "__u32 k = 1;\nvoid *v = bpf_map_lookup_elem(&h, &k);\nreturn bpf_probe_read_kernel(v, 8, c);  // !",
        "may be None",
        "is None",
        "raw_tp/sys_enter",
    ),
    Case(
        "index past the value",
        "__u32 k = 1;\nstruct value *v = bpf_map_lookup_elem(&h, &k);\nif (!v) return 0;\n"
        "__u64 i = which;\nif (i > 9) return 0;\nreturn v->numbers[i];  // !",
        "reaches past the value",
        "prove the index",
    ),
    Case(
        "unbounded index",
        "__u32 k = 1;\nstruct value *v = bpf_map_lookup_elem(&h, &k);\nif (!v) return 0;\n"
        "__u64 i = which;\nreturn v->numbers[i];  // !",
        "",
        "",
    ),
    Case(
        "unbounded length",
        "char b[16];\nreturn bpf_probe_read_kernel(b, which, c);  // !",
        "",
        "",
        "raw_tp/sys_enter",
    ),
    Case(
        "record past its end",
        "__u64 *e = bpf_ringbuf_reserve(&ring, 8, 0);\nif (!e) return 0;\n"
        "e[1] = 1;  // !\nbpf_ringbuf_submit(e, 0);\nreturn 2;",
        "record of 8 bytes",
        "whole type",
    ),
    Case(
        "leaked reservation",
        "__u64 *e = bpf_ringbuf_reserve(&ring, 8, 0);\nif (!e) return 0;\n*e = 1;\nreturn 2;",
        "not given back",
        "submit or discard",
    ),
    Case(
        "use after submit",
        "__u64 *e = bpf_ringbuf_reserve(&ring, 8, 0);\nif (!e) return 0;\nbpf_ringbuf_submit(e, 0);\n"
        "*(volatile __u64 *)e = 1;  // !\nreturn 2;",
        "used as an address",
        "after submitting",
    ),
    Case(
        "stale packet pointer",
        "__u8 *p = (void *)(long)c->data;\nif (p + 1 > (__u8 *)(long)c->data_end) return 0;\n"
        "bpf_xdp_adjust_head(c, 4);\nreturn *(volatile __u8 *)p;  // !",
        "stale",
        "anew after a helper",
    ),
    Case("return value", "return 77;", "number that this hook does not take", "XDP_PASS", "cgroup/connect4"),
    Case(
        "context field",
        "return *(volatile __u32 *)((char *)c + 200);  // !",
        "may not read or write that part of its context",
        "fields that the hook's context has",
    ),
    Case(
        "helper of other hooks",
        "return bpf_skb_load_bytes(c, 0, &out, 8);  // !",
        "`bpf_skb_load_bytes` can't be called",
        "another helper",
    ),
    Case(
        "helper of no kernel",
        "long (*f)(void) = (void *)9999;\nreturn f();  // !",
        "helper number 9999",
        "newer kernel",
    ),
    Case(
        "infinite loop",
        "volatile int x = 1;\nwhile (x) { out += 1; }  // !\nreturn 2;",
        "",
        "",
    ),
    Case(
        "pointer as number",
        "out = (long)(void *)c * 3;  // !\nreturn 2;",
        "pointer is used as a number",
        "offsets and indices",
    ),
    Case(
        "map given to the wrong helper",
        "return bpf_ringbuf_query(&a, 0);  // !",
        "does not take this kind of map",
        "map's own methods",
    ),
    Case(
        "sleeping",
        "char b[8];\nreturn bpf_copy_from_user(b, 8, c);  // !",
        "may sleep",
        "sleepable=True",
        "raw_tp/sys_enter",
    ),
    Case(
        "constant memory",
        "static const int fixed[4] = {1, 2, 3, 4};\n*(volatile int *)&fixed[out & 3] = 5;  // !\nreturn 2;",
        "",
        "",
    ),
]


def source_of(case: Case) -> tuple[str, int]:
    """The program's text, and the number of the line marked with `!` (0: none)."""
    context = "struct xdp_md *c" if case.section == "xdp" else "void *c"
    text = f'{MAPS}\nSEC("{case.section}") int prog({context})\n{{\n{case.code}\n}}\n'
    marked = [number for number, line in enumerate(text.splitlines(), 1) if line.endswith("// !")]
    return text, marked[0] if marked else 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rejections(case: Case) -> None:
    text, line = source_of(case)
    with no_leak(), pytest.raises(VerifierError) as caught:
        load_object(from_c(text), attach=False)
    error = caught.value
    assert error.explanation, error.log[-2000:]
    assert error.remedy
    assert case.cause in error.explanation
    assert case.remedy in error.remedy
    assert error.errno in (errno.EINVAL, errno.EACCES, errno.EPERM)
    assert error.file.endswith("prog.c")
    if line:
        assert error.line == line, error.log[-2000:]
    assert "`prog`" in error.message
    assert "processed" in error.log
    shown = str(error)
    assert "prog.c" in shown
    assert error.remedy.split("`")[0].strip() in " ".join(shown.split())


def test_gpl_helpers_need_the_license() -> None:
    source = 'SEC("xdp") int prog(void *c) { return bpf_trace_printk("x", 2); }'
    data = from_c(source)
    from pybpfc.formats.object_reader import parse_object

    spec = parse_object(data)
    spec.license = "Proprietary"
    with pytest.raises(VerifierError) as caught:
        load_object(spec)
    assert 'LICENSE = "GPL"' in caught.value.remedy


def test_the_true_errno_of_a_program_that_is_too_large() -> None:
    """A log buffer too small for the whole log would turn it into ENOSPC."""
    source = (
        MAPS
        + """
    SEC("xdp") int prog(void *c)
    {
        for (int i = 0; i < 5000000; i++)
            __sync_fetch_and_add(&out, i);
        return 2;
    }
    """
    )
    with no_leak(), pytest.raises(VerifierError) as caught:
        load_object(from_c(source))
    error = caught.value
    assert error.errno == errno.E2BIG
    assert "over its limit" in error.explanation
    assert "bpf.loop" in error.remedy
    assert len(error.log) < 17 << 20


def test_a_subprogram_is_blamed_by_its_own_line() -> None:
    source = (
        MAPS
        + """
static __attribute__((noinline)) int inner(struct xdp_md *c)
{
    __u8 *p = (void *)(long)c->data;
    return p[5];  // !
}
SEC("xdp") int prog(struct xdp_md *c)
{
    out++;
    return inner(c);
}
"""
    )
    line = next(number for number, text in enumerate(source.splitlines(), 1) if text.endswith("// !"))
    with pytest.raises(VerifierError) as caught:
        load_object(from_c(source))
    assert caught.value.line == line


def test_a_kernel_without_the_field_is_told_apart() -> None:
    source = """
struct task_struct { int no_such_field_here; } __attribute__((preserve_access_index));
__u64 out;
SEC("raw_tp/sys_enter") int prog(void *c)
{
    struct task_struct *t = (void *)bpf_get_current_task();
    bpf_probe_read_kernel(&out, 4, &t->no_such_field_here);
    return 0;
}
"""
    with no_leak(), pytest.raises(LoadError):
        load_object(from_c(source))
