#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(int));
	__uint(value_size, sizeof(int));
} table SEC(".maps");

SEC("tracepoint/sched/sched_switch")
int prog(void *ctx)
{
	int value = 1;
	return bpf_perf_event_output(ctx, &table, BPF_F_CURRENT_CPU, &value, sizeof(value));
}

char LICENSE[] SEC("license") = "GPL";
