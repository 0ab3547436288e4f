#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("kprobe.multi/do_*")
int prog(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
