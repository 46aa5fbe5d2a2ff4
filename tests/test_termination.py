"""Terminating a run cancels its job instances in Fabric, under every executor.

Dagster's launchers terminate a run by interrupting its worker process (SIGINT), so that is what is sent here.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from fabric_assets.local import ServedFabric
from fabric_assets.local.script import Fault
from tests.conftest import Simulate
from tests.faults.harness import CANCEL, READ, in_background

DEADLINE_SECONDS = 90
DEFINITIONS = Path(__file__).parent / "termination_definitions.py"


def wait_for(what: str, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not reached():
        assert time.monotonic() < deadline, f"never {what}"
        time.sleep(0.05)


@contextmanager
def run_worker(
    fabric: ServedFabric, home: Path, *, job: str = "load", **environment: str
) -> Iterator[subprocess.Popen[str]]:
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster", "job", "execute", "-f", str(DEFINITIONS), "-j", job],
        env={
            **os.environ,
            "DAGSTER_HOME": str(home),
            "FABRIC_WORKSPACE_ID": fabric.workspace_id,
            "FABRIC_API_URL": fabric.url,
            "FABRIC_ACCESS_TOKEN": fabric.token,
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def statuses(fabric: ServedFabric) -> list[str]:
    with httpx.Client(base_url=fabric.url, headers={"Authorization": f"Bearer {fabric.token}"}) as api:
        return [
            api.get(
                f"/workspaces/{fabric.workspace_id}/items/{started.item_id}/jobs/instances/{started.id}"
            ).json()["status"]
            for started in fabric.started
        ]


@pytest.mark.parametrize(
    ("executor", "at_once"), [("in_process", 1), ("multiprocess", 2), ("one_process", 2)]
)
def test_terminating_a_run_cancels_its_job_instances(
    simulate: Simulate, tmp_path: Path, executor: str, at_once: int
) -> None:
    fabric = simulate(notebooks=["Orders", "Customers"], job_instances=[{"never_ends": True}])

    with run_worker(fabric, tmp_path / "dagster", EXECUTOR=executor) as process:
        wait_for(
            "started", lambda: len(fabric.started) == at_once and statuses(fabric) == ["InProgress"] * at_once
        )
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=DEADLINE_SECONDS)

    assert statuses(fabric) == ["Cancelled"] * at_once
    assert process.returncode != 0
    assert output.count("asked Fabric to cancel job instance") == at_once, output
    assert fabric.token not in output


def test_a_job_instance_can_be_left_running(simulate: Simulate, tmp_path: Path) -> None:
    fabric = simulate(notebooks=["Orders", "Customers"], job_instances=[{"never_ends": True}])

    with run_worker(fabric, tmp_path / "dagster", EXECUTOR="in_process", KEEP_RUNNING="1") as process:
        wait_for("started", lambda: statuses(fabric) == ["InProgress"])
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=DEADLINE_SECONDS)

    assert statuses(fabric) == ["InProgress"]
    assert "is left running (cancel_on_terminate is off)" in output, output


@pytest.mark.parametrize("executor", ["in_process", "multiprocess", "one_process"])
@pytest.mark.parametrize(
    ("fault", "settings"),
    [
        pytest.param(
            Fault(method="GET", path=READ, skip=1, status=503, headers={"Retry-After": "3600"}),
            {},
            id="nobody could see it",
        ),
        pytest.param(
            Fault(method="POST", path=CANCEL, status=403),
            {"TIMEOUT_SECONDS": "0.5", "CANCEL_TIMEOUT_SECONDS": "5"},
            id="it could not be cancelled",
        ),
    ],
)
def test_what_may_still_run_is_cancelled_when_its_retry_will_never_come(
    simulate: Simulate, tmp_path: Path, executor: str, fault: Fault, settings: dict[str, str]
) -> None:
    fabric = simulate(notebooks=["Orders", "Customers"], job_instances=[{"never_ends": True}])
    fabric.add_fault(fault)
    lines: list[str] = []

    with run_worker(fabric, tmp_path / "dagster", job="retried", EXECUTOR=executor, **settings) as process:
        reader = in_background(lambda: lines.extend(process.stdout or ()))
        wait_for("waiting", lambda: any("The next attempt begins in 3600 s" in line for line in lines))
        assert statuses(fabric) == ["InProgress"]
        process.send_signal(signal.SIGINT)
        process.wait(timeout=DEADLINE_SECONDS)
        reader.join()

    assert statuses(fabric) == ["Cancelled"]
    assert process.returncode != 0
