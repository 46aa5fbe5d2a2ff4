"""Code server and daemon with ``deploy/``'s own settings: what they do when a run worker is killed."""

import os
import signal
import socket
from pathlib import Path

import pytest
import yaml

from tests.deploy.deployment import ROOT, Deployment, deployment
from tests.deploy.postgres_server import PostgresServer
from tests.deploy.worker_definitions import HELD

pytestmark = pytest.mark.timeout(300)  # four processes that import Dagster, on a machine that may be busy

HELD_NOTEBOOK = {"notebook": HELD, "run_seconds": 3600}
QUICK = {
    "run_queue": {"dequeue_interval_seconds": 1},
    "run_monitoring": {"poll_interval_seconds": 1, "free_slots_after_run_end_seconds": 1},
}
"""Changes of nothing but how often the daemon looks."""


def test_a_run_whose_worker_is_killed_is_run_again_and_takes_its_job_instance_and_its_pool_over(
    server: PostgresServer, tmp_path: Path
) -> None:
    with deployment(server, tmp_path, notebooks=[HELD], job_instances=[HELD_NOTEBOOK], **QUICK) as place:
        workspace = serve(place, "tests.deploy.worker_definitions")
        place.process_on("here", "dagster._daemon", "run", "--workspace", workspace)
        launch = place.process_on(
            "here", "dagster", "job", "launch", "--workspace", workspace, "--job", "load_held"
        )
        place.wait_for("running", lambda: "is InProgress" in place.lines(HELD))
        assert launch.wait() == 0
        (killed,) = place.runs()
        (pid,) = place.pids(killed)

        os.kill(pid, signal.SIGKILL)
        place.wait_for("taken over", lambda: "takes over" in place.lines(HELD))
        assert place.statuses() == ["InProgress"]
        place.release()
        place.wait_for("ended", lambda: all(run.is_finished for run in place.runs()))

        killed, again = place.runs()
        assert (killed.is_failure, again.is_success) == (True, True)
        assert (again.parent_run_id, again.tags["dagster/is_resume_retry"]) == (killed.run_id, "true")
        assert place.materialized(HELD) == place.started(HELD)
        assert place.posts() == 1


def serve(place: Deployment, module: str) -> str:
    """Start a code server; returns the path of a ``workspace.yaml`` as that of ``deploy/`` that leads to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = ("--host", "127.0.0.1", "--port", str(port))
    place.process_on("here", "dagster", "api", "grpc", "--module-name", module, *address)
    place.wait_for("serving", lambda: _accepts(port))
    found = yaml.safe_load((ROOT / "deploy" / "workspace.yaml").read_text())
    (entry,) = found["load_from"]
    entry["grpc_server"] |= {"host": "127.0.0.1", "port": port}
    path = place.folder / "workspace.yaml"
    path.write_text(yaml.safe_dump(found))
    return str(path)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
