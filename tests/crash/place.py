"""A local Fabric and a Dagster instance on which run workers are killed, and what became of the assets."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import httpx

from fabric_assets.local import ServedFabric, serve_in_thread
from tests.crash.crash_definitions import AFTER_NOTE, AFTER_POST, BOUNDARIES, MARKERS_VARIABLE, RUNNING

DEADLINE_SECONDS = 120
HELD = (AFTER_POST, AFTER_NOTE, RUNNING)
"""Notebooks that run until ``Place.release``; the others complete at once."""
STEP_EVENTS = {
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_UP_FOR_RETRY,
    dg.DagsterEventType.STEP_SUCCESS,
}


class HoldingClock:
    """The machine's clock; what waits for it can be let go early."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def time_ns(self) -> int:
        return time.time_ns()

    async def sleep_until(self, time_ns: int) -> None:
        # The event comes from another thread.
        while self.time_ns() < time_ns and not self.released.is_set():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@dataclass
class Place:
    fabric: ServedFabric
    clock: HoldingClock
    folder: Path
    instance: dg.DagsterInstance
    _workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, str]:
        """The environment variables that lead to the local Fabric."""
        return {
            "FABRIC_WORKSPACE_ID": self.fabric.workspace_id,
            "FABRIC_API_URL": self.fabric.url,
            "FABRIC_ACCESS_TOKEN": self.fabric.token,
        }

    def run_worker(self, job: str, *commands: str, killing: bool = False) -> subprocess.Popen[bytes]:
        """Start a run worker in a process group of its own."""
        environment = {**os.environ, **self.settings, "DAGSTER_HOME": str(self.folder)}
        if killing:
            environment[MARKERS_VARIABLE] = str(self.markers)
        with self.log.open("a") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.run_worker", job, *commands],
                cwd=Path(__file__).parents[2],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=log,
                start_new_session=True,
            )
        self._workers.append(worker)
        return worker

    @property
    def markers(self) -> Path:
        return self.folder / "markers"

    @property
    def log(self) -> Path:
        """What the run workers wrote."""
        return self.folder / "stderr.log"

    def release(self) -> None:
        """Let every notebook come to its end."""
        self.clock.released.set()

    def runs(self) -> list[dg.DagsterRun]:
        """All runs, oldest first."""
        return list(reversed(self.instance.get_runs()))

    def mark_dead_runs_failed(self) -> list[dg.DagsterRun]:
        """What Dagster's run monitoring does when it finds that a run's worker is gone."""
        dead = [run for run in self.runs() if not run.is_finished]
        for run in dead:
            self.instance.report_run_failed(run)
        return dead

    def lines(self, asset: str) -> str:
        """What job control logged for an asset, in all runs."""
        logs = [entry for run in self.runs() for entry in self.instance.all_logs(run.run_id)]
        return "\n".join(e.user_message for e in logs if e.step_key == asset and e.dagster_event is None)

    def step_events(self, run: dg.DagsterRun, asset: str) -> list[dg.DagsterEventType]:
        """How the step's attempts ended."""
        logs = self.instance.all_logs(run.run_id, of_type=STEP_EVENTS)
        return [e.dagster_event_type for e in logs if e.step_key == asset and e.dagster_event_type]

    def engine_messages(self, run: dg.DagsterRun, asset: str) -> str:
        logs = self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
        return "\n".join(e.user_message for e in logs if e.step_key == asset)

    def started(self, asset: str) -> list[str]:
        """The job instances that were started for an asset, oldest first."""
        return [job_instance.id for job_instance in self.fabric.started if job_instance.item_name == asset]

    def posts(self) -> int:
        """How many starts were sent, for all assets."""
        return sum(request.path.endswith("jobType=RunNotebook") for request in self.fabric.requests)

    def materialized(self, asset: str) -> list[object]:
        """The job instances that the asset's materializations name, oldest first."""
        records = self.instance.fetch_materializations(dg.AssetKey(asset), limit=100).records
        materializations = [r.asset_materialization for r in reversed(records) if r.asset_materialization]
        return [m.metadata["fabric/job_instance_id"].value for m in materializations]

    def statuses(self, asset: str | None = None) -> list[str]:
        """The statuses of the job instances that were started."""
        with httpx.Client(
            base_url=self.fabric.url, headers={"Authorization": f"Bearer {self.fabric.token}"}
        ) as api:
            return [
                api.get(
                    f"/workspaces/{self.fabric.workspace_id}/items/{started.item_id}/jobs/instances/{started.id}"
                ).json()["status"]
                for started in self.fabric.started
                if asset in (None, started.item_name)
            ]

    def wait_for(self, what: str, reached: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not reached():
            assert time.monotonic() < deadline, f"never {what}: {self.log.read_text()}"
            time.sleep(0.1)

    def end_workers(self) -> None:
        for worker in self._workers:
            with suppress(ProcessLookupError):
                os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()


@contextmanager
def crash_place(
    folder: Path, notebooks: Sequence[str] = BOUNDARIES, held: Sequence[str] = HELD
) -> Iterator[Place]:
    """A local Fabric with notebooks, one for each boundary or those given, and a Dagster instance."""
    script = {
        "notebooks": list(notebooks),
        "job_instances": [{"notebook": name, "run_seconds": 3600} for name in held],
    }
    home = folder / "dagster"
    (home / "markers").mkdir(parents=True)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    clock = HoldingClock()
    with (
        serve_in_thread(folder / "service", script=script, clock=clock) as fabric,
        dg.DagsterInstance.from_config(str(home)) as instance,
    ):
        place = Place(fabric, clock, home, instance)
        try:
            yield place
        finally:
            place.end_workers()
