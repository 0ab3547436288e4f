"""`pybpfc vmlinux`: types of the running kernel as Python, C, stubs, and cut down to what objects need."""

from __future__ import annotations

import ast
import json
import os
import random
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest
from kernel_support import clang

import pybpfc as package
from pybpfc.formats.btf import Btf
from pybpfc.formats.btf_python import declaration
from pybpfc.lang.kernel_btf import PATH, vmlinux_btf


def pybpfc(*words: str, **env: str) -> subprocess.CompletedProcess[bytes]:
    code = "from pybpfc.cli import main; main()"
    command = [sys.executable, "-c", code, "vmlinux", *words]
    return subprocess.run(command, capture_output=True, check=False, timeout=60, env={**os.environ, **env})


def shown(*words: str) -> str:
    done = pybpfc(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def refused(*words: str, **env: str) -> str:
    done = pybpfc(*words, **env)
    assert done.returncode in (1, 2)
    assert not done.stdout
    assert b"Traceback" not in done.stderr
    return done.stderr.decode()


# ---------------------------------------------------------------------------------- one type


def test_a_struct_as_python_and_c() -> None:
    text = shown("struct", "task_struct")
    assert "# struct task_struct { /* " in text
    space: dict[str, Any] = {"__name__": "declared"}
    exec(text, space)
    layout = space["task_struct"].__bpf_type__
    assert layout.find("pid").type.__str__() == "i32"
    assert str(layout.find("comm").type) == "Annotated[str, 16]"
    assert layout.find("real_parent").type.to is layout


def test_only_some_fields() -> None:
    text = shown("struct", "task_struct", "--fields", "pid, real_parent", "--format", "python")
    tree = ast.parse(text)
    (found,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    assert {node.target.id for node in found.body} == {"pid", "real_parent"}  # type: ignore[attr-defined]


def test_other_kinds() -> None:
    assert "class pid_type(enum.IntEnum):\n    PIDTYPE_PID = 0\n" in shown("enum", "pid_type")
    assert "pid_t = i32" in shown("typedef", "pid_t")
    assert 'def vfs_read(file: "file", ' in shown("func", "vfs_read")
    assert shown("func", "vfs_read", "--format", "c").startswith("ssize_t vfs_read(struct file *file, char *buf,")
    assert "union bpf_attr {" in shown("union", "bpf_attr", "--format", "c")


def test_declarations_are_valid() -> None:
    btf = vmlinux_btf()
    structs = [t for t in btf.named("*", "STRUCT") if t.name]
    for t in random.Random(3).sample(structs, 150):
        space: dict[str, Any] = {"__name__": "declared"}
        text = declaration(btf, t)
        exec(text, space)
        for name, value in space.items():
            if isinstance(value, type) and value.__module__ == "declared":
                assert value.__bpf_type__.kernel, (name, text)  # type: ignore[attr-defined]


def test_what_there_is_not() -> None:
    assert "did you mean `task_struct`" in refused("struct", "task_strut")
    assert "try `pybpfc vmlinux struct task_struct`" in refused("enum", "task_struct")
    assert "has no field `pidd`; it has `pid" in refused("struct", "task_struct", "--fields", "pidd")
    assert "no kind of type" in refused("klass", "x")
    assert "a name is missing" in refused("struct")
    assert "needs -o" in refused("--minimize", "x.o")
    assert "neither BTF nor an ELF file" in refused("struct", "x", "--btf", "/etc/passwd")
    assert "No such file" in refused("struct", "x", PYBPFC_BTF="/nowhere")
    assert "No such file" in refused("struct", "x", "--module", "no_module_is_called_so")


# ------------------------------------------------------------------------------------ stubs

USE = """
from pybpfc.vmlinux import pid_type, sk_buff, task_struct

def use(t: task_struct, s: sk_buff) -> int:
    reveal_type(t.real_parent.mm)
    reveal_type(t.comm)
    reveal_type(s.list.next)
    reveal_type(pid_type.PIDTYPE_PID.value)
    t.no_field_is_called_so
    return t.pid
"""


def test_stubs_are_python_and_tell_fields(tmp_path: Path) -> None:
    venv.create(tmp_path / "env")
    (site,) = (tmp_path / "env/lib").glob("python*/site-packages")
    (site / "here.pth").write_text(str(Path(package.__file__).parents[1]))
    assert "types in" in shown("--stubs", str(site))
    tree = ast.parse((site / "pybpfc-stubs/vmlinux.pyi").read_text())
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    assert len(names) == len(set(names)) > 5000
    if shutil.which("mypy", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("mypy is not installed")
    (tmp_path / "use.py").write_text(USE)
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(tmp_path / "env/bin/python")]
    env = {name: value for name, value in os.environ.items() if name != "MYPYPATH"}
    done = subprocess.run([*command, "use.py"], cwd=tmp_path, capture_output=True, text=True, check=False, env=env)
    told = [line.partition(": ")[2] for line in done.stdout.splitlines()]
    assert told[:5] == [
        'note: Revealed type is "pybpfc.vmlinux.mm_struct"',
        'note: Revealed type is "str"',
        'note: Revealed type is "pybpfc.vmlinux.list_head"',
        'note: Revealed type is "Literal[0]?"',
        'error: "task_struct" has no attribute "no_field_is_called_so"  [attr-defined]',
    ]
    done = subprocess.run([*command, "-p", "pybpfc.vmlinux"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


# --------------------------------------------------------------------------------- minimize

C_PROGRAMS = {
    "fields": """
struct list_head { struct list_head *next; } __attribute__((preserve_access_index));
struct mm_struct { unsigned long start_code; } __attribute__((preserve_access_index));
struct thread_info { unsigned long flags; } __attribute__((preserve_access_index));
struct task_struct___mine {
    int pid; struct task_struct___mine *real_parent; struct mm_struct *mm; char comm[16];
    struct thread_info thread_info; struct list_head children; unsigned sched_reset_on_fork : 1;
    long no_such_field;
} __attribute__((preserve_access_index));
struct sk_buff { unsigned long _skb_refdst; int priority; unsigned char pkt_type : 3; } __attribute__((preserve_access_index));
SEC("raw_tp/sched_switch") int on_switch(struct task_struct___mine **ctx)
{
    struct task_struct___mine *t = ctx[1];
    struct sk_buff *skb = (void *)ctx[2];
    long total = 0;
    bpf_probe_read_kernel(&total, 4, &t->real_parent->pid);
    bpf_probe_read_kernel(&total, 8, &t->mm->start_code);
    bpf_probe_read_kernel(&total, 1, &t->comm[3]);
    bpf_probe_read_kernel(&total, 8, &t->thread_info.flags);
    bpf_probe_read_kernel(&total, 8, &t->children.next);
    bpf_probe_read_kernel(&total, 8, &skb->_skb_refdst);
    total += __builtin_preserve_field_info(t->sched_reset_on_fork, 4);
    total += __builtin_preserve_field_info(t->no_such_field, 2);
    total += __builtin_preserve_field_info(skb->priority, 1);
    total += __builtin_preserve_field_info(skb->pkt_type, 0);
    return total;
}
""",
    "types": """
struct file { int x; };
struct no_struct_is_called_so { int x; };
enum pid_type___mine { PIDTYPE_TGID = 77, PIDTYPE_NONE = 5 };
typedef struct { int counter; } atomic_t;
typedef unsigned int gfp_t;
union bpf_attr { int x; };
struct list_head { struct list_head *next, *prev; };
SEC("raw_tp/sched_switch") int on_types(void *ctx)
{
    long total = __builtin_preserve_type_info(*(struct file *)0, 0);
    total += __builtin_preserve_type_info(*(struct no_struct_is_called_so *)0, 0);
    total += __builtin_preserve_type_info(*(atomic_t *)0, 1);
    total += __builtin_preserve_type_info(*(gfp_t *)0, 1);
    total += __builtin_preserve_type_info(*(union bpf_attr *)0, 1);
    total += __builtin_preserve_type_info(*(struct list_head *)0, 2);
    total += __builtin_btf_type_id(*(struct file *)0, 1);
    total += __builtin_btf_type_id(*(struct file *)0, 0);
    total += __builtin_preserve_enum_value(*(enum pid_type___mine *)PIDTYPE_TGID, 0);
    total += __builtin_preserve_enum_value(*(enum pid_type___mine *)PIDTYPE_TGID, 1);
    total += __builtin_preserve_enum_value(*(enum pid_type___mine *)PIDTYPE_NONE, 0);
    return total;
}
""",
}
HEAD = """
#define SEC(name) __attribute__((section(name), used))
static long (*bpf_probe_read_kernel)(void *dst, unsigned size, const void *src) = (void *)113;
"""


def compiled(folder: Path, name: str) -> str:
    compiler = clang()
    if compiler is None or shutil.which("bpftool") is None:
        pytest.skip("it takes clang and bpftool")
    path = folder / f"{name}.c"
    path.write_text(HEAD + C_PROGRAMS[name] + 'char LICENSE[] SEC("license") = "GPL";\n')
    made = str(folder / f"{name}.o")
    subprocess.run([compiler, "-O2", "-g", "-w", "-target", "bpf", "-c", str(path), "-o", made], check=True)
    return made


def dumped(path: Path) -> list[dict[str, Any]]:
    done = subprocess.run(["bpftool", "btf", "dump", "-j", "file", str(path)], capture_output=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)["types"]
    return found


@pytest.mark.parametrize("names", [("fields",), ("types",), ("fields", "types")], ids="+".join)
def test_minimized_types_are_those_of_bpftool(tmp_path: Path, names: tuple[str, ...]) -> None:
    objects = [compiled(tmp_path, name) for name in names]
    ours, theirs = tmp_path / "ours.btf", tmp_path / "theirs.btf"
    done = pybpfc("--minimize", *objects, "-o", str(ours))
    assert done.returncode == 0, done.stderr
    subprocess.run(["bpftool", "gen", "min_core_btf", PATH, str(theirs), *objects], check=True)
    assert dumped(ours) == dumped(theirs)
    kept = Btf(ours.read_bytes())
    assert 5 < kept.count < 60
    if "fields" in names:
        task = kept.find("task_struct", "STRUCT")
        assert task is not None
        assert {m.name for m in task.members} >= {"pid", "real_parent", "comm"}
        assert "prio" not in {m.name for m in task.members}


def test_minimized_to_standard_output_and_again(tmp_path: Path) -> None:
    made = compiled(tmp_path, "fields")
    done = pybpfc("--minimize", made, "-o", "-")
    (tmp_path / "once.btf").write_bytes(done.stdout)
    again = pybpfc("--minimize", made, "-o", "-", "--btf", str(tmp_path / "once.btf"))
    assert again.stdout == done.stdout != b""


def test_what_is_no_object_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.o").write_bytes(b"\x7fELF nothing")
    assert "x.o is no usable BPF object" in refused("--minimize", str(tmp_path / "x.o"), "-o", "-")
    assert "missing.o: No such file" in refused("--minimize", str(tmp_path / "missing.o"), "-o", "-")
