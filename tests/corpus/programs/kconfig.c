#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern int LINUX_KERNEL_VERSION __kconfig;
extern _Bool CONFIG_BPF_SYSCALL __kconfig;
extern int CONFIG_HZ __kconfig __weak;
extern int CONFIG_NO_SUCH_OPTION __kconfig __weak;

SEC("socket")
int prog(void *ctx)
{
	return LINUX_KERNEL_VERSION > 0 && CONFIG_BPF_SYSCALL && CONFIG_HZ && !CONFIG_NO_SUCH_OPTION;
}

char LICENSE[] SEC("license") = "GPL";
