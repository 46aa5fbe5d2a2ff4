"""A Dagster instance as ``deploy/dagster.yaml`` describes it, on PostgreSQL, with run workers on several machines."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
import yaml

from fabric_assets.local import serve_in_thread
from tests.crash.place import HoldingClock, Place
from tests.deploy.postgres_server import PostgresServer

ROOT = Path(__file__).parents[2]
DAGSTER_YAML = ROOT / "deploy" / "dagster.yaml"
TEMPLATE = "fabric_assets_template"


class Deployment(Place):
    """Processes share nothing but the database and Fabric, if they are on different machines."""

    def worker_on(self, machine: str, job: str, *commands: str) -> subprocess.Popen[bytes]:
        """Start a run worker; the locks of a machine lie in its folder for temporary files."""
        return self.process_on(machine, "tests.deploy.run_worker", job, *commands)

    def process_on(self, machine: str, module: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start ``python -m module`` in a process group of its own."""
        temporary = self.folder / machine
        temporary.mkdir(exist_ok=True)
        with self.log.open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=ROOT,
                env={
                    **os.environ,
                    **self.settings,
                    "DAGSTER_HOME": str(self.folder),
                    "TMPDIR": str(temporary),
                },
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._workers.append(process)
        return process

    def pids(self, run: dg.DagsterRun) -> list[int]:
        """Of the run workers that were started for a run."""
        logs = self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
        events = [entry.dagster_event for entry in logs if entry.dagster_event]
        found = (re.search(r"in one process \(pid: (\d+)\)", entry.message or "") for entry in events)
        return [int(match[1]) for match in found if match]

    def failures(self, asset: str) -> str:
        """Why the asset failed, in all runs."""
        logs = [
            entry
            for run in self.runs()
            for entry in self.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
            if entry.step_key == asset
        ]
        events = [entry.dagster_event.step_failure_data.error for entry in logs if entry.dagster_event]
        return "\n".join(error.to_string() for error in events if error)

    def times(self) -> list[tuple[str, str]]:
        """Start and end of each job instance by the service's clock, in the order of their starts."""
        items = f"{self.fabric.url}/workspaces/{self.fabric.workspace_id}/items"
        with httpx.Client(headers={"Authorization": f"Bearer {self.fabric.token}"}) as api:
            found = [
                api.get(f"{items}/{started.item_id}/jobs/instances/{started.id}").raise_for_status().json()
                for started in self.fabric.started
            ]
        return sorted((each["startTimeUtc"], each["endTimeUtc"]) for each in found)

    def owners(self) -> dict[str, str]:
        """The asset that each job instance was started for."""
        return {started.id: str(started.parameters["asset"]) for started in self.fabric.started}


def settings(**changes: Any) -> dict[str, Any]:
    """The settings of ``deploy/dagster.yaml``, but runs are launched as processes of the code server."""
    found: dict[str, Any] = yaml.safe_load(DAGSTER_YAML.read_text())
    del found["run_launcher"]
    for name, change in changes.items():
        found[name] = {**found[name], **change}
    return found


@contextmanager
def prepared(server: PostgresServer) -> Iterator[PostgresServer]:
    """Dagster's tables, made once."""
    server.create_database(TEMPLATE)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment(TEMPLATE).items():
            patch.setenv(name, value)
        overrides = {"storage": settings()["storage"]}
        with dg.instance_for_test(overrides=overrides) as instance:
            instance.get_runs_count()
    yield server


@contextmanager
def deployment(
    server: PostgresServer,
    folder: Path,
    *,
    notebooks: Sequence[str],
    job_instances: Sequence[Mapping[str, Any]] = (),
    **changes: Any,
) -> Iterator[Deployment]:
    """A database of its own, a simulated local Fabric, and a Dagster instance.

    Args:
        server: where the database is created.
        folder: an empty one.
        notebooks: names.
        job_instances: what becomes of them, as in the script of a simulation.
        **changes: of single values in ``deploy/dagster.yaml``, by section.
    """
    database = folder.name
    server.create_database(database, TEMPLATE)
    home = folder / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text(yaml.safe_dump(settings(**changes)))
    script = {"notebooks": list(notebooks), "job_instances": list(job_instances)}
    clock = HoldingClock()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment(database).items():
            patch.setenv(name, value)
        with (
            serve_in_thread(folder / "service", script=script, clock=clock) as fabric,
            dg.DagsterInstance.from_config(str(home)) as instance,
        ):
            place = Deployment(fabric, clock, home, instance)
            try:
                yield place
            finally:
                place.end_workers()
