"""From IR through LLVM to an ELF object."""
