"""Dagster's UI as ``make dev`` starts it, on a free port and with folders of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from fabric_assets import local
from fabric_assets.local.home import DEFAULT_WORKSPACE, LocalHome
from fabric_assets.local.process import stop

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 180
_END_SECONDS = 20
_POLL_SECONDS = 0.25
_SETTINGS = "{telemetry: {enabled: false}, nux: {enabled: false}}"  # nux: the welcome dialog
_ENDED = ("SUCCESS", "FAILURE", "CANCELED")


def wait_for(what: str, reached: Callable[[], bool]) -> None:
    """Poll until it is so; fail at the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not reached():
        assert time.monotonic() < deadline, f"after {DEADLINE_SECONDS} s still not: {what}"
        time.sleep(_POLL_SECONDS)


@dataclass(frozen=True)
class DagsterServer:
    """A running ``dagster dev`` and the folder of the local Fabric that its assets use."""

    url: str
    dagster_home: Path
    fabric_home: LocalHome
    output: Path
    process: subprocess.Popen[bytes]

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """The data that the server answers, as it would the UI."""
        answer = httpx.post(
            f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=DEADLINE_SECONDS
        ).json()
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    def run_ids(self) -> list[str]:
        """All runs, the newest first."""
        data = self.graphql("{ runsOrError { ... on Runs { results { id } } } }")
        return [run["id"] for run in data["runsOrError"]["results"]]

    def launch(self, job: str) -> str:
        """Launch a job of the one code location; returns the run's id."""
        wait_for("the code location is loaded", lambda: len(self._repositories()) == 1)
        [repository] = self._repositories()
        selector = {
            "repositoryLocationName": repository["location"]["name"],
            "repositoryName": repository["name"],
            "jobName": job,
        }
        data = self.graphql(
            """mutation Launch($params: ExecutionParams!) { launchRun(executionParams: $params) {
                 ... on LaunchRunSuccess { run { id } } ... on PythonError { message } } }""",
            params={"selector": selector, "runConfigData": {}},
        )
        return str(data["launchRun"]["run"]["id"])

    def reexecute_from_failure(self, run_id: str) -> str:
        """What the button of this name does; returns the new run's id."""
        data = self.graphql(
            """mutation Reexecute($params: ReexecutionParams!) { launchRunReexecution(reexecutionParams: $params) {
                 __typename ... on LaunchRunSuccess { run { id } } ... on PythonError { message } } }""",
            params={"parentRunId": run_id, "strategy": "FROM_FAILURE"},
        )
        return str(data["launchRunReexecution"]["run"]["id"])

    def terminate(self, run_id: str, *, force: bool = False) -> None:
        """What the button of this name does; ``force`` marks the run as canceled whatever becomes of its processes."""
        policy = "MARK_AS_CANCELED_IMMEDIATELY" if force else "SAFE_TERMINATE"
        data = self.graphql(
            """mutation Terminate($run: String!, $policy: TerminateRunPolicy!) {
                 terminateRun(runId: $run, terminatePolicy: $policy) {
                 __typename ... on TerminateRunFailure { message } ... on PythonError { message } } }""",
            run=run_id,
            policy=policy,
        )
        assert data["terminateRun"]["__typename"] == "TerminateRunSuccess", data

    def kill(self) -> None:
        """End every process of it at once, by ``kill -9``."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def wait_for_new_run(self, known: list[str]) -> str:
        """The id of the run that was launched after ``known`` was read."""
        wait_for("a run is launched", lambda: len(self.run_ids()) > len(known))
        return self.run_ids()[0]

    def wait_for_end(self, run_id: str) -> str:
        """The status of a run when it has ended."""
        wait_for(f"run {run_id} has ended", lambda: self.status(run_id) in _ENDED)
        return self.status(run_id)

    def events(self, run_id: str) -> list[dict[str, Any]]:
        """All events and log messages of a run, with their metadata and errors."""
        data = self.graphql(
            """query Events($run: ID!) { logsForRun(runId: $run) { ... on EventConnection { events {
                 __typename
                 ... on MessageEvent { message stepKey }
                 ... on MaterializationEvent { metadataEntries {
                   label
                   ... on TextMetadataEntry { text }
                   ... on UrlMetadataEntry { url }
                   ... on IntMetadataEntry { intValue }
                   ... on JsonMetadataEntry { jsonString }
                 } }
                 ... on ErrorEvent { error { message stack causes { message } } }
               } } } }""",
            run=run_id,
        )
        events: list[dict[str, Any]] = data["logsForRun"]["events"]
        return events

    def failures(self, run_id: str) -> str:
        """Why a run failed, for messages of tests."""
        errors = [
            (event.get("stepKey"), event["error"]) for event in self.events(run_id) if event.get("error")
        ]
        return "\n".join(
            f"{step}: {'; '.join(e['message'] for e in [error, *error['causes']])}" for step, error in errors
        )

    def fabric(self) -> local.LocalFabric:
        """The local Fabric, which the first materialization has started."""
        running = local.find_running(self.fabric_home.root)
        assert running is not None, f"no local Fabric runs on {self.fabric_home.root}"
        return running

    def job_instances(self, notebook: str) -> list[dict[str, Any]]:
        """A notebook's job instances, as the local Fabric's API lists them."""
        fabric = self.fabric()
        items = f"{fabric.url}/workspaces/{fabric.workspace_id}/items"
        with httpx.Client(headers={"Authorization": f"Bearer {fabric.token}"}) as api:
            listed = api.get(items, params={"type": "Notebook"}).raise_for_status().json()["value"]
            [item] = [entry for entry in listed if entry["displayName"] == notebook]
            answer = api.get(f"{items}/{item['id']}/jobs/instances").raise_for_status().json()
        job_instances: list[dict[str, Any]] = answer["value"]
        return job_instances

    def notebook_source(self, notebook: str) -> Path:
        """The file with a notebook's cells."""
        folder = self.fabric_home.workspaces / DEFAULT_WORKSPACE / f"{notebook}.Notebook"
        return folder / "notebook-content.py"

    def _repositories(self) -> list[dict[str, Any]]:
        data = self.graphql(
            "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"
        )
        repositories: list[dict[str, Any]] = data["repositoriesOrError"]["nodes"]
        return repositories

    def status(self, run_id: str) -> str:
        """The status of a run."""
        data = self.graphql(
            "query Status($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }", run=run_id
        )
        return str(data["runOrError"]["status"])


