"""Speaking notebooks under Dagster's executors: many at once, and when their run is terminated."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import dagster as dg
import pytest
from dagster_pipes import PipesContext

from fabric_assets import fabric_executor, notebook_asset
from fabric_assets.pipes.settings import PipesFiles
from tests.executor.running import run
from tests.pipes.conftest import Studio, wait_for

AT_ONCE = 12
DEADLINE_SECONDS = 90
DEFINITIONS = Path(__file__).parent / "termination_definitions.py"


def test_many_notebooks_speak_at_once_and_each_asset_hears_its_own(studio: Studio) -> None:
    all_there = threading.Barrier(AT_ONCE)

    def speak(pipes: PipesContext) -> None:
        all_there.wait(60)
        pipes.log.info(f"line of {pipes.asset_key}")
        pipes.report_asset_materialization({"mine": pipes.asset_key})
        pipes.close()

    studio.engine.speak = speak
    names = [f"Talk{number}" for number in range(AT_ONCE)]
    with dg.instance_for_test() as instance:
        job = dg.Definitions(
            assets=[
                notebook_asset(name, notebook="Talk", retry=0, pipes=PipesFiles(lakehouse="Curated"))
                for name in names
            ],
            resources={"fabric": studio.resource()},
            jobs=[dg.define_asset_job("all_of_it")],
            executor=fabric_executor,
        ).resolve_job_def("all_of_it")
        ran = run(instance, job)

    materializations = [
        e.asset_materialization for e in ran.events(dg.DagsterEventType.ASSET_MATERIALIZATION)
    ]
    told = {m.asset_key.to_user_string(): m.metadata["mine"].value for m in materializations if m}
    assert told == {name: name for name in names}
    lines = [(e.step_key, e.user_message) for e in ran.entries if e.user_message.startswith("line of")]
    assert sorted(lines) == sorted((name, f"line of {name}") for name in names)


@pytest.mark.parametrize("executor", ["in_process", "one_process"])
def test_terminating_a_run_cancels_the_job_instance_and_ends_the_reading(
    studio: Studio, tmp_path: Path, executor: str
) -> None:
    cancelled = threading.Event()

    def speak(pipes: PipesContext) -> None:
        pipes.log.info("in the middle of it")
        cancelled.wait(DEADLINE_SECONDS)

    studio.engine.speak = speak
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster", "job", "execute", "-f", str(DEFINITIONS), "-j", "load"],
        env={
            **os.environ,
            "DAGSTER_HOME": str(home),
            "FABRIC_WORKSPACE_ID": studio.fabric.workspace_id,
            "FABRIC_API_URL": studio.fabric.url,
            "FABRIC_ACCESS_TOKEN": studio.fabric.token,
            "FABRIC_LOCAL_HOME": str(studio.home),
            "EXECUTOR": executor,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for(lambda: studio.statuses() == ["InProgress"], DEADLINE_SECONDS)
        wait_for(lambda: studio.folder.exists() and any(studio.folder.iterdir()))
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=DEADLINE_SECONDS)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        cancelled.set()

    assert studio.statuses() == ["Cancelled"]
    assert process.returncode != 0
    assert output.count("asked Fabric to cancel job instance") == 1, output
    assert output.count("in the middle of it") == 1, output
