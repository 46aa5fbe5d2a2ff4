"""Run workers on several machines, with nothing in common but Fabric and Dagster's PostgreSQL."""

import subprocess
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from fabric_assets.local.script import Fault
from tests.crash.place import DEADLINE_SECONDS
from tests.deploy.deployment import Deployment, deployment
from tests.deploy.postgres_server import PostgresServer
from tests.deploy.worker_definitions import PATIENCE_VARIABLE, POOLED, SHARED, SIDES

START = "*/jobs/instances[?]jobType=*"


SHARED_IS_HELD = {"notebook": SHARED, "run_seconds": 3600}


@pytest.mark.parametrize(
    ("machines", "lost", "patience_seconds"),
    [
        # The lock of a machine makes one start wait for the other, so nobody needs time to make a claim.
        pytest.param(("here", "here"), 2, "4", id="one machine, both answers lost"),
        pytest.param(("here", "there"), 1, "20", id="two machines, one answer lost"),
    ],
)
def test_two_workers_on_one_notebook_keep_their_own_job_instances(
    server: PostgresServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    machines: tuple[str, str],
    lost: int,
    patience_seconds: str,
) -> None:
    monkeypatch.setenv(PATIENCE_VARIABLE, patience_seconds)
    with deployment(server, tmp_path, notebooks=[SHARED], job_instances=[SHARED_IS_HELD]) as place:
        place.fabric.add_fault(Fault("POST", START, drop="after", times=lost))
        workers = start_both(place, *machines)
        place.wait_for("both running", lambda: all("started job" in place.lines(side) for side in SIDES))
        assert place.statuses() == ["InProgress"] * 2
        place.release()

        assert end(workers) == [0, 0]
        assert {name: side for side in SIDES for name in place.materialized(side)} == place.owners()
        assert place.statuses() == ["Completed"] * 2
        assert place.posts() == 2


def test_two_machines_that_both_lose_the_answer_take_nothing_that_may_be_the_others(
    server: PostgresServer, tmp_path: Path
) -> None:
    with deployment(server, tmp_path, notebooks=[SHARED]) as place:
        place.fabric.add_fault(Fault("POST", START, drop="after", times=2))
        end(start_both(place, "here", "there"))

        assert place.posts() == len(place.owners()) == 2
        for side in SIDES:
            # On a machine so busy that one came when the other had been served, each knows its own.
            if not (place.materialized(side) and place.owners()[str(*place.materialized(side))] == side):
                assert place.materialized(side) == []
                assert "several could be it" in place.failures(side)
                assert all(job_instance_id in place.failures(side) for job_instance_id in place.owners())


def test_a_pool_of_one_lets_one_job_instance_through_at_a_time_whoever_runs_it(
    server: PostgresServer, tmp_path: Path
) -> None:
    script = [{"run_seconds": 0.3}]
    with deployment(server, tmp_path, notebooks=POOLED, job_instances=script) as place:
        # No limit is set for the pool: it has the default one of dagster.yaml.
        workers = [place.worker_on(side, f"{side}_pooled", "start") for side in SIDES]

        assert end(workers) == [0, 0]
        times = place.times()
        assert len(times) == len(SIDES) * len(POOLED)
        assert [each for each in pairwise(times) if each[0][1] > each[1][0]] == []
        left, right = place.instance.get_run_records()
        assert left.start_time is not None
        assert right.start_time is not None
        assert max(left.start_time, right.start_time) < min(left.end_time or 0, right.end_time or 0)


def start_both(place: Deployment, *machines: str) -> list[subprocess.Popen[bytes]]:
    """A run worker for each side, at the same moment."""
    return [
        place.worker_on(machine, "load", f"start:{side}")
        for machine, side in zip(machines, SIDES, strict=True)
    ]


def end(workers: Iterable[subprocess.Popen[bytes]]) -> list[int]:
    return [worker.wait(DEADLINE_SECONDS) for worker in workers]
