"""Runs every case of the golden files."""

from pathlib import Path

import pytest
from runner import Case, all_cases, case_id, read_cases, run_case
from stages import STAGES

ROOT = Path(__file__).parent


@pytest.mark.parametrize("case", [pytest.param(case, id=case_id(ROOT, case)) for case in all_cases(ROOT)])
def test_golden(case: Case, update_golden: bool) -> None:
    stage = STAGES[case.path.relative_to(ROOT).parts[0]]
    run_case(case, stage.run, update_golden, stage.part)


def test_every_golden_folder_has_a_stage() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in ROOT.rglob("*.test")} <= set(STAGES)


def test_runner_reports_a_difference(tmp_path: Path) -> None:
    path = tmp_path / "x.test"
    path.write_text("comment\n\n[case one]\nsource\n\\[out]\n[out]\nold\n\n[case two]\n[out]\nsame\n")
    one, two = read_cases(path).cases
    assert one.source == "source\n[out]\n"
    with pytest.raises(AssertionError, match="differs"):
        run_case(one, lambda case: "new", update=False)
    run_case(two, lambda case: "same", update=False)


def test_runner_updates_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "x.test"
    path.write_text("comment\n\n[case one]\nsource\n\\[out]\n[out]\nold\n\n[case two]\nmore\n")
    run_case(read_cases(path).cases[0], lambda case: "new  \n", update=True)
    run_case(read_cases(path).cases[1], lambda case: "made", update=True)
    assert path.read_text() == ("comment\n\n[case one]\nsource\n\\[out]\n[out]\nnew\n\n[case two]\nmore\n[out]\nmade\n")


def test_runner_refuses_two_cases_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "x.test"
    path.write_text("[case one]\n[case one]\n")
    with pytest.raises(ValueError, match="second case named one"):
        read_cases(path)
