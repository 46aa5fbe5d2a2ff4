"""Run workers on several machines, with nothing in common but Fabric and Dagster's PostgreSQL."""

import os
import signal
import subprocess
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from fabric_assets.local.script import Fault
from tests.crash.place import DEADLINE_SECONDS
from tests.deploy.deployment import Deployment, deployment
from tests.deploy.postgres_server import PostgresServer
from tests.deploy.worker_definitions import HELD, POOL, POOLED, SHARED, SIDES, pooled

START = "*/jobs/instances[?]jobType=*"
ONE_MACHINE, TWO_MACHINES = ("here", "here"), ("here", "there")


def end(workers: Iterable[subprocess.Popen[bytes]]) -> list[int]:
    return [worker.wait(DEADLINE_SECONDS) for worker in workers]


@pytest.mark.parametrize(
    ("machines", "lost"),
    [
        pytest.param(ONE_MACHINE, ["before", "after"], id="one machine, one start and one answer lost"),
        pytest.param(TWO_MACHINES, ["after"], id="two machines, one answer lost"),
    ],
)
def test_two_workers_on_one_notebook_keep_their_own_job_instances(
    server: PostgresServer, tmp_path: Path, machines: tuple[str, str], lost: list[str]
) -> None:
    held = [{"notebook": SHARED, "run_seconds": 3600}]
    with deployment(server, tmp_path, notebooks=[SHARED], job_instances=held) as place:
        for drop in lost:
            place.fabric.add_fault(Fault("POST", START, drop=drop))
        workers = [
            place.worker_on(machine, f"start:{side}")
            for machine, side in zip(machines, SIDES, strict=True)
        ]
        place.wait_for("both running", lambda: all("started job" in place.lines(side) for side in SIDES))
        assert place.statuses() == ["InProgress"] * 2
        place.release()

        assert end(workers) == [0, 0]
        assert {name: side for side in SIDES for name in place.materialized(side)} == place.owners()
        assert place.statuses() == ["Completed"] * 2
        assert place.posts() == 2 + lost.count("before")
