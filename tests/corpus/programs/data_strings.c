#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("socket")
int prog(void *ctx)
{
	bpf_printk("pid %d", (int)(bpf_get_current_pid_tgid() >> 32));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
