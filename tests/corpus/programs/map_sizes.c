#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__uint(key_size, 4);
	__uint(value_size, 24);
} table SEC(".maps");

SEC("socket")
int prog(void *ctx)
{
	__u32 key = 0;
	return bpf_map_lookup_elem(&table, &key) != 0;
}

char LICENSE[] SEC("license") = "GPL";
