"""The public executor: its defaults, its config, and the executors that it can stand for."""

import asyncio
from typing import Any

import dagster as dg
import pytest

# Not public: what the executors of Dagster's packages are.
from dagster._core.executor.step_delegating import StepDelegatingExecutor

from fabric_assets.executor import fabric_executor
from tests.executor.running import Ran, run


@dg.asset
async def waits() -> int:
    await asyncio.sleep(0)
    return 1


@dg.asset_check(asset=waits)
async def check(waits: int) -> dg.AssetCheckResult:
    await asyncio.sleep(0)
    return dg.AssetCheckResult(passed=waits == 1)


def job_with(executor: dg.ExecutorDefinition) -> dg.JobDefinition:
    definitions = dg.Definitions(
        assets=[waits], asset_checks=[check], jobs=[dg.define_asset_job("all_of_it")], executor=executor
    )
    return definitions.resolve_job_def("all_of_it")


def rebuildable() -> dg.JobDefinition:
    return job_with(fabric_executor)


def how(ran: Ran) -> str:
    """What the executor said of itself."""
    engine_events = ran.events(dg.DagsterEventType.ENGINE_EVENT)
    return engine_events[0].message if engine_events else ran.entries[-1].message


def configured(instance: dg.DagsterInstance, config: Any) -> Ran:
    return run(instance, rebuildable(), run_config={"execution": {"config": config}})


def test_without_config_all_steps_run_in_one_process(instance: dg.DagsterInstance) -> None:
    ran = run(instance, rebuildable())

    assert ran.status == dg.DagsterRunStatus.SUCCESS
    assert "Executing 2 steps in one process" in how(ran)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        pytest.param({"one_process": {}}, "steps in one process", id="one process"),
        pytest.param({"one_process": {"max_concurrent": 1, "max_threads": 1}}, "in one process", id="limits"),
        pytest.param({"one_process": {"retries": {"disabled": {}}}}, "in one process", id="no retries"),
        pytest.param({"in_process": {}}, "Executing steps in process", id="in process"),
    ],
)
def test_a_run_can_choose_another_way(instance: dg.DagsterInstance, config: Any, said: str) -> None:
    ran = configured(instance, config)

    assert ran.status == dg.DagsterRunStatus.SUCCESS
    assert said in how(ran)


def test_a_run_can_choose_processes(instance: dg.DagsterInstance) -> None:
    job = dg.build_reconstructable_job("tests.executor.test_definition", "rebuildable")
    config = {"execution": {"config": {"multiprocess": {}}}}

    with dg.execute_job(job, instance, run_config=config) as result:
        ran = Ran(instance, result.run_id)

    assert ran.status == dg.DagsterRunStatus.SUCCESS
    assert "using multiprocess executor" in how(ran)


def test_processes_need_a_job_that_can_be_rebuilt(instance: dg.DagsterInstance) -> None:
    ran = configured(instance, {"multiprocess": {}})

    assert ran.status == dg.DagsterRunStatus.FAILURE
    assert "is not reconstructable" in str(ran.events(dg.DagsterEventType.RUN_FAILURE))


def test_limits_below_one_are_refused(instance: dg.DagsterInstance) -> None:
    ran = configured(instance, {"one_process": {"max_threads": 0}})

    assert ran.status == dg.DagsterRunStatus.FAILURE
    assert "max_threads must be at least 1, it is 0" in str(ran.events(dg.DagsterEventType.RUN_FAILURE))


@pytest.mark.parametrize("config", [{"celery": {}}, {"one_process": {"max_processes": 1}}, {}])
def test_what_is_not_there_is_refused(config: Any) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError):
        dg.validate_run_config(rebuildable(), {"execution": {"config": config}})


def test_it_can_be_configured_in_code(instance: dg.DagsterInstance) -> None:
    ran = run(instance, job_with(fabric_executor.configured({"in_process": {}}, name="slow")))

    assert "Executing steps in process" in how(ran)


def test_where_dagster_brings_its_own_executor_the_same_assets_run() -> None:
    assert dg.materialize([waits]).success
    assert rebuildable().execute_in_process().success


def test_executors_of_installed_packages_can_be_chosen(instance: dg.DagsterInstance) -> None:
    made = create(instance, fabric_executor, {"docker": {"image": "mine", "retries": {"disabled": {}}}})

    assert isinstance(made, StepDelegatingExecutor)
    assert made.retries.disabled


def test_the_config_of_an_installed_package_is_checked(instance: dg.DagsterInstance) -> None:
    with pytest.raises(dg.DagsterError, match="Error in the config of fabric_executor for docker"):
        create(instance, fabric_executor, {"docker": {"picture": "mine"}})


def create(instance: dg.DagsterInstance, executor: dg.ExecutorDefinition, config: Any) -> dg.Executor:
    reconstructable = dg.build_reconstructable_job("tests.executor.test_definition", "rebuildable")
    make = executor.executor_creation_fn
    assert make is not None
    return make(dg.InitExecutorContext(reconstructable, executor, config, instance))
