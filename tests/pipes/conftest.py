"""A local Fabric whose notebooks are functions of the test: they speak with dagster-pipes, as real ones do."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
from dagster_pipes import (
    PipesContext,
    PipesDefaultContextLoader,
    PipesDefaultMessageWriter,
    PipesMappingParamsLoader,
    PipesMessageWriter,
)

from fabric_assets import FabricResource, notebook_asset
from fabric_assets.local import ServedFabric, serve_in_thread
from fabric_assets.local.execution import ExecutionError, ExecutionResult, NotebookExecution
from fabric_assets.pipes.settings import PARAMETER, PipesFiles
from tests.conftest import resource

Spoken = Callable[[PipesContext], str | None]
"""What a notebook does; returns its exit value, and fails by raising."""


@dataclass
class SpeakingEngine:
    """Executes every notebook by calling a function of the test in a thread."""

    speak: Spoken = lambda pipes: pipes.close()
    writer: Callable[[], PipesMessageWriter] = PipesDefaultMessageWriter
    parameters: list[dict[str, Any]] = field(default_factory=list)
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(20))

    async def execute(self, execution: NotebookExecution, on_started: Callable[[], None]) -> ExecutionResult:
        on_started()
        parameters = dict(execution.parameters)
        self.parameters.append(parameters)
        try:
            return ExecutionResult(
                exit_value=await asyncio.get_running_loop().run_in_executor(
                    self.threads, self._run, parameters
                )
            )
        except Exception as error:  # noqa: BLE001 -- whatever a test raises
            return ExecutionResult(error=ExecutionError("NotebookExecutionFailed", str(error)))

    def _run(self, parameters: dict[str, Any]) -> str | None:
        told = json.loads(parameters[PARAMETER])
        loader = PipesMappingParamsLoader(told)
        return self.speak(PipesContext(loader, PipesDefaultContextLoader(), self.writer()))

    async def aclose(self) -> None:
        self.threads.shutdown(wait=False)


@dataclass
class Studio:
    """A local Fabric with the lakehouse ``Curated`` and the notebook ``Talk``."""

    fabric: ServedFabric
    home: Path
    engine: SpeakingEngine

    @property
    def folder(self) -> Path:
        """Where messages are written."""
        return self.home / "onelake" / "Local" / "Curated.Lakehouse" / "Files" / ".dagster_pipes"

    @property
    def messages_file(self) -> Path:
        """The file that the latest job instance was told to write."""
        (file,) = self.folder.iterdir()
        return file

    def resource(self, **fields: Any) -> FabricResource:
        return resource(self.fabric, **{"local_home": str(self.home), **fields})

    def statuses(self) -> list[str]:
        """The statuses of the job instances that were started."""
        base = f"{self.fabric.url}/workspaces/{self.fabric.workspace_id}/items"
        with httpx.Client(headers={"Authorization": f"Bearer {self.fabric.token}"}) as api:
            return [
                api.get(f"{base}/{started.item_id}/jobs/instances/{started.id}").json()["status"]
                for started in self.fabric.started
            ]

    def materialize(
        self, *assets: dg.AssetsDefinition, instance: dg.DagsterInstance | None = None, **options: Any
    ) -> dg.ExecuteInProcessResult:
        """Materialize in this process; a failure is a result."""
        return dg.materialize(
            assets, resources={"fabric": self.resource()}, instance=instance, raise_on_error=False, **options
        )


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    home = tmp_path / "home"
    write_lakehouse(home, "Curated")
    write_notebook(home, "Talk", "pass")
    engine = SpeakingEngine()
    with ExitStack() as stack:
        yield Studio(stack.enter_context(serve_in_thread(home, engine=engine, max_kernels=20)), home, engine)


def talk(pipes: PipesFiles | bool = PipesFiles(lakehouse="Curated"), **options: Any) -> dg.AssetsDefinition:  # noqa: B008
    """An asset that is loaded by ``Talk``."""
    return notebook_asset("Talk", notebook="Talk", pipes=pipes, **{"retry": 0, **options})


def wait_for(reached: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def write_lakehouse(home: Path, name: str) -> None:
    folder = home / "workspaces" / "Local" / f"{name}.Lakehouse"
    folder.mkdir(parents=True)
    metadata = {"type": "Lakehouse", "displayName": name}
    config = {"version": "2.0", "logicalId": "b1f2a4d8-7f64-4c0e-8a57-2d6c3e9f5a10"}
    (folder / ".platform").write_text(json.dumps({"metadata": metadata, "config": config}))


def write_notebook(
    home: Path, name: str, *cells: str, kernel: str = "jupyter", lakehouse: str = "Curated"
) -> None:
    """Write a notebook; a cell that begins with ``#PARAMETERS`` is the parameters cell."""
    metadata = {
        "kernel_info": {"name": kernel},
        "dependencies": {"lakehouse": {"default_lakehouse_name": lakehouse}} if lakehouse else {},
    }
    entries = [
        {
            "cell_type": "code",
            "metadata": {"tags": ["parameters"]} if cell.startswith("#PARAMETERS") else {},
            "source": cell,
        }
        for cell in cells
    ]
    path = home / "workspaces" / "Local" / f"{name}.ipynb"
    path.write_text(json.dumps({"nbformat": 4, "metadata": metadata, "cells": entries}), encoding="utf-8")


def known(result: dg.ExecuteInProcessResult, node: str = "Talk") -> dict[str, Any]:
    """Metadata of the one materialization."""
    (event,) = result.asset_materializations_for_node(node)
    return {key: value.value for key, value in event.metadata.items()}


def log_lines(instance: dg.DagsterInstance, run_id: str, level: int | None = None) -> list[str]:
    """What the run's log says beside Dagster's events."""
    return [
        record.user_message
        for record in instance.all_logs(run_id)
        if record.dagster_event is None and level in (None, record.level)
    ]


def failed(result: dg.ExecuteInProcessResult, node: str = "Talk") -> dg.Failure | Any:
    """What the step's failure tells."""
    (event,) = [e for e in result.events_for_node(node) if e.is_step_failure]
    return event.step_failure_data.user_failure_data
