#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern int CONFIG_NO_SUCH_OPTION __kconfig;

SEC("socket")
int prog(void *ctx)
{
	return CONFIG_NO_SUCH_OPTION;
}

char LICENSE[] SEC("license") = "GPL";
