#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("netfilter")
int prog(void *ctx)
{
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
