#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("sk_msg")
int prog(void *ctx)
{
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
