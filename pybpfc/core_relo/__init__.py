"""CO-RE: an object's accesses to kernel types, fitted to the types that the kernel at hand has.

An access path in the object's types (`formats/core_access.py`) is looked for in the kernel's types of the same name
(`candidates.py`, `matching.py`, `compatibility.py`); what its record asks about it is computed for both (`values.py`)
and put into the instruction (`patching.py`); `relocate.py` does so for a whole object. The rules are those of libbpf.
"""
