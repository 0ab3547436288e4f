"""E09xx: kernel functions (kfuncs), and sections of the program that they open."""

from __future__ import annotations

from pybpfc.diagnostics.catalog.base import ErrorClass


class KernelFunctionUnknown(ErrorClass):
    """A kernel function is not known: neither declared nor found in the kernel's types.

    Names of `pybpfc.kfuncs` are looked up in the types of the kernel that this is compiled on. A declaration says the
    same without one, and is checked against the running kernel when the program is loaded.

    Bad:

        from pybpfc.kfuncs import bpf_never_heard_of


        @bpf.tc
        def prog(ctx: bpf.SkBuff) -> int:
            bpf_never_heard_of()
            return TC_ACT_OK

    Good:

        @bpf.kfunc
        def bpf_never_heard_of() -> None: ...


        @bpf.tc
        def prog(ctx: bpf.SkBuff) -> int:
            if bpf.ksym_exists(bpf_never_heard_of):
                bpf_never_heard_of()
            return TC_ACT_OK
    """

    code = "E0901"
    title = "the kernel function `{name}` is not known: {why}"
    label = "cannot tell how it is called"
    help = "declare it: `@bpf.kfunc def {name}(…) -> …: ...`, or name a file with the types by PYBPFC_BTF"
    name: str
    why: str


class KernelFunctionArgument(ErrorClass):
    """A kernel function takes an argument that a program in Python cannot give it.

    The kernel marks such parameters by the end of their names: objects from the program's own allocations, iterators,
    maps, texts in read-only memory.

    Bad:

        @bpf.kfunc
        def bpf_map_sum_elem_count(map__map: bpf.Ptr[u64]) -> i64: ...


        @bpf.tc
        def prog(ctx: bpf.SkBuff) -> int:
            return i32(bpf_map_sum_elem_count(None))

    Good:

        @bpf.tc
        def prog(ctx: bpf.SkBuff) -> int:
            return TC_ACT_OK
    """

    code = "E0902"
    title = "`{name}` takes `{parameter}`, and the language has nothing for `{ending}` parameters"
    label = "this call"
    help = "write this program in C: `bpf.load` takes its object too"
    name: str
    parameter: str
    ending: str


class KernelFunctionExpected(ErrorClass):
    """`bpf.ksym_exists` is about a kernel function: a name of `pybpfc.kfuncs`, or one declared with `@bpf.kfunc`.

    It takes the function itself, not its name as a text, so that its type is known where it is called.

    Bad:

        @bpf.tc
        def prog(ctx: bpf.SkBuff) -> int:
            return TC_ACT_OK if bpf.ksym_exists("bpf_task_from_pid") else TC_ACT_SHOT

    Good:

        @bpf.kfunc
        def bpf_rcu_read_lock() -> None: ...


        @bpf.tc
        def prog(ctx: bpf.SkBuff) -> int:
            return TC_ACT_OK if bpf.ksym_exists(bpf_rcu_read_lock) else TC_ACT_SHOT
    """

    code = "E0903"
    title = "`bpf.ksym_exists` takes a kernel function"
    label = "this is none"
    help = "import it from `pybpfc.kfuncs`, or declare it with `@bpf.kfunc`"


class NestedReadLock(ErrorClass):
    """An RCU read section is opened inside another one.

    The verifier knows one at a time; what the outer one protects, it protects inside as well.

    Bad:

        @bpf.tc
        def prog(ctx: bpf.SkBuff) -> int:
            with bpf.rcu_read_lock():
                with bpf.rcu_read_lock():
                    return TC_ACT_OK

    Good:

        @bpf.tc
        def prog(ctx: bpf.SkBuff) -> int:
            with bpf.rcu_read_lock():
                return TC_ACT_OK
    """

    code = "E0904"
    title = "an RCU read section inside another one"
    label = "the second"
    help = "leave out the inner `with`"
