#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

void bpf_no_such_kfunc(void) __ksym __weak;
void bpf_rcu_read_lock(void) __ksym __weak;
void bpf_rcu_read_unlock(void) __ksym __weak;

SEC("syscall")
int prog(void *ctx)
{
	if (bpf_no_such_kfunc)
		bpf_no_such_kfunc();
	if (bpf_rcu_read_lock) {
		bpf_rcu_read_lock();
		bpf_rcu_read_unlock();
	}
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
