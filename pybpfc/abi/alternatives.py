"""What serves older kernels instead of a newer helper or map type."""

from __future__ import annotations

_OUTPUT = "`bpf.PerfEventArray` with `output(ctx, event)`, from kernel 4.4 on"
_READ = "`bpf_probe_read`, from kernel 4.1 on"
_READ_STR = "`bpf_probe_read_str`, from kernel 4.11 on"
_BY_THREAD = "a `bpf.HashMap` with the thread's id as its key"

HELPERS: dict[str, str] = {
    "bpf_ringbuf_output": _OUTPUT,
    "bpf_ringbuf_reserve": _OUTPUT,
    "bpf_ringbuf_submit": _OUTPUT,
    "bpf_ringbuf_discard": _OUTPUT,
    "bpf_ringbuf_query": _OUTPUT,
    "bpf_loop": "`range` with a constant bound",
    "bpf_for_each_map_elem": "a loop over keys that are known, with `lookup`",
    "bpf_trace_vprintk": "several lines with at most three values each",
    "bpf_probe_read_kernel": _READ,
    "bpf_probe_read_user": _READ,
    "bpf_probe_read_kernel_str": _READ_STR,
    "bpf_probe_read_user_str": _READ_STR,
    "bpf_get_current_task_btf": "`bpf_get_current_task`, from kernel 4.8 on",
    "bpf_ktime_get_boot_ns": "`bpf_ktime_get_ns`, which does not count suspended time",
    "bpf_ktime_get_coarse_ns": "`bpf_ktime_get_ns`",
    "bpf_ktime_get_tai_ns": "`bpf_ktime_get_ns`, and the offset to clock time from user space",
    "bpf_jiffies64": "`bpf_ktime_get_ns`",
    "bpf_get_ns_current_pid_tgid": "`bpf_get_current_pid_tgid`, in the host's namespace",
    "bpf_get_current_cgroup_id": "`bpf_current_task_under_cgroup` with a `bpf.CgroupArray`, from kernel 4.9 on",
    "bpf_get_current_ancestor_cgroup_id": "`bpf_get_current_cgroup_id`, from kernel 4.18 on",
    "bpf_redirect_peer": "`bpf_redirect`, from kernel 4.4 on",
    "bpf_redirect_neigh": "`bpf_fib_lookup` and `bpf_redirect`",
    "bpf_xdp_get_buff_len": "the difference of `ctx.data_end` and `ctx.data`",
    "bpf_xdp_load_bytes": "`ctx.packet(T, offset)`",
    "bpf_xdp_store_bytes": "`ctx.packet(T, offset)`",
    "bpf_skb_load_bytes_relative": "`bpf_skb_load_bytes`",
    "bpf_map_lookup_percpu_elem": "`lookup`, which gives the value of this CPU",
    "bpf_task_storage_get": _BY_THREAD,
    "bpf_task_storage_delete": _BY_THREAD,
    "bpf_get_attach_cookie": "a program for each place it is attached to",
    "bpf_strncmp": "`==` with a constant",
    "bpf_snprintf": "the values themselves in a struct, formatted in user space",
}
"""By the helper's name."""

MAP_TYPES: dict[str, str] = {
    "BPF_MAP_TYPE_RINGBUF": _OUTPUT,
    "BPF_MAP_TYPE_TASK_STORAGE": _BY_THREAD,
    "BPF_MAP_TYPE_SK_STORAGE": "a `bpf.HashMap` with `bpf_get_socket_cookie` as its key",
    "BPF_MAP_TYPE_BLOOM_FILTER": "a `bpf.HashMap`",
    "BPF_MAP_TYPE_DEVMAP_HASH": "`bpf.DevMap`, from kernel 4.14 on",
    "BPF_MAP_TYPE_QUEUE": "`bpf.Array` and a counter",
    "BPF_MAP_TYPE_STACK": "`bpf.Array` and a counter",
}
"""By the map type's name."""
