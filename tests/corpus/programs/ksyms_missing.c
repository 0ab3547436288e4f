#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern const void no_such_symbol __ksym;

SEC("raw_tp/sched_switch")
int prog(void *ctx)
{
	return &no_such_symbol != 0;
}

char LICENSE[] SEC("license") = "GPL";
