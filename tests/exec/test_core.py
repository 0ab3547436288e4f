"""CO-RE: programs fitted to types that are not theirs, run in the machine and in the kernel, compared with libbpf."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from core_cases import CASES, MACROS, Case, btf_of, checking, checking_object, compiled, target_object
from oracle import both

from pybpfc.abi.insn import Insn, decode
from pybpfc.core_relo.candidates import TargetTypes
from pybpfc.core_relo.relocate import relocate_core
from pybpfc.diagnostics.errors import LoadError, VerifierError
from pybpfc.formats.link import link_program
from pybpfc.formats.object_reader import parse_object
from pybpfc.formats.spec import ObjectSpec
from pybpfc.runtime import features
from pybpfc.runtime.loader import load_object
from pybpfc.vm import Machine, VmError


def fitted(spec: ObjectSpec, target: str, *kept: str) -> ObjectSpec:
    """The object, fitted to the types of C declarations."""
    types = TargetTypes(btf_of(target_object(target, kept or ("struct s",))), "the target")
    return relocate_core(spec, lambda: types)


@pytest.mark.parametrize("cpu", ["v1", "v3", "v4"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_fields_types_and_enumerators(case: Case, cpu: str) -> None:
    spec = checking(case.local, case.checks, cpu)
    with both(fitted(spec, case.target, *case.kept)) as pair:
        wrong = pair.run("prog", bytes(64)).retval
    assert not wrong, case.checks[wrong - 1]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
def test_the_machine_agrees_without_a_kernel(case: Case) -> None:
    spec = fitted(checking(case.local, case.checks), case.target, *case.kept)
    wrong = Machine(spec).run("prog", bytes(64)).retval
    assert not wrong, case.checks[wrong - 1]


def test_the_cases_depend_on_relocation() -> None:
    """Programs that are right without it would test nothing."""
    for case in CASES:
        spec = checking(case.local, case.checks)
        assert Machine(spec).run("prog", bytes(64)).retval, case.name


def test_type_ids() -> None:
    local = "struct other { int y; }; struct s { int x; }; struct none { int z; };"
    body = 'SEC("xdp") int ids(struct xdp_md *c) { return local_id(struct s) << 16 | target_id(struct s); }\n'
    spec = parse_object(compiled(MACROS + local + body))
    target = "struct a { int x; }; struct s { struct a a; };"
    made = fitted(spec, target)
    here, there = spec.btf, btf_of(target_object(target, ("struct s",)))
    assert here is not None
    mine, theirs = here.find("s", "STRUCT"), there.find("s", "STRUCT")
    assert mine is not None
    assert theirs is not None
    with both(made) as pair:
        assert pair.run("ids", bytes(64)).retval == mine.id << 16 | theirs.id


def test_subprograms_are_fitted_too() -> None:
    local = "struct s { u32 a; u32 b; } CORE; NOINLINE int deep(struct s *q) { return q ? offset(q->b) : 99; }"
    body = 'SEC("xdp") int prog(struct xdp_md *c) { return deep((void *)raw); }\n'
    spec = parse_object(compiled(MACROS + local + body))
    made = fitted(spec, "struct s { u64 x[4]; u32 b; u32 a; };")
    assert Machine(made).run("prog", bytes(64)).retval == 32


# --------------------------------------------------------------------------------- refusals

AMBIGUOUS = "struct s { u64 x; u32 a; }; struct s___2 { u32 a; };"


def test_candidates_that_differ_are_an_error() -> None:
    spec = checking("struct s { u32 a; } CORE;", (("offset(p->a)", 8),))
    with pytest.raises(LoadError, match=r"s\.a: byte offset.*more than one such type.*giving 8.*giving 0"):
        fitted(spec, AMBIGUOUS, "struct s", "struct s___2")


def test_candidates_that_lack_the_first_field_are_left_out_for_the_next() -> None:
    spec = checking("struct s { u32 key; u32 a; } CORE;", (("offset(p->key)", 12), ("offset(p->a)", 8)))
    target = "struct s { u64 x; u32 a; u32 key; }; struct s___2 { u32 a; };"
    assert not Machine(fitted(spec, target, "struct s", "struct s___2")).run("prog", bytes(64)).retval


GUARDED = """
struct s { u32 a; u32 gone; } CORE; enum e { GONE = 5 };
SEC("xdp") int guarded(struct xdp_md *c) {
    struct s *p = (void *)raw;
    if (exists(p->gone)) return p->gone;
    if (value_exists(enum e, GONE)) return value_of(enum e, GONE);
    return 77;
}
"""
REACHED = """
struct in { u32 x; } CORE; struct s { u32 a; struct in in[3]; s32 wide; } CORE; enum e { GONE = 5 };
SEC("xdp") int field(struct xdp_md *c) { struct s *p = (void *)raw; return p->in[2].x; }
SEC("xdp") int value(struct xdp_md *c) { return value_of(enum e, GONE); }
SEC("xdp") int width(struct xdp_md *c) { struct s *p = (void *)raw; return p->wide; }
NOINLINE int below(struct s *p) { return p ? p->in[2].x : 0; }
SEC("xdp") int under(struct xdp_md *c) { return below((void *)raw); }
"""
REACHED_TARGET = "struct in { u32 y; }; enum e { HERE }; struct s { u32 a; struct in in[3]; s64 wide; };"


def needs_kernel() -> None:
    refusal = features.refusal()
    if refusal is not None:
        pytest.skip(f"bpf() is not permitted here: {refusal.message}")


def target_file(folder: Path, target: str, *kept: str) -> str:
    path = folder / "kernel.o"
    path.write_bytes(target_object(target, kept))
    return str(path)


def test_what_is_not_reached_need_not_be_there(tmp_path: Path) -> None:
    needs_kernel()
    spec = parse_object(compiled(MACROS + GUARDED))
    file = target_file(tmp_path, "struct s { u64 x; u32 a; }; enum e { HERE };", "struct s", "enum e")
    with load_object(spec, attach=False, btf=file) as loaded:
        assert loaded.programs["guarded"].test_run(data=bytes(64)).retval == 77


@pytest.mark.parametrize(
    ("program", "what", "why"),
    [
        ("field", "s.in[2].x: byte offset", "s.in[2] has no member `x`"),
        ("under", "s.in[2].x: byte offset", "s.in[2] has no member `x`"),
        ("value", "enum e::GONE: value", "enum e has no `GONE`"),
        ("width", "s.wide: byte offset", "s.wide has 8 bytes instead of 4"),
    ],
)
def test_what_is_reached_must_be_there(tmp_path: Path, program: str, what: str, why: str) -> None:
    needs_kernel()
    spec = parse_object(compiled(MACROS + REACHED))
    for name in [name for name in spec.programs if name != program]:
        del spec.programs[name]
    file = target_file(tmp_path, REACHED_TARGET, "struct s", "enum e")
    with pytest.raises(VerifierError) as caught:
        load_object(spec, attach=False, btf=file)
    error = caught.value
    assert "invalid func unknown#195896080" in error.log
    for part in (what, why, f"in {file}"):
        assert part in error.explanation
    assert error.line
    assert what in str(error)


@pytest.mark.parametrize(("program", "what"), [("field", "s.in[2].x: byte offset"), ("value", "enum e::GONE: value")])
def test_the_machine_stops_at_what_is_not_there(program: str, what: str) -> None:
    spec = fitted(parse_object(compiled(MACROS + REACHED)), REACHED_TARGET, "struct s", "enum e")
    with pytest.raises(VmError, match=re.escape(what)) as caught:
        Machine(spec).run(program, bytes(64))
    assert caught.value.line


def test_the_machine_passes_by_what_is_not_there() -> None:
    target = "struct s { u64 x; u32 a; }; enum e { HERE };"
    spec = fitted(parse_object(compiled(MACROS + GUARDED)), target, "struct s", "enum e")
    assert Machine(spec).run("guarded", bytes(64)).retval == 77


def test_the_file_of_types_is_an_argument_or_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_kernel()
    spec = checking("struct s { u32 a; } CORE;", (("offset(p->a)", 24),))
    raw = tmp_path / "raw.btf"
    raw.write_bytes(btf_of(target_object("struct s { u64 x[3]; u32 a; };", ("struct s",))).data)
    monkeypatch.setenv("PYBPFC_BTF", str(raw))
    with load_object(spec, attach=False) as loaded:
        assert not loaded.programs["prog"].test_run(data=bytes(64)).retval
    other = target_file(tmp_path, "struct s { u32 a; };", "struct s")
    with load_object(spec, attach=False, btf=other) as loaded:
        assert loaded.programs["prog"].test_run(data=bytes(64)).retval == 1
    monkeypatch.setenv("PYBPFC_BTF", str(tmp_path / "missing"))
    with pytest.raises(LoadError, match="missing can't be read"):
        load_object(spec, attach=False)
    raw.write_bytes(b"\x7fELF" + bytes(100))
    with pytest.raises(LoadError, match="the ELF file has no section table"):
        load_object(spec, attach=False, btf=raw)


# ----------------------------------------------------------------------------------- libbpf

KERNEL_TYPES = """
struct mm_struct { u64 arg_start, arg_end; int no_such_member; } CORE;
struct list_head { struct list_head *next; } CORE;
struct qstr { const char *name; } CORE;
struct dentry { struct qstr d_name; struct dentry *d_parent; } CORE;
struct path { struct dentry *dentry; } CORE;
struct file { unsigned long f_mode; struct path f_path; } CORE;
struct task_struct { int pid, tgid; u64 start_time; struct mm_struct *mm; char comm[16];
  struct task_struct *real_parent; u32 in_execve:1; u32 in_iowait:1; int never_there; } CORE;
