"""The shipped pipelines launch a Dagster job and wait for its end, against a real ``dagster-webserver``."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from fabric_assets.local import ServedFabric, serve_in_thread
from tests.pipeline_walk import KEY_VAULT_TOKEN, RUN_ID, ActivityFailedError, PipelineWalk

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "web-activity"
SHIPPED = ["pipeline-content.json", "adf-pipeline.json"]
DEADLINE_SECONDS = 180
# Launched at once: the run queue is the daemon's, which does not run here.
SETTINGS = """
telemetry: {enabled: false}
run_coordinator: {module: dagster.core.run_coordinator, class: DefaultRunCoordinator}
"""
SCRIPT: dict[str, Any] = {
    "notebooks": [
        "LoadSales",
        "AquaVilla_LoadDimCalendar",
        "AquaVilla_LoadDimCustomer",
        "AquaVilla_LoadDimEmployee",
    ],
    "job_instances": [
        {
            "notebook": "LoadSales",
            "nth": 2,
            "status": "Failed",
            "failure_reason": {"errorCode": "Boom", "message": "no such table"},
        },
        {"run_seconds": 0.3},
    ],
}


@dataclass(frozen=True)
class Webserver:
    url: str
    fabric: ServedFabric

    def run(self, run_id: str) -> dict[str, Any]:
        """A run's job, status and tags, as the UI reads them."""
        query = "query($run: ID!) { runOrError(runId: $run) { ... on Run { status jobName tags { key value } } } }"
        answer = httpx.post(
            f"{self.url}/graphql", json={"query": query, "variables": {"run": run_id}}, timeout=60
        )
        run = dict(answer.json()["data"]["runOrError"])
        return {**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}}


@pytest.fixture(scope="module")
def webserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webserver]:
    folder = tmp_path_factory.mktemp("webserver")
    (folder / "home").mkdir()
    (folder / "home" / "dagster.yaml").write_text(SETTINGS)
    (folder / "workspace.yaml").write_text(
        "load_from:\n"
        "  - python_module: {module_name: fabric_assets.definitions, location_name: fabric_assets}\n"
        "  - python_module: {module_name: tests.web_activity_definitions, location_name: months}\n"
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port)]
    log = folder / "webserver.log"
    with serve_in_thread(folder / "fabric", script=SCRIPT) as fabric, log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "-w", str(folder / "workspace.yaml")],
            cwd=ROOT,
            env={
                **{k: v for k, v in os.environ.items() if not k.startswith(("DAGSTER", "FABRIC"))},
                "DAGSTER_HOME": str(folder / "home"),
                "FABRIC_WORKSPACE_ID": fabric.workspace_id,
                "FABRIC_API_URL": fabric.url,
                "FABRIC_ACCESS_TOKEN": fabric.token,
            },
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        url = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + DEADLINE_SECONDS
            while not _answers(url):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.25)
            yield Webserver(url, fabric)
        finally:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/server_info").is_success
    except httpx.TransportError:
        return False


def walk(name: str, server: Webserver, **parameters: Any) -> PipelineWalk:
    """One run of a shipped pipeline, which is not started yet."""
    definition = json.loads((EXAMPLES / name).read_text())
    return PipelineWalk(
        definition, {"dagster_url": server.url, "poll_seconds": 0.2, **parameters}, server.url
    )


def launched(pipeline: PipelineWalk) -> str:
    return str(pipeline.outputs["Launch run"]["data"]["launchRun"]["run"]["runId"])


def test_a_job_of_the_project_is_launched_with_run_config_and_waited_for(webserver: Webserver) -> None:
    config = {"ops": {name: {"config": {"recreate": True}} for name in ("DimCustomer", "DimEmployee")}}
    pipeline = walk("adf-pipeline.json", webserver, run_config=config)

    pipeline.run()

    run = webserver.run(launched(pipeline))
    assert (run["jobName"], run["status"]) == ("load_dimensions", "SUCCESS")
    assert (run["tags"]["launched_by/pipeline"], run["tags"]["launched_by/pipeline_run"]) == (
        "Launch_Dagster",
        RUN_ID,
    )
    assert "dagster/partition" not in run["tags"]
    recreated = [job.parameters["recreate"] for job in webserver.fabric.started if job.parameters]
    assert recreated.count(True) == 2


def test_a_partition_is_launched_and_a_failed_run_fails_the_pipeline_with_a_link(
    webserver: Webserver,
) -> None:
    job = {"code_location": "months", "job": "load_month"}
    first = walk("pipeline-content.json", webserver, **job, partition="2026-01")
    first.run()
    run = webserver.run(launched(first))
    assert (run["status"], run["tags"]["dagster/partition"]) == ("SUCCESS", "2026-01")

    second = walk("adf-pipeline.json", webserver, **job, partition="2026-02")
    with pytest.raises(ActivityFailedError) as failed:
        second.run()

    link = f"{webserver.url}/runs/{launched(second)}"
    assert (str(failed.value), failed.value.error_code) == (
        f"The run of the job load_month ended as FAILURE: {link}",
        "FAILURE",
    )
    months = [s.parameters["month"] for s in webserver.fabric.started if "month" in s.parameters]
    assert months == ["2026-01", "2026-02"]


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        pytest.param({"job": "no_such_job"}, "no_such_job", id="unknown-job"),
        pytest.param({"run_config": {"ops": {"Nope": {}}}}, "Nope", id="run-config-that-does-not-fit"),
        pytest.param({"code_location": "elsewhere"}, "elsewhere", id="unknown-code-location"),
    ],
)
def test_what_dagster_does_not_launch_fails_the_pipeline_with_its_reason(
    webserver: Webserver, name: str, parameters: dict[str, Any], words: str
) -> None:
    with pytest.raises(ActivityFailedError) as failed:
        walk(name, webserver, **parameters).run()

    assert failed.value.error_code == "NotLaunched"
    assert str(failed.value).startswith("Dagster did not launch the job ")
    assert words in str(failed.value)


def test_data_factory_sends_the_token_of_the_key_vault_and_shows_it_nowhere(webserver: Webserver) -> None:
    pipeline = walk("adf-pipeline.json", webserver, job="no_such_job")

    with pytest.raises(ActivityFailedError):
        pipeline.run()

    assert [r.headers["Dagster-Cloud-Api-Token"] for r in pipeline.sent] == [KEY_VAULT_TOKEN]


@pytest.mark.parametrize("name", SHIPPED)
def test_a_start_is_never_repeated_and_a_read_is(name: str) -> None:
    def retries(activities: list[dict[str, Any]]) -> dict[str, int]:
        found: dict[str, int] = {}
        for activity in activities:
            found |= retries(activity["typeProperties"].get("activities", []))
            if activity["type"] == "WebActivity":
                found[activity["name"]] = activity["policy"]["retry"]
        return found

    known = retries(json.loads((EXAMPLES / name).read_text())["properties"]["activities"])

    assert known["Launch run"] == 0
    assert known["Read run"] > 0
