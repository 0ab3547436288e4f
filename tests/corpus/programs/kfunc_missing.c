#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

void bpf_no_such_kfunc(void) __ksym;

SEC("syscall")
int prog(void *ctx)
{
	bpf_no_such_kfunc();
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
