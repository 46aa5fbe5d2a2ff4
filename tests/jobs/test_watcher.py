"""How many calls it takes to see the ends of many job instances, counted at the service."""

import asyncio
import gc
import logging
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from fabric_assets.client.compute import ComputeSettings
from fabric_assets.jobs.call_budget import CallBudget
from fabric_assets.jobs.job import JobOutcome
from fabric_assets.jobs.watcher import wait_seconds
from fabric_assets.local import ServedFabric
from fabric_assets.local.script import Fault
from tests.conftest import Simulate
from tests.faults.harness import LIMITS, in_background, run_job, run_jobs, wait_for

WATCHED = replace(LIMITS, poll_seconds=0.1)


def calls(fabric: ServedFabric) -> Counter[str]:
    """The service's calls by kind."""
    kinds: Counter[str] = Counter()
    for request in fabric.requests:
        path = request.path.partition("?")[0]
        if request.method == "POST":
            kinds["start"] += 1
        elif path.lower().endswith("/livysessions"):
            kinds["session list"] += 1
        elif path.endswith("/jobs/instances"):
            kinds["list of one notebook"] += 1
        elif "/jobs/execute/" in path:
            kinds["read of an end"] += 1
        elif "/jobs/instances/" in path:
            kinds["read"] += 1
    return kinds


def names(count: int) -> list[str]:
    return [f"Load{number:02}" for number in range(count)]


def test_many_notebooks_cost_their_start_and_one_read(simulate: Simulate) -> None:
    fabric = simulate(notebooks=names(20), job_instances=[{"run_seconds": [0.5, 2.5], "exit_value": "7"}])

    outcomes = asyncio.run(run_jobs(fabric, [{"notebook": n} for n in names(20)], limits=WATCHED))

    assert {outcome.exit_value for outcome in outcomes} == {"7"}
    seen = calls(fabric)
    assert (seen["start"], seen["read of an end"]) == (20, 20)
    # The first one may be looked at before there is a second one.
    assert seen["read"] <= 2


def test_partitions_that_no_session_shows_are_seen_in_their_notebooks_list(simulate: Simulate) -> None:
    fabric = simulate(
        notebooks=names(1),
        job_instances=[{"run_seconds": [0.8, 2.5]}],
        faults=[{"method": "GET", "path": "*/livysessions*", "status": 403, "times": None}],
    )

    outcomes = asyncio.run(run_jobs(fabric, [{"notebook": names(1)[0]}] * 12, limits=WATCHED))

    assert {outcome.job_instance.status for outcome in outcomes} == {"Completed"}
    seen = calls(fabric)
    assert seen["session list"] == 1, "a list that was refused is not asked for again"
    assert seen["list of one notebook"] > 0
    # Those that no list has shown yet are read one by one.
    assert seen["read"] < 40
    assert seen["read of an end"] == 12


def test_without_any_list_single_reads_find_the_ends(simulate: Simulate) -> None:
    refused = {"method": "GET", "status": 403, "times": None}
    fabric = simulate(
        notebooks=names(4),
        job_instances=[{"run_seconds": [0.2, 1.0]}],
        faults=[{**refused, "path": "*/livysessions*"}, {**refused, "path": "*/jobs/instances"}],
    )

    outcomes = asyncio.run(run_jobs(fabric, [{"notebook": n} for n in names(4)], limits=WATCHED))

    assert {outcome.job_instance.status for outcome in outcomes} == {"Completed"}


def test_an_expected_duration_places_the_reads(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["LoadDimX"], job_instances=[{"run_seconds": 1.0}])

    asyncio.run(run_job(fabric, limits=replace(LIMITS, poll_seconds=0.05), expected_seconds=1.0))
    with_history = calls(fabric)["read"]
    asyncio.run(run_job(fabric, limits=replace(LIMITS, poll_seconds=0.05)))
    without = calls(fabric)["read"] - with_history

    assert with_history * 2 < without


def test_the_quota_is_kept_whatever_must_be_read(simulate: Simulate) -> None:
    fabric = simulate(notebooks=names(20), job_instances=[{"run_seconds": 0.3}])
    minute_seconds, quota = 3.0, 15
    # Two calls for each of them are more than the quota of two "minutes".
    budget = CallBudget(quota, minute_seconds=minute_seconds)

    asyncio.run(run_jobs(fabric, [{"notebook": n} for n in names(20)], limits=WATCHED, budget=budget))

    made = sorted(request.time_ns / 1e9 for request in fabric.requests if "/jobs/" in request.path)
    assert len(made) >= 40
    assert min(later - earlier for earlier, later in zip(made, made[quota:], strict=False)) >= minute_seconds