@contextmanager
def dagster_dev(
    folder: Path, *options: str, project: Path = ROOT, environment: Mapping[str, str] | None = None
) -> Iterator[DagsterServer]:
    """Start ``dagster dev`` in a project; afterwards nothing of it runs, nor its local Fabric.

    Args:
        folder: where it keeps everything, from one start to the next.
        *options: of the command, to load something else than the project.
        project: where it is started.
        environment: further variables.
    """
    port, dagster_home, fabric_home = _free_port(), folder / "dagster", LocalHome(folder / "fabric")
    log = folder / "dagster_dev.log"
    dagster_home.mkdir(exist_ok=True)
    (dagster_home / "dagster.yaml").write_text(_SETTINGS)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*(sys.executable, "-m", "dagster", "dev", "--host", "127.0.0.1", "--port", str(port)), *options],
            cwd=project,
            env={**_environment(dagster_home, fabric_home), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = DagsterServer(f"http://127.0.0.1:{port}", dagster_home, fabric_home, log, process)
    try:
        wait_for("Dagster's UI answers", lambda: _ready(server))
        yield server
    finally:
        _end(process)
        stop(fabric_home.root)


def _environment(dagster_home: Path, fabric_home: LocalHome) -> dict[str, str]:
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("DAGSTER", "FABRIC"))
    }
    return {
        **inherited,
        "DAGSTER_HOME": str(dagster_home),
        "FABRIC_LOCAL_HOME": str(fabric_home.root),
    }


def _ready(server: DagsterServer) -> bool:
    if server.process.poll() is not None:
        raise AssertionError(
            f"dagster dev ended (exit code {server.process.returncode}):\n{server.output.read_text()}"
        )
    try:
        return httpx.get(f"{server.url}/server_info").is_success
    except httpx.TransportError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(timeout=_END_SECONDS)
    with suppress(ProcessLookupError):  # its code servers and run workers end by themselves, but later
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
