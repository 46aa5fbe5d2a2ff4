"""Killed at any boundary, by kill -9: what comes after takes over the job instance, and starts no other."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest

from tests.crash.crash_definitions import (
    AFTER_MATERIALIZATION,
    BEFORE_INTENT,
    BEFORE_MATERIALIZATION,
    BEFORE_POST,
    BOUNDARIES,
    RUNNING,
)
from tests.crash.place import DEADLINE_SECONDS, HELD, Place, crash_place
from tests.crash.run_worker import execute

STARTED_BEFORE_THE_CRASH = [name for name in BOUNDARIES if name not in (BEFORE_INTENT, BEFORE_POST)]

ALL_STEPS_IN_ONE_PROCESS = ("in_process", "one_process")


def kill_and_recover(place: Place, executor: str) -> None:
    """All boundaries under one executor: in one run where steps have processes of their own, else in one run each."""
    if executor in ALL_STEPS_IN_ONE_PROCESS:
        kill_run_workers(place, executor)
    elif executor.endswith("_with_retries"):
        worker = place.run_worker(executor, "start", killing=True)
        take_over(place)
        worker.wait(DEADLINE_SECONDS)
        return
    else:
        place.run_worker(executor, "start", killing=True).wait(DEADLINE_SECONDS)
    place.mark_dead_runs_failed()
    assert sorted(marker.name for marker in place.markers.iterdir()) == sorted(BOUNDARIES)
    assert [place.statuses(name) for name in HELD] == [["InProgress"]] * len(HELD)
    # One run after the other: what still runs comes first.
    failed = sorted(place.runs(), key=lambda run: dg.AssetKey(RUNNING) not in (run.asset_selection or ()))
    recovering = place.run_worker(executor, *(f"from_failure:{run.run_id}" for run in failed))
    if executor in ALL_STEPS_IN_ONE_PROCESS:
        place.wait_for("taken over", lambda: "takes over" in place.lines(RUNNING))
        place.release()
    else:
        take_over(place)
    recovering.wait(DEADLINE_SECONDS)


def kill_run_workers(place: Place, executor: str) -> None:
    workers = [place.run_worker(executor, f"start:{name}", killing=True) for name in BOUNDARIES]
    assert [worker.wait(DEADLINE_SECONDS) for worker in workers] == [-signal.SIGKILL] * len(workers)


def take_over(place: Place) -> None:
    place.wait_for("taken over", lambda: all("takes over" in place.lines(name) for name in HELD))
    place.release()


@pytest.fixture(
    scope="module", params=["in_process", "multiprocess", "one_process", "multiprocess_with_retries"]
)
def executor(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def place(executor: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with crash_place(tmp_path_factory.mktemp(executor)) as place:
        kill_and_recover(place, executor)
        yield place


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_what_comes_after_a_kill_starts_nothing_twice(place: Place, boundary: str) -> None:
    assert len(place.started(boundary)) == 1
    assert place.statuses(boundary) == ["Completed"]
    # Where the first materialization was stored, but not that its step succeeded, the second one repeats it.
    times = 2 if boundary == AFTER_MATERIALIZATION else 1
    assert place.materialized(boundary) == place.started(boundary) * times
    said = f"takes over job instance {place.started(boundary)[0]}"
    assert (said in place.lines(boundary)) == (boundary in STARTED_BEFORE_THE_CRASH)


def test_dagster_repeats_the_step_of_a_killed_process_only_if_the_job_says_so(
    place: Place, executor: str
) -> None:
    killed = [run for run in place.runs() if run.parent_run_id is None]
    ends = {
        "in_process": [],  # nobody was left to note it
        "one_process": [],
        "multiprocess_with_retries": [
            dg.DagsterEventType.STEP_UP_FOR_RETRY,
            dg.DagsterEventType.STEP_SUCCESS,
        ],
    }.get(executor, [dg.DagsterEventType.STEP_FAILURE])
    assert [place.step_events(run, name) for run in killed for name in selected(run)] == [ends] * len(
        BOUNDARIES
    )
    success = executor == "multiprocess_with_retries"
    assert {run.is_success for run in killed} == {success}
    assert {run.is_success for run in place.runs() if run not in killed} == (set() if success else {True})
    if executor not in ALL_STEPS_IN_ONE_PROCESS:
        (run,) = killed
        assert "was terminated by signal 9 (SIGKILL)" in place.engine_messages(run, RUNNING)


def selected(run: dg.DagsterRun) -> list[str]:
    return [key.to_user_string() for key in run.asset_selection or map(dg.AssetKey, BOUNDARIES)]


@pytest.mark.parametrize("survives", [False, True], ids=["everything", "all but its step's process"])
def test_a_run_that_is_killed_while_its_notebook_runs_is_taken_over(tmp_path: Path, survives: bool) -> None:
    with crash_place(tmp_path) as place:
        worker = place.run_worker("multiprocess", f"start:{RUNNING}")
        place.wait_for("running", lambda: "is InProgress" in place.lines(RUNNING))
        processes = psutil.Process(worker.pid).children(recursive=True)
        (os.kill if survives else os.killpg)(worker.pid, signal.SIGKILL)
        worker.wait(DEADLINE_SECONDS)
        (dead,) = place.mark_dead_runs_failed()

        recovering = place.run_worker("in_process", f"from_failure:{dead.run_id}")
        place.wait_for("taken over", lambda: "takes over" in place.lines(RUNNING))
        assert place.statuses() == ["InProgress"]
        place.release()
        recovering.wait(DEADLINE_SECONDS)

        gone, left = psutil.wait_procs(processes, timeout=DEADLINE_SECONDS)
        assert gone
        assert not left
        assert place.statuses() == ["Completed"]
        # A step's process that outlives its run worker notes what it saw, too.
        assert place.materialized(RUNNING) == place.started(RUNNING) * (2 if survives else 1)


def test_what_is_materialized_on_purpose_starts_a_job_instance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset = BEFORE_MATERIALIZATION
    with crash_place(tmp_path) as place:
        for name, value in place.settings.items():
            monkeypatch.setenv(name, value)

        def execute_and_count(command: str) -> int:
            execute(place.instance, "in_process", command)
            newest = place.runs()[-1]
            assert newest.is_success
            assert place.materialized(asset)[-1] in place.started(asset)
            return len(place.started(asset))

        place.run_worker("in_process", f"start:{asset}", killing=True).wait(DEADLINE_SECONDS)
        (dead,) = place.mark_dead_runs_failed()

        assert execute_and_count(f"start:{asset}") == 2
        assert execute_and_count(f"from_failure:{dead.run_id}") == 2
        recovered = place.runs()[-1]
        assert place.materialized(asset) == [place.started(asset)[1], place.started(asset)[0]]
        assert execute_and_count(f"all_steps:{recovered.run_id}") == 3
        assert execute_and_count(f"all_steps:{dead.run_id}") == 4
        assert place.statuses() == ["Completed"] * 4
