#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("ksyscall/nanosleep")
int prog(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
