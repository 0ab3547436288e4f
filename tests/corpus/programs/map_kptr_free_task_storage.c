#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, __u64);
} table SEC(".maps");

SEC("socket")
int prog(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
