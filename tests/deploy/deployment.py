"""A Dagster instance as ``deploy/dagster.yaml`` describes it, on PostgreSQL, with run workers on several machines."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
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

    def worker_on(self, machine: str, *commands: str) -> subprocess.Popen[bytes]:
        """Start a run worker; the locks of a machine lie in its folder for temporary files."""
        return self.process_on(machine, "tests.deploy.run_worker", *commands)

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
