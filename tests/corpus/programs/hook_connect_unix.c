#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("cgroup/connect_unix")
int prog(void *ctx)
{
	return 1;
}

char LICENSE[] SEC("license") = "GPL";
