"""A job instance that is taken over: its messages go on where they were, and nothing is lost or told twice."""

import json
import threading
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster_pipes import PipesContext

from fabric_assets import fabric_executor
from fabric_assets.local.script import Fault
from fabric_assets.pipes.notes import Note, PipesNotes
from tests.pipes.conftest import Studio, log_lines, talk, wait_for

LOST_AT_ONCE = Fault("GET", "*/instances/*", status=403, times=1)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def lines(instance: dg.DagsterInstance) -> list[str]:
    """What all runs' logs say, oldest first."""
    runs = reversed(instance.get_runs())
    return [line for run in runs for line in log_lines(instance, run.run_id)]


def said(instance: dg.DagsterInstance) -> list[str]:
    return [line for line in lines(instance) if line.startswith("line ")]


def taken_over(instance: dg.DagsterInstance) -> bool:
    return any("takes over" in line for line in lines(instance))


def execute(
    studio: Studio, asset: dg.AssetsDefinition, instance: dg.DagsterInstance, of: dg.DagsterRun | None = None
) -> dg.DagsterRun:
    """Run the asset, or re-execute a run of it from its failure."""
    job = dg.Definitions(
        assets=[asset],
        resources={"fabric": studio.resource()},
        jobs=[dg.define_asset_job("all_of_it")],
        executor=fabric_executor,
    ).resolve_job_def("all_of_it")
    again = {} if of is None else {"parent_run_id": of.run_id, "root_run_id": of.run_id}
    tags = {"dagster/is_resume_retry": "true"} if of is not None else None
    run = instance.create_run_for_job(job, tags=tags, **again)
    execute_run(InMemoryJob(job), run, instance)
    finished = instance.get_run_by_id(run.run_id)
    assert finished is not None
    return finished


def materialized(instance: dg.DagsterInstance) -> dict[str, object]:
    event = instance.get_latest_materialization_event(dg.AssetKey("Talk"))
    assert event is not None
    assert event.asset_materialization is not None
    return {key: value.value for key, value in event.asset_materialization.metadata.items()}


def test_in_the_same_run_each_line_is_told_once(studio: Studio, instance: dg.DagsterInstance) -> None:
    def speak(pipes: PipesContext) -> None:
        pipes.report_asset_materialization({"rows": 7})
        pipes.log.info("line 1")
        studio.fabric.add_fault(LOST_AT_ONCE)
        wait_for(lambda: taken_over(instance))
        pipes.log.info("line 2")
        pipes.close()

    studio.engine.speak = speak
    run = execute(studio, talk(retry=1, retry_interval_seconds=0.1), instance)

    assert run.is_success
    assert said(instance) == ["line 1", "line 2"]
    assert materialized(instance)["rows"] == 7
    assert len(studio.fabric.started) == 1
    assert not list(studio.folder.iterdir())


def test_in_a_re_execution_the_new_log_has_all_lines(studio: Studio, instance: dg.DagsterInstance) -> None:
    lost = threading.Event()

    def speak(pipes: PipesContext) -> None:
        pipes.report_asset_materialization({"rows": 7})
        pipes.log.info("line 1")
        studio.fabric.add_fault(LOST_AT_ONCE)
        assert lost.wait(60)
        pipes.log.info("line 2")
        pipes.close()

    studio.engine.speak = speak
    first = execute(studio, talk(), instance)
    lost.set()
    second = execute(studio, talk(), instance, of=first)

    assert (first.is_failure, second.is_success) == (True, True)
    assert said(instance) == ["line 1", "line 1", "line 2"]
    assert materialized(instance)["rows"] == 7
    assert len(studio.fabric.started) == 1


def test_a_job_instance_that_failed_meanwhile_leaves_its_lines_and_not_its_results(
    studio: Studio, instance: dg.DagsterInstance
) -> None:
    lost = threading.Event()

    def speak(pipes: PipesContext) -> None:
        attempt = len(studio.engine.parameters)
        pipes.log.info(f"line of {attempt}")
        pipes.report_asset_materialization({"attempt": attempt, f"only of {attempt}": True})
        if attempt == 1:
            studio.fabric.add_fault(LOST_AT_ONCE)
            assert lost.wait(60)
            raise RuntimeError("meanwhile")
        pipes.close()

    studio.engine.speak = speak
    first = execute(studio, talk(), instance)
    lost.set()
    wait_for(lambda: studio.statuses() == ["Failed"])
    second = execute(studio, talk(), instance, of=first)

    assert second.is_success
    assert len(studio.fabric.started) == 2
    assert said(instance) == ["line of 1", "line of 1", "line of 2"]
    told = materialized(instance)
    assert told["attempt"] == 2
    assert "only of 1" not in told


def test_what_an_interrupted_run_left_behind_is_removed_by_the_next_attempt(
    studio: Studio, instance: dg.DagsterInstance
) -> None:
    first = instance.create_run_for_job(
        dg.Definitions(
            assets=[talk()], resources={"fabric": studio.resource()}
        ).resolve_implicit_global_asset_job_def()
    )
    PipesNotes(instance, first, dg.AssetKey("Talk"), None).write(Note("left", first.run_id, 3))
    studio.folder.mkdir(parents=True)
    (studio.folder / "left").write_text(json.dumps({"method": "log", "params": {"message": "line 0"}}))

    assert execute(studio, talk(), instance, of=first).is_success
    assert said(instance) == []
    assert not list(studio.folder.iterdir())
