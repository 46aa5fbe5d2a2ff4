"""Assets of Azure Data Factory's pipelines, materialized against the simulated service over real HTTP."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import pytest

from fabric_assets import FabricResource, fixed, partition_key
from fabric_assets.client.auth import StaticToken, TokenSource
from fabric_assets.client.data_factory_client import DataFactoryClient
from fabric_assets.client.errors import FabricConfigError
from fabric_assets.data_factory.assets import adf_pipeline_asset
from fabric_assets.data_factory.resource import DataFactoryResource
from fabric_assets.jobs.data_factory import PORTAL_URL, DataFactoryControl, PipelineJob
from fabric_assets.jobs.job import JobLimits, JobOutcome
from fabric_assets.jobs.ledger import Attempt
from fabric_assets.local import ServedFabric
from tests.conftest import Simulate
from tests.data_factories import (
    FACTORIES,
    FACTORY,
    arm_url,
    data_factory,
    ingest,
    materialize,
    runs,
    start_outside_dagster,
)
from tests.faults.harness import LIMITS, MemoryLedger, Said

T = TypeVar("T")
DEADLINE_SECONDS = 90
DEFINITIONS = Path(__file__).parent / "data_factory_definitions.py"
CREATE = "*/createRun*"
# Lost answers are looked for in a quarter of the patience.
IMPATIENT = {"patience_seconds": 4.0}
VARIABLES = (
    "FABRIC_ADF_SUBSCRIPTION_ID",
    "FABRIC_ADF_RESOURCE_GROUP",
    "FABRIC_ADF_FACTORY",
    "FABRIC_ARM_URL",
    "FABRIC_ARM_ACCESS_TOKEN",
)


@pytest.fixture(autouse=True)
def _no_factory_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)


def metadata(result: dg.ExecuteInProcessResult) -> Mapping[str, Any]:
    (event,) = result.asset_materializations_for_node("Raw")
    return {key: value.value for key, value in event.metadata.items()}


def failure_of(result: dg.ExecuteInProcessResult) -> Any:
    """What the asset raised."""
    (event,) = [e for e in result.all_events if e.event_type_value == "STEP_FAILURE"]
    return event.step_failure_data.user_failure_data


def failure(result: dg.ExecuteInProcessResult) -> str:
    return failure_of(result).description or ""


def statuses(fabric: ServedFabric) -> list[str]:
    return [run["status"] for run in runs(fabric)]


def creations(fabric: ServedFabric) -> list[int | None]:
    return [request.status for request in fabric.requests if "/createRun" in request.path]


def control_of(
    fabric: ServedFabric,
    work: Callable[[DataFactoryControl], Awaitable[T]],
    *,
    tokens: TokenSource | None = None,
    portal_url: str | None = None,
    limits: JobLimits = LIMITS,
) -> T:
    async def run() -> T:
        token_source = tokens or StaticToken(fabric.token)
        async with DataFactoryClient(arm_url(fabric), token_source, FACTORY) as client:
            return await work(DataFactoryControl(client, portal_url=portal_url, limits=limits))

    return asyncio.run(run())


def job(**options: Any) -> PipelineJob:
    return PipelineJob(asset="Raw", pipeline="Ingest", **options)


# What the user sees


def test_a_run_that_succeeds_materializes_the_asset(simulate: Simulate) -> None:
    fabric = simulate(factories=FACTORIES, pipeline_runs=[{"queued_seconds": 0.1, "run_seconds": 0.2}])
    plain = {
        "source": "erp",
        "days": 3,
        "tables": ["orders", "items"],
        "options": {"full": True},
        "until": None,
    }
    arguments = {**plain, "files": fixed(["a.csv", "b.csv"])}

    result = materialize(ingest(arguments=arguments), fabric)

    known = metadata(result)
    (run,) = runs(fabric)
    assert run["parameters"] == {**plain, "files": ["a.csv", "b.csv"]}
    assert known["fabric/job_instance_id"] == known["adf/run_id"] == run["runId"]
    assert known["fabric/pipeline"] == "Ingest"
    assert (known["adf/factory"], known["adf/resource_group"]) == ("adf-sales", "rg-data")
    assert (known["adf/invoked_by"], known["adf/parameters"]) == ("Manual", run["parameters"])
    assert known["fabric/duration_seconds"] >= 0.2


def test_a_partition_is_an_argument_of_its_run(simulate: Simulate) -> None:
    fabric = simulate(factories=FACTORIES)
    months = dg.StaticPartitionsDefinition(["2026-01", "2026-02"])

    result = materialize(
        ingest(partitions_def=months, arguments={"month": partition_key()}), fabric, partition_key="2026-02"
    )

    assert result.success
    assert [run["parameters"] for run in runs(fabric)] == [{"month": "2026-02"}]


def test_links_open_the_pipeline_and_its_run_in_data_factory_studio(simulate: Simulate) -> None:
    fabric = simulate(factories=FACTORIES)

    async def work(control: DataFactoryControl) -> JobOutcome:
        return await control.run(job(), Said(), MemoryLedger())

    outcome = control_of(fabric, work, portal_url=PORTAL_URL)

    factory = FACTORY.resource_id.replace("/", "%2F")
    assert outcome.links == {
        "itemUrl": f"https://adf.azure.com/en/authoring/pipeline/Ingest?factory={factory}",
        "jobInstanceUrl": f"https://adf.azure.com/en/monitoring/pipelineruns/{outcome.job_instance.id}"
        f"?factory={factory}",
    }


def test_a_failure_names_the_activity_that_failed_first_and_its_reason(simulate: Simulate) -> None:
    activities = [
        {"name": "List files"},
        {
            "name": "Copy orders",
            "status": "Failed",
            "error": {"errorCode": "2200", "message": "no such blob"},
        },
        {
            "name": "For each",
            "type": "ForEach",
            "status": "Failed",
            "error": {"message": "an inner one failed"},
        },
    ]
    script = [{"status": "Failed", "activities": activities, "run_seconds": 0.1}]
    fabric = simulate(factories=FACTORIES, pipeline_runs=script)

    reason = failure_of(materialize(ingest(), fabric))
    text = reason.description or ""

    assert "pipeline 'Ingest' failed after" in text
    assert "activity 'Copy orders' (Copy) failed: no such blob (error code 2200)" in text
    assert reason.metadata["fabric/failed_activity"].value == "Copy orders"
    assert "in factory 'adf-sales' (resource group 'rg-data'" in text
    assert runs(fabric)[0]["runId"] in text


def test_a_failure_without_activities_has_the_runs_own_message(simulate: Simulate) -> None:
    script = [{"status": "Failed", "message": "the template is not valid"}]
    faults = [{"path": "*/queryActivityruns*", "status": 404, "times": None}]
    fabric = simulate(factories=FACTORIES, pipeline_runs=script, faults=faults)

    text = failure(materialize(ingest(), fabric))

    assert "the template is not valid (error code PipelineRunFailed)" in text


def test_a_failed_run_is_repeated_as_often_as_the_asset_says(simulate: Simulate) -> None:
    fabric = simulate(factories=FACTORIES, pipeline_runs=[{"nth": 1, "status": "Failed"}, {}])

    result = materialize(ingest(retry=1), fabric)

    assert metadata(result)["fabric/attempts"] == 2
    assert sorted(statuses(fabric)) == ["Failed", "Succeeded"]


def test_a_run_that_is_cancelled_elsewhere_fails_the_asset(simulate: Simulate) -> None:
    fabric = simulate(factories=FACTORIES, pipeline_runs=[{"status": "Cancelled"}])

    assert "pipeline 'Ingest' was cancelled in Azure Data Factory" in failure(materialize(ingest(), fabric))


def test_an_unknown_pipeline_is_refused_with_names_like_it(simulate: Simulate) -> None:
    fabric = simulate(factories=FACTORIES)

    text = failure(materialize(adf_pipeline_asset("Raw", pipeline="Ingest_Order", retry=3), fabric))

    assert "there is no pipeline 'Ingest_Order' in factory 'adf-sales'" in text
    assert "Nearest: 'Ingest_Orders', 'Ingest'." in text
    assert creations(fabric) == [404]


def test_a_refused_start_names_asset_and_pipeline(simulate: Simulate) -> None:
    body = {"error": {"code": "BadRequest", "message": "parameter 'day' is missing"}}
    fabric = simulate(factories=FACTORIES, faults=[{"path": CREATE, "status": 400, "body": body}])

    text = failure(materialize(ingest(), fabric))

    assert text.startswith("asset Raw: pipeline 'Ingest' of factory 'adf-sales'")
    assert "did not start: POST" in text
    assert "parameter 'day' is missing" in text


def test_an_unknown_factory_names_its_settings(simulate: Simulate) -> None:
    text = failure(materialize(ingest(), simulate()))

    assert "there is no factory 'adf-sales' (resource group 'rg-data'" in text
    assert "FABRIC_ADF_FACTORY" in text


def test_an_identity_without_rights_learns_which_role_it_needs_for_which_asset(simulate: Simulate) -> None:
    body = {"error": {"code": "AuthorizationFailed", "message": "The client has no authorization"}}
    faults = [{"path": CREATE, "status": 403, "body": body, "times": None}]
    fabric = simulate(factories=FACTORIES, faults=faults)

    text = failure(materialize(ingest(retry=3), fabric))

    assert text.startswith("asset Raw may not run pipeline 'Ingest' of factory 'adf-sales'")
    assert "the role 'Data Factory Contributor' on factory 'adf-sales'" in text
    assert creations(fabric) == [403]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"pipeline": " Ingest"}, "' Ingest' can be no name of a Data Factory pipeline"),
        ({"pipeline": "a/../b"}, "'a/../b' can be no name of a Data Factory pipeline"),
        ({"arguments": {"rate": float("nan")}}, "which JSON cannot carry"),
        ({"timeout_seconds": 0}, "timeout_seconds must be positive"),
        ({"table": "no.such.name.of.table"}, "is no name of a lakehouse table"),
    ],
)
def test_options_that_cannot_work_are_refused_when_the_asset_is_defined(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"asset Raw: .*") as refused:
        adf_pipeline_asset("Raw", **{"pipeline": "Ingest", **options})
    assert words in str(refused.value)


def test_a_table_that_cannot_be_read_is_a_warning(simulate: Simulate) -> None:
    fabric = simulate(factories=FACTORIES)

    result = dg.materialize(
        [ingest(table="Base.orders")],
        resources={
            "data_factory": data_factory(fabric),
            "fabric": FabricResource(
                workspace=fabric.workspace_id, api_url=fabric.url, access_token=fabric.token
            ),
        },
    )

    assert result.success
    assert metadata(result)["adf/factory"] == "adf-sales"


# Exactly one run, whatever goes wrong


def test_a_lost_answer_is_adopted_and_nothing_is_started_twice(simulate: Simulate) -> None:
    fabric = simulate(
        factories=FACTORIES,
        pipeline_runs=[{"run_seconds": 0.2}],
        faults=[{"path": CREATE, "drop": "after"}],
    )

    result = materialize(ingest(arguments={"day": 3}), fabric, fields=IMPATIENT)

    assert metadata(result)["adf/run_id"] == runs(fabric)[0]["runId"]
    assert creations(fabric) == [None]


def test_runs_of_triggers_and_of_other_parameters_are_not_adopted(simulate: Simulate) -> None:
    script = [
        {"nth": 2, "trigger": "Nightly", "never_ends": True},
        {"nth": 3, "never_ends": True},
        {"run_seconds": 0.2},
    ]
    fabric = simulate(
        factories=FACTORIES, pipeline_runs=script, faults=[{"path": CREATE, "drop": "after", "times": 1}]
    )

    async def work(control: DataFactoryControl) -> tuple[JobOutcome, list[str]]:
        others: list[str] = []

        def meanwhile(text: str, level: int = 0) -> None:
            if "not answered as it should" in text:
                others.append(start_outside_dagster(fabric, parameters={"day": 3}))
                others.append(start_outside_dagster(fabric, parameters={"day": 4}))

        return await control.run(job(parameters={"day": 3}), meanwhile, MemoryLedger()), others

    outcome, others = control_of(fabric, work)

    assert len(others) == 2
    assert outcome.job_instance.id not in others
    assert len(runs(fabric)) == 3


def test_a_start_that_never_arrived_is_sent_again(simulate: Simulate) -> None:
    fabric = simulate(factories=FACTORIES, faults=[{"path": CREATE, "status": 503}])

    assert materialize(ingest(), fabric, fields=IMPATIENT).success
    assert creations(fabric) == [503, 200]
    assert len(runs(fabric)) == 1


def test_throttling_is_waited_out(simulate: Simulate) -> None:
    headers = {"Retry-After": "0"}
    fabric = simulate(
        factories=FACTORIES,
        faults=[
            {"path": CREATE, "status": 429, "headers": headers, "times": 2},
            {"path": "*/pipelineruns/*", "status": 429, "headers": headers, "times": 2},
        ],
    )

    assert materialize(ingest(), fabric).success
    assert creations(fabric) == [429, 429, 200]


def test_an_expired_token_is_renewed(simulate: Simulate) -> None:
    fabric = simulate(
        factories=FACTORIES, pipeline_runs=[{"run_seconds": 2.5}], service={"token_seconds": 1.5}
    )

    class Renewed:
        token = fabric.token

        async def get_token(self, *, refused: str | None = None) -> str:
            if refused == self.token:
                self.token = fabric.new_token()
            return self.token

    async def work(control: DataFactoryControl) -> JobOutcome:
        return await control.run(job(), Said(), MemoryLedger())

    assert control_of(fabric, work, tokens=Renewed()).job_instance.status == "Completed"
    assert 401 in [request.status for request in fabric.requests]


@pytest.mark.parametrize("knows_id", [True, False], ids=["id-noted", "died-before-the-answer"])
def test_a_run_that_a_dead_process_started_is_taken_over(simulate: Simulate, knows_id: bool) -> None:
    fabric = simulate(factories=FACTORIES, pipeline_runs=[{"run_seconds": 0.5}])

    async def intended(control: DataFactoryControl) -> datetime:
        await control.client.list_pipelines()
        return control.client.service_now()

    # The service's clock has seconds.
    left_open = Attempt(control_of(fabric, intended) - timedelta(seconds=1))
    run_id = start_outside_dagster(fabric)
    ledger = MemoryLedger()
    ledger.attempts.append(replace(left_open, job_instance_id=run_id if knows_id else None))

    async def work(control: DataFactoryControl) -> JobOutcome:
        return await control.run(job(), Said(), ledger)

    assert control_of(fabric, work).job_instance.id == run_id
    assert creations(fabric) == [200]
    assert ledger.attempts[-1].status == "Completed"


def test_a_timeout_cancels_the_run_and_waits_until_it_is_cancelled(simulate: Simulate) -> None:
    fabric = simulate(
        factories=FACTORIES, pipeline_runs=[{"never_ends": True}], service={"cancel_seconds": 0.5}
    )

    text = failure(materialize(ingest(timeout_seconds=0.3), fabric))

    assert "did not end within 0.3 s; the job instance was cancelled" in text
    assert statuses(fabric) == ["Cancelled"]


def test_a_run_that_ended_just_before_its_timeout_is_no_failure(simulate: Simulate) -> None:
    # The cancel comes too late: how that is refused is not documented, so the run itself is asked.
    refusal = {"error": {"code": "BadRequest", "message": "too late"}}
    fabric = simulate(
        factories=FACTORIES,
        pipeline_runs=[{"run_seconds": 0.6}],
        faults=[{"path": "*/cancel*", "status": 400, "body": refusal, "delay_seconds": 1.0}],
    )

    assert materialize(ingest(timeout_seconds=0.4), fabric).success


def test_terminating_a_run_cancels_its_pipeline_run(simulate: Simulate, tmp_path: Path) -> None:
    fabric = simulate(factories=FACTORIES, pipeline_runs=[{"never_ends": True}])
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    settings = {
        "DAGSTER_HOME": str(tmp_path),
        "FABRIC_ADF_SUBSCRIPTION_ID": FACTORY.subscription_id,
        "FABRIC_ADF_RESOURCE_GROUP": FACTORY.resource_group,
        "FABRIC_ADF_FACTORY": FACTORY.name,
        "FABRIC_ARM_URL": arm_url(fabric),
        "FABRIC_ARM_ACCESS_TOKEN": fabric.token,
    }
    command = [sys.executable, "-m", "dagster", "job", "execute", "-f", str(DEFINITIONS), "-j", "load"]
    with subprocess.Popen(
        command,
        cwd=Path(__file__).parents[1],
        env={**os.environ, **settings},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while statuses(fabric) != ["InProgress"]:
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=DEADLINE_SECONDS)

    assert statuses(fabric) == ["Cancelled"], output
    assert fabric.token not in output


# Settings


def test_without_settings_the_local_fabric_serves_the_factory(simulate: Simulate, tmp_path: Path) -> None:
    fabric = simulate(factories=[{"name": "local", "pipelines": ["Ingest"]}])
    home = fabric._running.context.home.root
    resource = DataFactoryResource(local_home=str(home), poll_seconds=0.02)

    result = dg.materialize([ingest()], resources={"data_factory": resource})

    assert metadata(result)["adf/factory"] == "local"


def test_a_factory_that_is_only_half_configured_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FABRIC_ADF_SUBSCRIPTION_ID", FACTORY.subscription_id)

    with pytest.raises(FabricConfigError, match="FABRIC_ADF_RESOURCE_GROUP and FABRIC_ADF_FACTORY not set"):
        DataFactoryResource().connection()


def test_a_real_workspace_does_not_bring_its_token_to_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABRIC_WORKSPACE_ID", "Sales")
    monkeypatch.setenv("FABRIC_ACCESS_TOKEN", "fabric-token")

    with pytest.raises(FabricConfigError, match="no data factory is configured"):
        DataFactoryResource().connection()


def test_fields_come_before_variables_and_the_token_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.setenv(variable, "https://from.environment")
    resource = DataFactoryResource(factory="mine", access_token="s3cret")
    connection = resource.connection()

    assert connection is not None
    assert (connection.factory.name, connection.factory.resource_group) == (
        "mine",
        "https://from.environment",
    )
    assert connection.access_token == "s3cret"
    config = resource.get_resource_definition().config_schema.default_value
    assert "s3cret" not in repr(resource) + str(resource) + repr(connection) + str(config)


def test_a_wrong_token_names_its_setting(simulate: Simulate) -> None:
    fabric = simulate(factories=FACTORIES)

    text = failure(materialize(ingest(retry=3), fabric, fields={"access_token": "wrong"}))

    assert "Azure Data Factory refuses the access token" in text
    assert "FABRIC_ARM_ACCESS_TOKEN" in text
