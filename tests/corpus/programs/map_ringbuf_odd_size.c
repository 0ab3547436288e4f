#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 5000);
} table SEC(".maps");

SEC("socket")
int prog(void *ctx)
{
	long value = 1;
	return bpf_ringbuf_output(&table, &value, sizeof(value), 0);
}

char LICENSE[] SEC("license") = "GPL";
