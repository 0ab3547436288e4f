#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("raw_tp.w/nbd_send_request")
int prog(void *ctx)
{
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