struct task_struct___old { long state; struct list_head tasks; } CORE;
struct task_struct___new { u32 __state; } CORE;
struct no_such_struct { int x; } CORE;
enum pid_type { PIDTYPE_PID = 7, PIDTYPE_TGID = 9, PIDTYPE_NEVER = 3 };
typedef int no_such_typedef; typedef u64 sector_t;
union bpf_attr { u32 map_type; struct { u32 prog_type, insn_cnt; }; } CORE;
struct net_device { u32 ifindex; u32 mtu; char name[16]; } CORE;
struct sk_buff { u32 len; u32 data_len; u8 cloned:1; u8 pkt_type:3; u16 protocol; unsigned char *data; } CORE;
"""
KERNEL_PROGRAMS = """
SEC("tp_btf/task_newtask") int loads(u64 *ctx) {
    struct task_struct *t = (void *)ctx[0];
    u64 sum = t->pid + t->tgid + t->start_time + t->real_parent->pid + t->comm[3];
    struct mm_struct *mm = t->mm;
    if (mm) sum += mm->arg_start ^ mm->arg_end;
    if (exists(t->never_there)) sum += t->never_there;
    struct task_struct___old *o = (void *)t; struct task_struct___new *n = (void *)t;
    if (exists(o->state)) sum += o->state; else if (exists(n->__state)) sum += n->__state;
    return sum & 1;
}
SEC("socket") int numbers(struct __sk_buff *skb) {
    struct task_struct *t = 0; struct file *f = 0; struct sk_buff *b = 0; struct net_device *d = 0;
    union bpf_attr *a = 0; struct mm_struct *mm = 0; struct task_struct___old *o = 0;
    u64 x = 0;
#define ADD(e) x = x * 31 + (e)
    ADD(offset(t->pid)); ADD(offset(t->comm[5])); ADD(size(t->comm)); ADD(exists(t->never_there));
    ADD(exists(mm->no_such_member)); ADD(is_signed(t->pid)); ADD(is_signed(t->start_time));
    ADD(lshift(t->in_iowait)); ADD(rshift(t->in_iowait)); ADD(offset(t->in_execve)); ADD(size(t->in_execve));
    ADD(offset(f->f_path.dentry)); ADD(size(f->f_mode)); ADD(exists(f->f_path.dentry->d_name.name));
    ADD(offset(o->tasks.next)); ADD(exists(o->state));
    ADD(offset(b->len)); ADD(lshift(b->cloned)); ADD(rshift(b->pkt_type)); ADD(offset(b->protocol));
    ADD(offset(d->ifindex)); ADD(offset(d->name[2])); ADD(offset(a->insn_cnt)); ADD(size(a->insn_cnt));
    ADD(type_exists(struct task_struct)); ADD(type_size(struct task_struct)); ADD(type_exists(struct no_such_struct));
    ADD(type_size(struct no_such_struct)); ADD(type_exists(no_such_typedef)); ADD(type_size(sector_t));
    ADD(target_id(struct task_struct)); ADD(target_id(struct no_such_struct)); ADD(local_id(struct task_struct));
    ADD(type_matches(struct list_head)); ADD(type_matches(struct qstr)); ADD(type_matches(enum pid_type));
    ADD(type_matches(struct net_device)); ADD(type_exists(enum pid_type)); ADD(type_size(union bpf_attr));
    ADD(value_exists(enum pid_type, PIDTYPE_TGID)); ADD(value_of(enum pid_type, PIDTYPE_TGID));
    ADD(value_exists(enum pid_type, PIDTYPE_NEVER)); ADD(value_of(enum pid_type, PIDTYPE_PID));
    return x;
}
SEC("socket") int reads(struct __sk_buff *skb) {
    struct task_struct *t = ((struct task_struct *(*)(void))35)();
    struct task_struct *parent = 0; u64 start = 0; char comm[16] = {};
    bpf_probe_read_kernel(&parent, sizeof(parent), &t->real_parent);
    bpf_probe_read_kernel(&start, sizeof(start), &parent->start_time);
    bpf_probe_read_kernel(comm, sizeof(comm), &parent->comm);
    return start + comm[0];
}
"""


def opcodes(*which: str) -> list[str]:
    """A loaded program's instructions, in words and bytes."""
    command = ["bpftool", "prog", "dump", "xlated", *which, "opcodes"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [re.sub(r"map\[id:\d+\]", "map", line.strip()) for line in text.splitlines() if ";" not in line]


class _OpenOptions(ctypes.Structure):
    _fields_ = (
        ("sz", ctypes.c_size_t),
        ("object_name", ctypes.c_char_p),
        ("relaxed_maps", ctypes.c_bool),
        ("pin_root_path", ctypes.c_char_p),
        ("unused", ctypes.c_uint32),
        ("kconfig", ctypes.c_char_p),
        ("btf_custom_path", ctypes.c_char_p),
    )


def by_libbpf(path: Path, btf: Path) -> list[Insn] | None:
    """The instructions of the only program, fitted and loaded by libbpf; None where it refuses."""
    try:
        lib = ctypes.CDLL("libbpf.so.1")
    except OSError:
        pytest.skip("libbpf is not installed")
    lib.libbpf_set_print(None)
    for function in (lib.bpf_object__open_file, lib.bpf_object__next_program, lib.bpf_program__insns):
        function.restype = ctypes.c_void_p
    lib.bpf_program__insn_cnt.restype = ctypes.c_size_t
    options = _OpenOptions(sz=ctypes.sizeof(_OpenOptions), btf_custom_path=str(btf).encode())
    opened = ctypes.c_void_p(lib.bpf_object__open_file(str(path).encode(), ctypes.byref(options)))
    assert opened
    try:
        if lib.bpf_object__load(opened):
            return None
        program = ctypes.c_void_p(lib.bpf_object__next_program(opened, None))
        count = lib.bpf_program__insn_cnt(program)
        return decode(ctypes.string_at(lib.bpf_program__insns(program), count * 8))
    finally:
        lib.bpf_object__close(opened)


@pytest.mark.parametrize("cpu", ["v1", "v3"])
@pytest.mark.parametrize(
    "case", [case for case in CASES if case.known_to_libbpf], ids=lambda case: case.name.replace(" ", "-")
)
def test_libbpf_fits_the_cases_alike(case: Case, cpu: str, tmp_path: Path) -> None:
    needs_kernel()
    path, btf = tmp_path / "prog.o", tmp_path / "kernel.o"
    path.write_bytes(checking_object(case.local, case.checks, cpu))
    btf.write_bytes(target_object(case.target, case.kept))
    theirs = by_libbpf(path, btf)
    linked = link_program(fitted(parse_object(path.read_bytes()), case.target, *case.kept), "prog")
    ours = decode(linked.insns)
    assert theirs is not None
    assert len(ours) == len(theirs)
    for relocation in linked.relocations:  # addresses of data
        for code in (ours, theirs):
            code[relocation.index] = code[relocation.index]._replace(src=0, imm=0)
            code[relocation.index + 1] = code[relocation.index + 1]._replace(imm=0)
    assert ours == theirs


@pytest.mark.skipif(shutil.which("bpftool") is None, reason="bpftool is not installed")
@pytest.mark.parametrize("program", ["loads", "numbers", "reads"])
def test_instructions_equal_those_of_libbpf(program: str, tmp_path: Path) -> None:
    needs_kernel()
    if not os.path.exists("/sys/kernel/btf/vmlinux"):
        pytest.skip("this kernel does not publish its types")
    data = compiled(MACROS.split("u8 raw")[0] + KERNEL_TYPES + KERNEL_PROGRAMS)
    path, pinned = tmp_path / "core.o", f"/sys/fs/bpf/pybpfc-test-core-{os.getpid()}"
    path.write_bytes(data)
    done = subprocess.run(["bpftool", "prog", "loadall", path, pinned], capture_output=True, text=True, check=False)
    try:
        assert done.returncode == 0, done.stderr
        theirs = opcodes("pinned", f"{pinned}/{program}")
    finally:
        shutil.rmtree(pinned, ignore_errors=True)
    with load_object(data, attach=False) as loaded:
        ours = opcodes("id", str(loaded.programs[program].info.id))
    assert ours == theirs
    assert len(ours) > 10