def listed_as(fabric: ServedFabric, state: object, **fault: Any) -> Fault:
    """A list of sessions that shows every job instance in one state, whatever has become of it."""
    sessions = [
        {"livyId": started.id, "jobInstanceId": started.id, "state": state} for started in fabric.started
    ]
    fault = {"times": None, "body": {"value": sessions}, **fault}
    return Fault(method="GET", path="*/livysessions*", status=200, **fault)


async def watch_under_a_wrong_list(fabric: ServedFabric, state: object, **job: Any) -> list[JobOutcome]:
    def show_wrongly() -> None:
        wait_for("started", lambda: len(fabric.started) == 2)
        fabric.add_fault(listed_as(fabric, state))

    in_background(show_wrongly)
    # A list that is believed hides an end for a minute.
    async with asyncio.timeout(50):
        return await run_jobs(fabric, [{"notebook": n, **job} for n in names(2)], limits=WATCHED)


def test_a_session_that_is_shared_does_not_hide_the_end_of_its_notebooks(simulate: Simulate) -> None:
    fabric = simulate(notebooks=names(2), job_instances=[{"run_seconds": 1.0}])

    outcomes = asyncio.run(
        watch_under_a_wrong_list(fabric, "InProgress", compute=ComputeSettings(share_session=True))
    )

    assert {outcome.job_instance.status for outcome in outcomes} == {"Completed"}


def test_a_list_that_shows_an_end_too_early_is_asked_about_ever_more_seldom(simulate: Simulate) -> None:
    fabric = simulate(notebooks=names(2), job_instances=[{"run_seconds": 4.0}])

    outcomes = asyncio.run(watch_under_a_wrong_list(fabric, "Succeeded"))

    assert {outcome.job_instance.status for outcome in outcomes} == {"Completed"}
    # In 4 seconds there are some 50 lists. The waits double: 0.1, 0.2, ..., 3.2 s.
    assert calls(fabric)["read of an end"] <= 2 * 8


def test_an_odd_list_leaves_the_watching_to_single_reads(
    simulate: Simulate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    fabric = simulate(notebooks=names(2), job_instances=[{"run_seconds": 1.0}])

    outcomes = asyncio.run(watch_under_a_wrong_list(fabric, {"name": "Succeeded"}))

    gc.collect()
    assert {outcome.job_instance.status for outcome in outcomes} == {"Completed"}
    assert "never retrieved" not in caplog.text
    assert "no hints from the list of sessions" in caplog.text


def test_a_session_that_appears_late_is_still_watched_by_the_list(simulate: Simulate) -> None:
    empty = {"method": "GET", "path": "*/livysessions*", "status": 200, "body": {"value": []}, "times": 8}
    fabric = simulate(notebooks=names(6), job_instances=[{"run_seconds": 4.0}], faults=[empty])

    asyncio.run(run_jobs(fabric, [{"notebook": n} for n in names(6)], limits=WATCHED))

    lists = [r for r in fabric.requests if r.path.lower().partition("?")[0].endswith("/livysessions")]
    shown_at = min(request.time_ns for request in lists if not request.fault)
    reads = [r for r in fabric.requests if r.method == "GET" and "/jobs/instances/" in r.path]
    # Each of them may just have been on its way.
    assert len([request for request in reads if request.time_ns > shown_at]) <= 2 * 6
    assert calls(fabric)["read of an end"] == 6


@pytest.mark.parametrize(
    ("elapsed", "expected", "wait"),
    [
        pytest.param(0, None, 5, id="at first"),
        pytest.param(100, None, 10, id="a tenth of what has passed"),
        pytest.param(7200, None, 30, id="never longer than half a minute"),
        pytest.param(0, 20, 20, id="at the expected end"),
        pytest.param(18, 20, 5, id="just before it"),
        pytest.param(0, 3600, 30, id="an early failure is seen, too"),
        pytest.param(25, 20, 5, id="often after it"),
        pytest.param(220, 20, 20, id="then in a tenth of what has passed since"),
    ],
)
def test_waits_between_looks(elapsed: float, expected: float | None, wait: float) -> None:
    assert wait_seconds(elapsed, expected, 5) == wait
