#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern const void _stext __ksym;
extern const void no_such_symbol __ksym __weak;

SEC("raw_tp/sched_switch")
int prog(void *ctx)
{
	return &_stext != 0 && &no_such_symbol == 0;
}

char LICENSE[] SEC("license") = "GPL";
