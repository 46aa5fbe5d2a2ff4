"""Which completions the sensor reports, and what it remembers."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from fabric_assets.client.models import JobInstance
from fabric_assets.sensors.cursor import Cursor, Decision, Position, decide

NOW = datetime(2026, 3, 1, 6, 0, tzinfo=UTC)
DAY = timedelta(hours=24)


def completed(name: str, minutes_ago: float | None) -> JobInstance:
    ended = None if minutes_ago is None else NOW - timedelta(minutes=minutes_ago)
    return JobInstance(id=name, item_id="nb", job_type="RunNotebook", status="Completed", end_time=ended)


def decided(
    instances: list[JobInstance],
    position: Position | None,
    *,
    at_most: int = 100,
    ours: Collection[str] = (),
    now: datetime = NOW,
    listed_until: datetime | None = None,
) -> Decision:
    return decide(
        instances,
        position,
        now=now,
        lookback=DAY,
        at_most=at_most,
        ours=ours,
        listed_until=listed_until,
    )


def ids(decision: Decision) -> list[str]:
    return [job_instance.id for job_instance in decision.report]


def test_the_first_tick_reports_no_history() -> None:
    decision = decided([completed("a", 500), completed("b", 1)], None)

    assert ids(decision) == []
    assert decision.position.until == NOW


def test_what_ends_after_the_first_tick_is_reported_once() -> None:
    first = decided([completed("a", 3)], None, now=NOW - timedelta(minutes=2))
    second = decided([completed("a", 3), completed("b", 1)], first.position)
    third = decided([completed("a", 3), completed("b", 1)], second.position)

    assert ids(second) == ["b"]
    assert ids(third) == []


def test_an_end_that_is_shown_late_is_still_reported() -> None:
    position = Position(NOW - timedelta(minutes=1), frozenset({"b"}))

    decision = decided([completed("late", 2.5), completed("b", 1)], position)

    assert ids(decision) == ["late"]


def test_our_own_job_instances_are_left_to_their_runs() -> None:
    decision = decided([completed("a", 2), completed("b", 1)], Position(NOW - DAY / 2), ours={"a"})

    assert ids(decision) == ["b"]


def test_after_a_long_stop_old_completions_are_counted_and_not_reported() -> None:
    instances = [
        completed("old", 60 * 30),
        completed("older than the position", 60 * 24 * 40),
        completed("new", 5),
    ]

    decision = decided(instances, Position(NOW - timedelta(days=30)))

    assert ids(decision) == ["new"]
    assert decision.skipped == 1


def test_more_than_a_tick_takes_is_reported_in_the_next_ones() -> None:
    instances = [completed(f"j{n}", 100 - n * 20) for n in range(5)]
    position, reported = Position(NOW - DAY / 2), []
    for _ in range(4):
        decision = decided(instances, position, at_most=2)
        position = decision.position
        reported.append(ids(decision))

    assert reported == [["j0", "j1"], ["j2", "j3"], ["j4"], []]


def test_a_completion_without_end_time_is_reported_once() -> None:
    first = decided([completed("a", None)], Position(NOW - timedelta(hours=1)))
    second = decided([completed("a", None)], first.position)

    assert (ids(first), ids(second)) == (["a"], [])


def test_what_is_remembered_stays_small() -> None:
    instances = [completed(f"j{n}", 100 - n) for n in range(100)]

    decision = decided(instances, Position(NOW - DAY / 2))

    assert len(decision.report) == 100
    assert decision.position.seen == {f"j{n}" for n in range(89, 100)}


def test_the_cursor_survives_being_stored() -> None:
    cursor = Cursor({"DimX": Position(NOW, frozenset({"a", "b"}))}, next_item=7)

    assert Cursor.from_text(cursor.to_text()) == cursor
    assert Cursor.from_text(None) == Cursor({})


@pytest.mark.parametrize("text", ["nonsense", "[]", "{}", '{"positions.1": {"a": {}}, "next": 0}'])
def test_a_broken_cursor_is_an_error_that_says_how_to_mend_it(text: str) -> None:
    with pytest.raises(dg.DagsterInvalidInvocationError, match="Reset it"):
        Cursor.from_text(text)


def test_a_list_from_a_moment_on_moves_on_without_completions() -> None:
    position = Position(NOW - timedelta(hours=20), frozenset({"old"}))

    decision = decided([completed("a", 3)], position, listed_until=NOW)
    again = decided([completed("a", 3), completed("late", 2)], decision.position, listed_until=NOW)

    assert (ids(decision), ids(again)) == (["a"], ["late"])
    assert decision.position == Position(NOW, frozenset({"a"}))


def test_a_list_of_which_something_is_left_is_asked_for_again() -> None:
    position = Position(NOW - timedelta(hours=20))

    decision = decided([completed("a", 900), completed("b", 800)], position, at_most=1, listed_until=NOW)

    assert decision.position.until == NOW - timedelta(minutes=900)
