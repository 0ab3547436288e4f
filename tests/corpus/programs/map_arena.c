#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, 33);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 4);
} table SEC(".maps");

void *bpf_arena_alloc_pages(void *map, void __attribute__((address_space(1))) *addr, __u32 pages, int node, __u64 flags) __ksym;

SEC("syscall")
int prog(void *ctx)
{
	return bpf_arena_alloc_pages(&table, 0, 1, -1, 0) == 0;
}

char LICENSE[] SEC("license") = "GPL";
