"""The client of Azure Data Factory, over HTTP against the local Fabric."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from fabric_assets.client.auth import StaticToken
from fabric_assets.client.data_factory_client import DataFactoryClient
from fabric_assets.client.data_factory_models import Factory, PipelineRun
from fabric_assets.client.errors import (
    FabricApiError,
    FabricAuthError,
    FabricConfigError,
    FabricNotFoundError,
    FabricTransportError,
)
from fabric_assets.local import ServedFabric
from tests.conftest import Simulate
from tests.data_factories import FACTORIES, client_of

T = TypeVar("T")
HOUR = timedelta(hours=1)


def talk(fabric: ServedFabric, work: Callable[[DataFactoryClient], Awaitable[T]], **options: Any) -> T:
    async def run() -> T:
        async with client_of(fabric, **options) as client:
            return await work(client)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("shown", "fits"),
    [
        pytest.param("**********", True, id="asterisks"),
        pytest.param({"type": "SecureString", "value": "**********"}, True, id="secure-string"),
        pytest.param("*", False, id="all-of-something"),
        pytest.param("other", False, id="another-value"),
    ],
)
def test_a_secret_parameter_that_is_not_shown_may_be_ours(shown: object, fits: bool) -> None:
    run = PipelineRun("id", "Ingest", "InProgress", parameters={"password": shown, "day": "1"})

    assert run.ran_with({"password": "secret", "day": 1}) is fits
    assert not run.ran_with({"password": "secret", "day": 2})


async def started(client: DataFactoryClient, pipeline: str = "Ingest", **parameters: Any) -> str:
    accepted = await client.start_pipeline_run(pipeline, parameters)
    assert accepted.job_instance_id
    return accepted.job_instance_id


def test_a_run_is_started_and_read(simulate: Simulate) -> None:
    fabric = simulate(factories=FACTORIES, pipeline_runs=[{"status": "Failed", "message": "disk full"}])

    async def work(client: DataFactoryClient) -> PipelineRun:
        return (await client.get_pipeline_run(await started(client, day="2026-01-31", full=True)))[0]

    run = talk(fabric, work)

    assert (run.pipeline, run.status, run.job_status, run.message) == (
        "Ingest",
        "Failed",
        "Failed",
        "disk full",
    )
    assert run.has_ended
    assert run.started_by_request
    assert run.ran_with({"day": "2026-01-31", "full": True})
    assert not run.ran_with({"day": "2026-02-01"})
    assert run.started_at is not None
    assert run.ended_at is not None


def test_all_pages_of_a_query_are_read_and_filtered(simulate: Simulate) -> None:
    fabric = simulate(factories=FACTORIES, service={"page_size": 2})

    async def work(client: DataFactoryClient) -> tuple[list[str], list[str], list[PipelineRun], list[str]]:
        mine = [await started(client) for _ in range(5)]
        await started(client, "Copy")
        now = client.service_now()
        found = await client.query_pipeline_runs(now - HOUR, pipelines=("Ingest",), statuses=("Succeeded",))
        none = await client.query_pipeline_runs(now + HOUR)
        return mine, [run.id for run in found], none, await client.list_pipelines()

    mine, found, none, pipelines = talk(fabric, work)

    assert sorted(found) == sorted(mine)
    assert none == []
    assert pipelines == ["Ingest", "Ingest_Orders", "Copy"]


def test_a_cancel_takes_effect_later_and_comes_too_late_for_an_ended_run(simulate: Simulate) -> None:
    script = [{"pipeline": "Ingest", "never_ends": True}]
    fabric = simulate(factories=FACTORIES, pipeline_runs=script, service={"cancel_seconds": 0.3})

    async def work(client: DataFactoryClient) -> tuple[bool, str, str, str, bool]:
        run_id = await started(client)
        asked = await client.cancel_pipeline_run(run_id)
        between, _ = await client.get_pipeline_run(run_id)
        for _ in range(200):
            after, _ = await client.get_pipeline_run(run_id)
            if after.has_ended:
                break
            await asyncio.sleep(0.02)
        too_late = await client.cancel_pipeline_run(run_id)
        return asked, between.status, between.job_status, after.job_status, too_late

    assert talk(fabric, work) == (True, "Canceling", "InProgress", "Cancelled", False)


def test_activities_tell_what_failed(simulate: Simulate) -> None:
    error = {"errorCode": "2108", "message": "no such file"}
    activities = [{"name": "List"}, {"name": "Copy", "status": "Failed", "error": error}]
    fabric = simulate(
        factories=FACTORIES, pipeline_runs=[{"status": "Failed", "activities": activities, "run_seconds": 0}]
    )

    async def work(client: DataFactoryClient) -> list[tuple[str, str, str, str]]:
        shown = await client.query_activity_runs(await started(client))
        return [(activity.name, activity.status, activity.error_code, activity.message) for activity in shown]

    assert talk(fabric, work) == [("List", "Succeeded", "", ""), ("Copy", "Failed", "2108", "no such file")]


def test_reads_and_queries_outlast_passing_faults(simulate: Simulate) -> None:
    faults = [
        {"method": "GET", "path": "*/pipelineruns/*", "status": 503},
        {"path": "*/queryPipelineRuns*", "status": 429, "headers": {"Retry-After": "0"}},
        {"path": "*/queryPipelineRuns*", "drop": "before"},
    ]
    fabric = simulate(factories=FACTORIES, faults=faults)

    async def work(client: DataFactoryClient) -> tuple[str, int]:
        run, _ = await client.get_pipeline_run(await started(client))
        return run.status, len(await client.query_pipeline_runs(client.service_now() - HOUR))

    assert talk(fabric, work) == ("Succeeded", 1)


def test_a_start_that_was_throttled_is_sent_again_and_a_lost_one_is_not(simulate: Simulate) -> None:
    fabric = simulate(
        factories=FACTORIES,
        faults=[
            {"path": "*/createRun*", "status": 429, "headers": {"Retry-After": "0"}},
            {"path": "*/createRun*", "drop": "after"},
        ],
    )

    async def work(client: DataFactoryClient) -> bool:
        with pytest.raises(FabricTransportError) as lost:
            await started(client)
        return lost.value.may_have_arrived

    assert talk(fabric, work)
    assert [request.status for request in fabric.requests] == [429, None]


def test_a_refused_identity_is_told_which_role_it_needs_and_where(simulate: Simulate) -> None:
    body = {"error": {"code": "AuthorizationFailed", "message": "The client 'x' has no authorization"}}
    fabric = simulate(factories=FACTORIES, faults=[{"path": "*/createRun*", "status": 403, "body": body}])

    with pytest.raises(FabricAuthError) as refused:
        talk(fabric, started)

    assert refused.value.error_code == "AuthorizationFailed"
    assert "The client 'x' has no authorization" in str(refused.value)
    assert "'Data Factory Contributor' on factory 'adf-sales' (resource group 'rg-data'" in str(refused.value)


def test_errors_of_azure_resource_manager_keep_their_code(simulate: Simulate) -> None:
    fabric = simulate(factories=FACTORIES)

    with pytest.raises(FabricNotFoundError) as refused:
        talk(fabric, lambda client: started(client, "Nope"))

    assert refused.value.error_code == "PipelineNotFound"
    assert refused.value.request_id
    assert not isinstance(refused.value, FabricAuthError)
    assert isinstance(refused.value, FabricApiError)


def test_a_token_goes_over_https_or_to_this_machine_only() -> None:
    with pytest.raises(FabricConfigError, match=r"the Azure Data Factory API URL .* is plain http"):
        DataFactoryClient("http://management.azure.com", StaticToken("secret"), Factory("s", "g", "f"))


def test_names_are_escaped_in_the_path() -> None:
    assert "/resourceGroups/a%2F..%2Fb/" in Factory("s", "a/../b", "f").resource_id


@pytest.mark.parametrize(
    ("shown", "sent"),
    [
        pytest.param("True", True, id="a-boolean-as-text"),
        pytest.param("3", 3, id="a-number-as-text"),
        pytest.param('["a", "b"]', ["a", "b"], id="an-array-as-text"),
        pytest.param({"a": 1}, {"a": 1}, id="an-object"),
    ],
)
def test_parameters_are_known_again_however_the_service_shows_them(shown: object, sent: object) -> None:
    run = PipelineRun("1", "Ingest", "Queued", parameters={"P": shown, "other": "default"})

    assert run.ran_with({"p": sent})
    assert not run.ran_with({"p": "something else"})


@pytest.mark.parametrize(
    ("invoked_by", "by_request"),
    [
        ({"name": "Manual"}, True),
        ({"name": "Manual", "invokedByType": "Manual"}, True),
        ({"name": "Nightly", "invokedByType": "ScheduleTrigger"}, False),
        ({"name": "Parent", "invokedByType": "PipelineActivity"}, False),
    ],
)
def test_runs_of_triggers_and_pipelines_are_told_from_those_of_requests(
    invoked_by: dict[str, str], by_request: bool
) -> None:
    run = PipelineRun.from_json({"runId": "1", "invokedBy": invoked_by})

    assert run.started_by_request is by_request
    assert run.status == run.job_status == "Unknown"
    assert not run.has_ended
