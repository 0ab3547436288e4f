#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int target(void *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(__u32));
	__array(values, int(void *));
} table SEC(".maps") = { .values = { [2] = (void *)&target } };

SEC("socket")
int target(void *ctx)
{
	return 7;
}

SEC("socket")
int prog(void *ctx)
{
	bpf_tail_call(ctx, &table, 2);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
