#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

void bpf_throw(__u64 cookie) __ksym;

SEC("tc")
int prog(void *ctx)
{
	if (bpf_get_prandom_u32() & 1)
		bpf_throw(0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
