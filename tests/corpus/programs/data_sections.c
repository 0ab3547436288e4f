#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

int counter = 5;
int zeroed;
const volatile int limit = 9;
int custom SEC(".data.custom") = 3;
const int table[4] SEC(".rodata.custom") = { 1, 2, 3, 4 };
static int hidden = 4;

SEC("socket")
int prog(void *ctx)
{
	counter += limit + hidden;
	zeroed += custom++;
	hidden++;
	return table[counter & 3];
}

char LICENSE[] SEC("license") = "GPL";
