#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern const int runqueues_weak __ksym __weak;
extern const int bpf_prog_active __ksym;

SEC("raw_tp/sched_switch")
int prog(void *ctx)
{
	const int *active = bpf_this_cpu_ptr(&bpf_prog_active);
	return *active + (&runqueues_weak != 0);
}

char LICENSE[] SEC("license") = "GPL";
