#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

extern const void _stext __ksym;
extern const void no_such_symbol __ksym __weak;
void bpf_no_such_kfunc(void) __ksym __weak;
void bpf_rcu_read_lock(void) __ksym __weak;

unsigned long address;

SEC("syscall")
int prog(void *ctx)
{
	int found = 0;

	address = (unsigned long)&_stext;
	if (!&no_such_symbol)
		found |= 1;
	if (!bpf_no_such_kfunc)
		found |= 2;
	if (bpf_rcu_read_lock)
		found |= 4;
	return found;
}

char LICENSE[] SEC("license") = "GPL";
