"""The soak benchmark in small."""

from benchmarks.soak import soak


def test_faulty_answers_lead_to_nothing_twice_nothing_wrong_and_nothing_left_running() -> None:
    figures = soak(60, at_once=30, seed=5)

    verdict = figures.verdict
    assert verdict.problems == ()
    assert sum(verdict.reported.values()) == 60
    assert verdict.reported["completed"] > 40
    assert verdict.started >= verdict.reported["completed"] + verdict.reported["failed"]
    assert verdict.faulty > 0
