"""What the verifier says, what it means for a Python program, and what to do: a table.

Patterns cover the wordings of kernels 5.4 to 6.18; the first one that fits a line counts. `{name}` in the texts is the
pattern's group of that name. `blame` says whose turn it is: the source's, the compiler's (lowering), a limit of the
verifier's, the environment's (kernel, privilege, configuration), or the verifier's own.
"""

from __future__ import annotations

import functools
import re
from typing import Literal

from pybpfc.records import frozen

Blame = Literal["source", "lowering", "limit", "environment", "verifier"]

_REPORT = "this should have been found at compile time; please report it with the program and the log"


@frozen
class Message:
    """One kind of message: the pattern of its line, the cause, the remedy, and whose turn it is."""

    pattern: str
    cause: str
    remedy: str
    blame: Blame = "source"


@frozen
class Explanation:
    """A message explained: cause and remedy with the log's own numbers and names filled in."""

    cause: str
    remedy: str
    blame: Blame


MESSAGES: tuple[Message, ...] = (
    # packets
    Message(
        r"invalid access to packet, off=(?P<off>-?\d+) size=(?P<size>\d+)",
        "{size} bytes at offset {off} of the packet are read or written without a proof that the packet reaches "
        "that far",
        "take the header through `ctx.packet(T, offset)` and return when it is None, or compare with "
        "`ctx.data_end` first",
    ),
    Message(
        r"R(?P<reg>\d+) offset is outside of the packet",
        "the access lies behind the part of the packet that was checked",
        "check a length that covers the whole access: `if packet.remaining < n: return …`",
    ),
    Message(
        r"R\d+ (?:invalid mem access|pointer arithmetic on) '?pkt_end'?|pointer arithmetic on pkt_end prohibited",
        "the packet's end is used as an ordinary pointer; it may only be compared with",
        "compute from `ctx.data` and compare with `ctx.data_end`",
    ),
    Message(
        r"cannot write into packet",
        "this kind of program may not change the packet",
        "write through a helper (`bpf_skb_store_bytes`), or use a hook that may write (XDP, tc)",
    ),
    Message(
        r"misaligned packet access off (?P<off>\S+)",
        "the packet is read at an address that is not a multiple of the access's size",
        "use a packed struct for the header, so that it is read in smaller pieces",
    ),
    # pointers that may be None
    Message(
        r"R(?P<reg>\d+) invalid mem access 'map_value_or_null'|'ptr_or_null_|"
        r"invalid mem access '(?P<what>\w+)_or_null(?:_\w+)?'",
        "the result of a lookup or reservation is used without a check for None",
        "test it before the first use: `if value is None: return 0`",
    ),
    Message(
        r"R\d+ pointer arithmetic on (?P<what>\w+)_or_null prohibited",
        "an element or field of a value is computed before the value is known not to be None",
        "move the `is None` test up, before any index or field",
    ),
    Message(
        r"R\d+ type=(?P<got>\w+_or_null\w*) expected=(?P<expected>.+)",
        "something that may be None is passed to a helper that takes no None",
        "test it first: `if value is None: return 0`",
    ),
    Message(
        r"Possibly NULL pointer passed to (?:trusted |helper )?arg(?P<arg>\d+)",
        "argument {arg} of a kernel function may be None",
        "test it first: `if p is None: return 0`",
    ),
    # map values and other memory
    Message(
        r"invalid access to map value, value_size=(?P<value>\d+) off=(?P<off>-?\d+) size=(?P<size>\d+)",
        "{size} bytes at offset {off} of a map value of {value} bytes: the access reaches past the value, "
        "or its index may",
        "prove the index first: `if i < len(values): … values[i]`",
    ),
    Message(
        r"invalid access to map key, key_size=(?P<value>\d+) off=(?P<off>-?\d+) size=(?P<size>\d+)",
        "{size} bytes at offset {off} of a map key of {value} bytes: the access reaches past the key",
        "prove the index first",
    ),
    Message(
        r"invalid access to memory, mem_size=(?P<value>\d+) off=(?P<off>-?\d+) size=(?P<size>\d+)",
        "{size} bytes at offset {off} of a record of {value} bytes: the access reaches past it",
        "reserve room for the whole type, and prove indices before using them",
    ),
    Message(
        r"invalid access to allocated memory|invalid access to (?:ptr|struct) ",
        "the access reaches past the object",
        "use the fields of the object's type only",
    ),
    Message(
        r"R\d+ (?:min|max) value is outside of the (?:allowed memory range|array range)",
        "the index may lie outside the array",
        "bound the index next to its use: `if i >= len(a): return 0`, or `i & (size - 1)` for a power of two",
    ),
    Message(
        r"math between (?P<what>\w+) pointer and register with unbounded min value",
        "a number that may be negative is added to a pointer",
        "make the index unsigned (`u32`), or check `0 <= i < n` first",
    ),
    Message(
        r"math between (?P<what>\w+) pointer and (?P<value>-?\d+) is not allowed"
        r"|value (?P<far>-?\d+) makes \w+ pointer be",
        "the offset added to the pointer is too large",
        "bound the offset before adding it",
    ),
    Message(
        r"R\d+ unbounded memory access, use 'var &= const'",
        "the length passed to a helper has no upper bound that the verifier knows",
        "bound it: `n = min(n, SIZE)` right before the call",
    ),
    Message(
        r"R\d+ unbounded memory access, make sure to bounds check|R\d+ unbounded memory access",
        "the index has no upper bound that the verifier knows",
        "bound it next to its use: `if i >= N: return 0`, or `i & (N - 1)`",
    ),
    Message(
        r"R\d+ min value is negative, either use unsigned or 'var &= const'|R\d+ min value is negative",
        "a length or index may be negative",
        "make it unsigned (`u32`), or return when it is below 0",
    ),
    Message(
        r"R\d+ invalid zero-sized read",
        "the length passed to a helper may be 0, which it does not take",
        "return before the call when the length is 0",
    ),
    Message(
        r"write into map forbidden|R\d+ cannot write into (?P<what>\S+)|only read is supported",
        "memory is written that programs may only read",
        "write to a copy, or to a map or global that is not constant",
    ),
    Message(
        r"cannot write into (?:rdonly|read-only)|read from map forbidden",
        "the map's flags forbid this access to programs",
        "create the map without BPF_F_RDONLY_PROG or BPF_F_WRONLY_PROG",
    ),
    # numbers and pointers mixed up
    Message(
        r"R(?P<reg>\d+) invalid mem access '(?:scalar|inv)'",
        "an ordinary number is used as an address: a kernel or user address read as a number, "
        "a pointer that lost its origin, or one that a helper call made stale",
        "read through `bpf_probe_read_kernel`/`_user` or a typed kernel pointer; take packet pointers anew after "
        "a helper "
        "that changes the packet; don't use a record after submitting it",
    ),
    Message(
        r"R\d+ type=(?:scalar|inv) expected=(?P<expected>(?:fp|pkt|map_key|map_value).*)",
        "a helper wants the address of memory and gets a number",
        "pass the variable, struct or map value itself",
    ),
    Message(
        r"R\d+ type=(?P<got>\w+) expected=(?P<expected>map_ptr|ctx|ringbuf_mem|sock\w*|dynptr\w*)",
        "a helper gets a {got} where it takes a {expected}",
        "check the order of the helper's arguments",
    ),
    Message(
        r"R\d+ type=(?P<got>\S+) expected=(?P<expected>.+)",
        "a helper gets a {got} where it takes {expected}",
        "see what the helper's arguments may be: `pybpfc doc HELPER`",
    ),
    Message(
        r"R\d+ must be (?:referenced or trusted|a rcu pointer|known constant|points to)|R\d+ must be referenced",
        "a kernel function wants a pointer that is known to be valid",
        "take it from the hook's own typed argument, or from a function that acquires it",
    ),
    Message(
        r"R\d+ bitwise operator (?P<op>\S+) on pointer|R\d+ pointer arithmetic with (?P<op2>\S+) operator"
        r"|R\d+ 32-bit pointer arithmetic|R\d+ pointer \+= pointer prohibited|R\d+ pointer -= pointer prohibited",
        "a pointer is used as a number",
        "compute with offsets and indices, not with addresses",
    ),
    Message(
        r"R\d+ pointer comparison prohibited|pointer comparison",
        "two unrelated pointers are compared",
        "compare the values they lead to",
    ),
    Message(
        r"R\d+ partial copy of pointer|attempt to corrupt spilled pointer on stack",
        "a part of a pointer is copied or overwritten",
        _REPORT,
        "lowering",
    ),
    Message(
        r"R\d+ leaks addr (?:as return value|into \w+)|leaks addr",
        "a kernel address would become visible to user space, which takes CAP_PERFMON",
        "return or store a number instead, or grant CAP_PERFMON",
    ),
    Message(
        r"At program exit the register R0 (?:has|is not a known value)|At (?:async callback|callback"
        r"|subprogram) .*R0 has",
        "the function returns a number that this hook does not take",
        "return one of the hook's results, e.g. `XDP_PASS`, or 0",
    ),
    Message(
        r"R(?P<reg>\d+) !read_ok",
        "a value is used that was never set on this path: a missing `return`, an unset variable, or an argument "
        "that the program does not get",
        "set it on every path, and return on every path",
    ),
    # stack
    Message(
        r"invalid (?:indirect )?(?:read|access) (?:from|to) stack(?: R\d+)? off",
        "bytes of a local variable are read that were never written, or that lie outside of it",
        "initialise the whole struct before a helper sees it",
    ),
    Message(
        r"invalid indirect read from stack|invalid read from stack",
        "bytes of a local variable are read that were never written, often padding in a key",
        "initialise the whole struct before a helper sees it",
    ),
    Message(
        r"invalid write to stack R10 off=(?P<off>-\d+)|invalid stack (?:type )?R\d+ off=(?P<off2>-?\d+)",
        "the local variables take more than the 512 bytes of the stack",
        "keep large values in a `PerCpuArray` of one entry, or in a ring buffer reservation",
    ),
    Message(
        r"(?:combined )?stack size (?:of )?(?P<calls>\d+) calls is (?P<size>\d+)\. Too large"
        r"|stack size .* is too large",
        "the functions called within one another need {size} bytes of stack; 512 is all there is",
        "move large locals into a map, or call less deeply",
        "limit",
    ),
    Message(
        r"the call stack of (?P<frames>\d+) frames is too deep",
        "functions call one another {frames} levels deep; 8 is the limit",
        "mark some of them `inline=True`; recursion is not possible",
        "limit",
    ),
    Message(
        r"(?:invalid |)(?:unbounded )?variable(?:-offset| offset|) ?(?:write|read|stack access|stack read)?.*"
        r"(?:prohibited|to stack|from stack)|R\d+ unbounded indirect variable offset stack access",
        "a local array is indexed by a number that the verifier can't bound",
        "bound the index next to its use, or keep the array in a map",
    ),
    Message(
        r"misaligned (?P<what>stack|value|context) access off (?P<off>\S+)",
        "an access is not aligned to its own size",
        _REPORT,
        "lowering",
    ),
    # context
    Message(
        r"invalid bpf_context access off=(?P<off>\d+) size=(?P<size>\d+)",
        "this kind of program may not read or write that part of its context ({size} bytes at offset {off})",
        "use the fields that the hook's context has; some are read-only, some need a newer kernel",
    ),
    Message(
        r"dereference of modified (?P<what>ctx|\w+) ptr R\d+ off=(?P<off>-?\d+) disallowed|variable ctx access",
        "the context is used at a computed address",
        "read its fields by name",
        "lowering",
    ),
    Message(
        r"func '(?P<func>\w+)' (?:doesn't have|has) (?P<arg>\d+).*arg|func '(?P<func2>\S+)' arg(?P<n>\d+) ",
        "the traced function does not have that argument, or not of that type",
        "see its arguments in the kernel's types: `pybpfc list`",
        "environment",
    ),
    # helpers and kernel functions
    Message(
        r"(?:program of this type cannot use helper|unknown func) (?P<helper>bpf_\w+|\w+)#(?P<id>\d+)",
        "`{helper}` can't be called from this kind of program on this kernel",
        "use another helper or another hook; `pybpfc features` shows which helpers a hook has here",
        "environment",
    ),
    Message(
        r"invalid func unknown#195896080|invalid func <invalid CO-RE",
        "a field or type that the program uses does not exist in this kernel",
        "guard the access with `bpf.field_exists(...)` or `bpf.type_exists(...)`",
        "environment",
    ),
    Message(
        r"invalid func unknown#(?P<id>\d+)",
        "this kernel does not have helper number {id}",
        "use an older helper, or a newer kernel: `pybpfc doc HELPER` names the first one",
        "environment",
    ),
    Message(
        r"cannot call GPL[- ]restricted function from non-GPL compatible program|"
        r"(?:function|helper) .*GPL compatible",
        "the helper is for programs under a GPL-compatible license only",
        'set `LICENSE = "GPL"` in the module',
    ),
    Message(
        r"cannot pass map_type (?P<type>\d+) into func (?P<helper>\w+)",
        "`{helper}` does not take this kind of map",
        "use the map's own methods",
    ),
    Message(
        r"(?:helper call|kernel func \w+|kernel function \w+|\w+#\d+).* might sleep in"
        r"|sleepable helper \S+ in non-sleepable",
        "a function that may sleep is called where the program must not",
        "use a sleepable hook (`sleepable=True`), or the function's variant that does not sleep",
    ),
    Message(
        r"calling kernel function (?P<func>\w+) is not allowed|kernel function (?P<func2>\w+) is not allowed",
        "this kind of program may not call that kernel function",
        "use another hook",
        "environment",
    ),
    Message(
        r"expected prog array map for tail call",
        "a tail call goes through a map that is no program array",
        "declare the map as `bpf.ProgArray`",
    ),
    Message(
        r"tail_call(?:s)? (?:are|is) not allowed|cannot do bpf_tail_call|tail_calls are not allowed in non-JITed",
        "a tail call is made where it is not possible: inside a function, with a lock or a reference held",
        "make it from the program itself, outside of locks",
    ),
    Message(
        r"Caller passes invalid args into func#(?P<func>\d+)",
        "a function gets an argument that it was not verified for",
        "check the types of the call's arguments",
    ),
    Message(
        r"only read from bpf_array is supported|bpf_\w+ access with .*not allowed",
        "a pointer to a kernel object of a map is used in a way that is not allowed",
        "use the map through its methods",
    ),
    # resources
    Message(
        r"Unreleased reference id=(?P<id>\d+)|would lead to reference leak"
        r"|BPF_EXIT instruction.* leads? to reference leak",
        "a reservation or a reference is not given back on some path",
        "submit or discard it on every path: `with ringbuf.reserve() as event:`",
    ),
    Message(
        r"(?:R\d+ must be referenced when passed to release|release .* expects referenced"
        r"|arg \d+ is an unacquired reference)",
        "something is released that was not acquired, or twice",
        "release each reference exactly once",
    ),
    Message(
        r"map '(?P<map>\w*)' has to have BTF in order to use bpf_(?P<what>\w+)|has no valid bpf_spin_lock",
        "map `{map}` was loaded without its types",
        "load the object together with its BTF",
        "environment",
    ),
    Message(
        r"bpf_spin_(?:un)?lock|function calls are not allowed while holding a lock|.*spin.?lock.*",
        "a spin lock is used against its rules: one at a time, released on every path, no calls while it is held",
        "keep the `with bpf.spin_lock(…):` block short and without calls",
    ),
    # loops and size
    Message(
        r"infinite loop detected at insn (?P<insn>\d+)",
        "a loop goes round without coming nearer to its end",
        "use `for i in range(N)` with a constant bound, or change the loop's condition in its body",
    ),
    Message(
        r"back-edge from insn (?P<insn>\d+) to \d+",
        "this kernel (before 5.3) takes no loops",
        "let the compiler unroll the loop: a small constant bound",
        "environment",
    ),
    Message(
        r"BPF program is too large\. Processed (?P<count>\d+) insn",
        "following all paths of the program took the verifier over its limit of {count} instructions",
        "lower the loop's bound, use `bpf.loop(n, fn, ctx)` (kernel 5.17), or split the program by tail calls",
        "limit",
    ),
    Message(
        r"The sequence of (?P<count>\d+) jumps is too complex",
        "too many branches are open at once",
        "use fewer branches within loops, or put the body into a function for `bpf.loop`",
        "limit",
    ),
    Message(
        r"last insn is not an exit or jmp|unreachable insn (?P<insn>\d+)|jump out of range from insn (?P<insn2>\d+)|"
        r"invalid (?:BPF_\w+|opcode|bpf_ld_imm64) |unknown opcode|jump into the middle of ldimm64",
        "the program's code is malformed",
        _REPORT,
        "lowering",
    ),
    Message(
        r"div(?:ision)? by zero|invalid shift (?P<shift>-?\d+)|BPF_MOD .* zero",
        "a constant division by zero, or a shift by more than the number's width",
        "change the constant",
    ),
    Message(r"frame pointer is read only", "the frame pointer is written", _REPORT, "lowering"),
    # types
    Message(
        r"missing btf func_info|FUNC .*Invalid arg#(?P<arg>\d+)|number of funcs in func_info|invalid func_info"
        r"|func_info",
        "the records that tie functions to their types are missing or wrong",
        "compile with types (`-g` for clang)",
        "lowering",
    ),
    Message(
        r"attach_btf_id (?P<id>\d+) is (?:invalid|not a (?:function|tracepoint))"
        r"|FENTRY/FEXIT program can only be attached",
        "the hook's target is of another kind than the program",
        "see which functions, tracepoints and hooks this kernel has: `pybpfc list`",
        "environment",
    ),
    Message(
        r"(?P<name>\w+)\(\) is not modifiable|is not modifiable|(?P<func>\w+) is not sleepable|not sleepable",
        "the function can't be attached to in this way",
        "choose a function that the kernel allows it for",
        "environment",
    ),
    Message(
        r"(?P<cap>BPF|loading|attach).*(?:not permitted|CAP_\w+)|reject\w* .*privileg",
        "the process lacks a privilege",
        "run as root, or grant CAP_BPF and the hook's own capability",
        "environment",
    ),
    Message(
        r"R\d+ invalid mem access '(?P<what>\w+)'",
        "memory of the kind `{what}` can't be accessed in this way",
        "read it through a helper",
    ),
    Message(
        r"access beyond (?:struct|the end of member) (?P<what>.+) at off (?P<off>\d+)",
        "the access lies outside `{what}` of this kernel",
        "use the fields of the kernel's own type; layouts differ between versions",
        "environment",
    ),
)


@functools.cache
def _compiled() -> tuple[tuple[re.Pattern[str], Message], ...]:
    return tuple((re.compile(message.pattern), message) for message in MESSAGES)


def known(line: str) -> bool:
    """Whether the table has a message that fits the line."""
    return any(pattern.search(line) for pattern, _ in _compiled())


def explain(line: str) -> Explanation | None:
    """What a line of the verifier's means; None when the table does not know."""
    for pattern, message in _compiled():
        found = pattern.search(line)
        if found:
            groups = {name: value or "" for name, value in found.groupdict().items()}
            return Explanation(message.cause.format(**groups), message.remedy, message.blame)
    return None
