#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} first SEC(".maps"), second SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} table SEC(".maps") = { .values = { [1] = &first, [3] = &second } };

SEC("socket")
int prog(void *ctx)
{
	__u32 key = 0;
	return bpf_map_lookup_elem(&table, &key) != 0;
}

char LICENSE[] SEC("license") = "GPL";
