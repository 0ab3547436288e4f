#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

static __noinline int twice(int x)
{
	return x * 2 + (int)bpf_get_prandom_u32();
}

__noinline int global_function(int x)
{
	return twice(x) + 1;
}

static long each(__u32 index, void *sum)
{
	*(long *)sum += index;
	return 0;
}

SEC("socket")
int prog(void *ctx)
{
	long sum = 0;

	bpf_loop(10, each, &sum, 0);
	return global_function(sum) + twice(3);
}

char LICENSE[] SEC("license") = "GPL";
