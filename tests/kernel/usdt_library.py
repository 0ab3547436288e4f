"""A library with statically defined probes, as SystemTap's `sdt.h` would have them, and its arguments everywhere."""

SOURCE = r"""
unsigned short seven_semaphore __attribute__((section(".probes"), visibility("hidden")));
#define PROBE(name, semaphore, args, ...) \
  __asm__ volatile("990: nop\n" \
    ".pushsection .note.stapsdt,\"?\",\"note\"\n.balign 4\n.4byte 992f-991f, 994f-993f, 3\n" \
    "991: .asciz \"stapsdt\"\n992: .balign 4\n993: .8byte 990b\n.8byte _.stapsdt.base\n.8byte " semaphore "\n" \
    ".asciz \"own\"\n.asciz \"" #name "\"\n.asciz \"" args "\"\n994: .balign 4\n.popsection\n" \
    ".ifndef _.stapsdt.base\n.pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n" \
    ".weak _.stapsdt.base\n.hidden _.stapsdt.base\n_.stapsdt.base: .space 1\n.size _.stapsdt.base, 1\n" \
    ".popsection\n.endif\n" :: __VA_ARGS__)

int seven(int a, unsigned char b, signed short c, long d, long *table, long i) {
  PROBE(seven, "seven_semaphore", "-4@%k0 1@%b1 -2@%w2 8@%3 8@8(%4,%5,8) 4@16(%4) -4@$-7",
        "r"(a), "q"(b), "r"(c), "r"(d), "r"(table), "r"(i));
  PROBE(older, "0", "-4@%k0 1@%b1 -2@%w2 8@%3 8@$55 4@16(%4) -4@$-7", "r"(a), "q"(b), "r"(c), "r"(d), "r"(table));
  return seven_semaphore;
}

void twice(long n) {
  if (n & 1)
    PROBE(twice, "0", "8@%0", "r"(n));
  else
    PROBE(twice, "0", "-4@%k0", "r"(n));
  PROBE(none, "0", "", "r"(n));
}

void inexpressible(double x) {
  PROBE(floating, "0", "8f@%0", "x"(x));
}
"""
"""Its probes: `seven` with a semaphore, `older` with places that libbpf has always known, `twice` in two places, `none` without arguments, one with
a float."""
