#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 100);
	__uint(map_extra, 3);
	__type(value, __u32);
} table SEC(".maps");

SEC("socket")
int prog(void *ctx)
{
	__u32 value = 7;
	return bpf_map_peek_elem(&table, &value);
}

char LICENSE[] SEC("license") = "GPL";
