"""Kernel functions that programs may call, where their prototype in BTF does not tell all (KF_ flags, 5.13 to 6.18).

From the `BTF_ID_FLAGS` tables of kernel/bpf/helpers.c, cpumask.c, crypto.c, fs/bpf_fs_kfuncs.c and
net/netfilter/nf_conntrack_bpf.c. What BTF alone says is enough for the others; a pointer that one of those returns is
taken for one that may be None.
"""

from __future__ import annotations

from typing import NamedTuple

from pybpfc.abi.versions import KernelVersion, version


class KfuncFlags(NamedTuple):
    """What a kernel function does with references, and since when there is one.

    `released_by` names the function that gives back what this one takes; `releases` says that it takes over its
    argument itself. `never_null` results need no test.
    """

    since: KernelVersion
    released_by: str = ""
    releases: bool = False
    never_null: bool = False
    sleepable: bool = False

    @property
    def acquires(self) -> bool:
        """Whether what it returns must be given back."""
        return bool(self.released_by)


def _taking(
    release: str, *names: tuple[str, str], never_null: bool = False, sleepable: bool = False
) -> dict[str, KfuncFlags]:
    return {n: KfuncFlags(version(since), release, False, never_null, sleepable) for n, since in names}


def _giving(*names: tuple[str, str]) -> dict[str, KfuncFlags]:
    return {name: KfuncFlags(version(since), releases=True) for name, since in names}


def _plain(since: str, *names: str, never_null: bool = False, sleepable: bool = False) -> dict[str, KfuncFlags]:
    return {name: KfuncFlags(version(since), never_null=never_null, sleepable=sleepable) for name in names}


KFUNCS: dict[str, KfuncFlags] = {
    **_taking(
        "bpf_task_release",
        ("bpf_task_acquire", "6.2"),
        ("bpf_task_from_pid", "6.2"),
        ("bpf_task_from_vpid", "6.14"),
    ),
    **_taking(
        "bpf_cgroup_release",
        ("bpf_cgroup_acquire", "6.2"),
        ("bpf_cgroup_ancestor", "6.2"),
        ("bpf_cgroup_from_id", "6.4"),
        ("bpf_task_get_cgroup1", "6.8"),
    ),
    **_taking("bpf_cpumask_release", ("bpf_cpumask_create", "6.3")),
    **_taking("bpf_cpumask_release", ("bpf_cpumask_acquire", "6.3"), never_null=True),
    **_taking("bpf_put_file", ("bpf_get_task_exe_file", "6.12")),
    **_taking("bpf_ct_release", ("bpf_xdp_ct_lookup", "5.18"), ("bpf_skb_ct_lookup", "5.18")),
    **_taking("bpf_ct_insert_entry", ("bpf_xdp_ct_alloc", "6.0"), ("bpf_skb_ct_alloc", "6.0")),
    **_taking("bpf_key_put", ("bpf_lookup_system_key", "6.1")),
    **_taking("bpf_key_put", ("bpf_lookup_user_key", "6.1"), sleepable=True),
    **_taking("bpf_crypto_ctx_release", ("bpf_crypto_ctx_create", "6.10"), sleepable=True),
    **_taking("bpf_crypto_ctx_release", ("bpf_crypto_ctx_acquire", "6.10")),
    **_giving(
        ("bpf_task_release", "6.2"),
        ("bpf_cgroup_release", "6.2"),
        ("bpf_cpumask_release", "6.3"),
        ("bpf_put_file", "6.12"),
        ("bpf_ct_release", "5.18"),
        ("bpf_key_put", "6.1"),
        ("bpf_crypto_ctx_release", "6.10"),
    ),
    "bpf_ct_insert_entry": KfuncFlags(version("6.0"), "bpf_ct_release", releases=True),
    **_plain("6.2", "bpf_rcu_read_lock", "bpf_rcu_read_unlock"),
    **_plain("6.2", "bpf_rdonly_cast", "bpf_cast_to_kern_ctx", never_null=True),
    **_plain("6.5", "bpf_task_under_cgroup", "bpf_sock_destroy"),
    **_plain("6.10", "bpf_preempt_disable", "bpf_preempt_enable"),
    **_plain("6.12", "bpf_path_d_path"),
    **_plain("6.12", "bpf_get_dentry_xattr", "bpf_get_file_xattr", "bpf_copy_from_user_str", sleepable=True),
}
"""The functions by name."""
