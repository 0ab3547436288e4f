#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("fexit.s/__x64_sys_nanosleep")
int prog(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
