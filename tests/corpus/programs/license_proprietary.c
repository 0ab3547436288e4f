#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
int prog(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "Proprietary";
