"""docs/hooks.md says what the tables, the decorators and the tests say."""

from __future__ import annotations

from pathlib import Path

import hook_proofs
import hook_table

from pybpfc.abi.program_types import SECTIONS

PAGE = Path(__file__).parents[2] / "docs/hooks.md"


def test_the_page_is_that_of_the_tables(update_golden: bool) -> None:
    if not PAGE.parent.exists():  # the guests of tests/vm have no docs
        return
    page = hook_table.table()
    if update_golden:
        PAGE.write_text(page)
    assert PAGE.read_text() == page, "docs/hooks.md is old: run this test with --update-golden"


def test_every_hook_is_proven_or_says_why_not() -> None:
    hook_table.load_proofs()
    for kind in SECTIONS:
        assert hook_table.proof(kind)
    proven = {name for name in hook_proofs.PROVEN if name not in hook_table._SKIPPED_ON_ALL}
    assert not proven & hook_table._UNPROVEN.keys(), "these are proven now"


def test_every_decorator_is_in_the_page() -> None:
    known = hook_table.decorators()
    objects_only = {"tc/ingress", "tc/egress", "classifier", "tp+", "raw_tp+", "raw_tp.w+"}
    objects_only |= {"sk_skb", "cgroup/skb", "cgroup/sock", "struct_ops.s+"}
    assert {kind.pattern for kind in SECTIONS if not known.get(kind.pattern)} == objects_only
