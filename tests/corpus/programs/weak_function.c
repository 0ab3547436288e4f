#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

__weak int weak_one(int x)
{
	return x + 1;
}

SEC("socket")
int first(void *ctx)
{
	return weak_one(1);
}

SEC("socket")
int second(void *ctx)
{
	return weak_one(2);
}

char LICENSE[] SEC("license") = "GPL";
