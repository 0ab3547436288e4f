#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("tracepoint/sched/sched_switch")
int prog(void *ctx)
{
	bpf_printk("on");
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
