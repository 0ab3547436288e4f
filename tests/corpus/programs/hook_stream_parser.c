#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("sk_skb/stream_parser")
int prog(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
