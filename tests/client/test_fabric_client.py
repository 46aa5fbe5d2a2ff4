"""Every call of the client, over real HTTP to the local Fabric, with the service's known habits."""

import asyncio
import base64
import logging
from typing import Any

import pytest

from fabric_assets.client.auth import StaticToken
from fabric_assets.client.compute import (
    ComputeSettings,
    ItemReference,
    ResolvedCompute,
    generic_execution_data,
    notebook_request_body,
)
from fabric_assets.client.errors import (
    FabricApiError,
    FabricAuthError,
    FabricError,
    FabricNotFoundError,
    FabricThrottledError,
    FabricTransportError,
)
from fabric_assets.client.fabric_client import RUN_NOTEBOOK, FabricClient
from fabric_assets.client.models import Accepted, JobInstance
from fabric_assets.local import ServedFabric
from fabric_assets.local.script import Fault
from tests.conftest import Simulate, with_client


async def notebook_id(client: FabricClient, fabric: ServedFabric, name: str = "Load") -> str:
    items = await client.list_items(fabric.workspace_id)
    return next(item.id for item in items if item.display_name == name and item.type == "Notebook")


async def started(client: FabricClient, fabric: ServedFabric, name: str = "Load") -> tuple[str, Accepted]:
    notebook = await notebook_id(client, fabric, name)
    return notebook, await client.start_job_instance(fabric.workspace_id, notebook, RUN_NOTEBOOK)


async def ended(
    client: FabricClient, fabric: ServedFabric, notebook: str, job_instance_id: str
) -> JobInstance:
    while True:
        reading = await client.get_job_instance(fabric.workspace_id, notebook, job_instance_id)
        if reading.job_instance.has_ended:
            return reading.job_instance
        await asyncio.sleep(0.02)


def paths(fabric: ServedFabric, method: str) -> list[str]:
    return [request.path for request in fabric.requests if request.method == method]


def test_workspaces_and_items_are_listed_over_all_pages(simulate: Simulate) -> None:
    fabric = simulate(notebooks=[f"N{n}" for n in range(7)], service={"page_size": 3})

    async def work(client: FabricClient) -> tuple[Any, ...]:
        workspaces = await client.list_workspaces()
        workspace = await client.get_workspace(fabric.workspace_id)
        items = await client.list_items(fabric.workspace_id)
        return workspaces, workspace, items, await client.get_item(fabric.workspace_id, items[0].id)

    workspaces, workspace, items, item = with_client(fabric, work)

    assert workspace in workspaces
    assert workspace.display_name == "Local"
    assert sorted(i.display_name for i in items) == [f"N{n}" for n in range(7)]
    assert item == items[0]


@pytest.mark.parametrize("type_in_path", [False, True], ids=["query", "path"])
def test_a_job_instance_is_started_on_both_forms_of_the_generic_route(
    simulate: Simulate, type_in_path: bool
) -> None:
    fabric = simulate(notebooks=["Load"], job_instances=[{"exit_value": "done"}])
    parameters = {"flag": True, "n": 3, "ratio": 0.5, "name": "ü"}

    async def work(client: FabricClient) -> tuple[Accepted, JobInstance]:
        notebook = await notebook_id(client, fabric)
        accepted = await client.start_job_instance(
            fabric.workspace_id,
            notebook,
            RUN_NOTEBOOK,
            generic_execution_data(parameters, None),
            type_in_path=type_in_path,
        )
        assert accepted.job_instance_id
        return accepted, await ended(client, fabric, notebook, accepted.job_instance_id)

    accepted, job_instance = with_client(fabric, work)

    assert accepted.retry_after_seconds == 60
    assert (job_instance.id, job_instance.status) == (accepted.job_instance_id, "Completed")
    assert job_instance.exit_value == "done"
    assert job_instance.start_time is not None
    assert job_instance.end_time is not None
    assert job_instance.end_time >= job_instance.start_time
    assert dict(fabric.started[0].parameters) == parameters


def test_the_notebook_route_takes_a_session_tag_and_tells_exit_value_and_links(simulate: Simulate) -> None:
    fabric = simulate(
        notebooks=["Load"], job_instances=[{"exit_value": "7"}], service={"exit_value_at_top": False}
    )
    compute = ResolvedCompute(
        ComputeSettings(session_tag="dims", spark_conf={"spark.sql.ansi.enabled": "true"})
    )

    async def work(client: FabricClient) -> tuple[JobInstance, Any]:
        notebook = await notebook_id(client, fabric)
        body = notebook_request_body({"n": 1}, compute)
        accepted = await client.start_notebook(fabric.workspace_id, notebook, body)
        assert accepted.job_instance_id
        job_instance = await ended(client, fabric, notebook, accepted.job_instance_id)
        reading = await client.get_notebook_job_instance(
            fabric.workspace_id, notebook, accepted.job_instance_id
        )
        return job_instance, reading.details

    job_instance, details = with_client(fabric, work)

    assert job_instance.exit_value is None
    assert (details.exit_value, details.compute, details.session_tag) == ("7", "Spark", "dims")
    assert details.livy_id
    assert details.links["executionSnapshotUrl"].startswith("http://127.0.0.1:")


def test_compute_settings_are_written_as_each_route_wants_them() -> None:
    settings = ComputeSettings(
        environment="Env", default_lakehouse="Base", spark_pool="Big", spark_conf={"a": "1"}, driver_cores=4
    )
    compute = ResolvedCompute(
        settings, ItemReference("env-id", "Env", "ws"), ItemReference("lake-id", "Base", "other-ws")
    )

    assert generic_execution_data({"b": False}, compute) == {
        "parameters": {"b": {"value": False, "type": "bool"}},
        "configuration": {
            "conf": {"a": "1"},
            "environment": {"id": "env-id", "name": "Env"},
            "defaultLakehouse": {"id": "lake-id", "name": "Base", "workspaceId": "other-ws"},
            "useWorkspacePool": "Big",
        },
    }
    assert notebook_request_body({"b": False}, compute) == {
        "parameters": [{"name": "b", "value": False, "type": "Boolean"}],
        "executionData": {
            "compute": "Spark",
            "computeConfiguration": {
                "driverCores": 4,
                "sparkProperties": [{"key": "a", "value": "1"}],
                "instancePool": {"name": "Big", "type": "Workspace"},
                "attachedEnvironment": {"referenceType": "ById", "itemId": "env-id", "workspaceId": "ws"},
                "defaultLakehouse": {"referenceType": "ById", "itemId": "lake-id", "workspaceId": "other-ws"},
            },
        },
    }
    starter = generic_execution_data({}, ResolvedCompute(ComputeSettings(spark_pool="starter")))
    assert starter["configuration"] == {"useStarterPool": True}
    assert notebook_request_body({}, ResolvedCompute(ComputeSettings(python_cores=8)))["executionData"] == {
        "compute": "Jupyter",
        "computeConfiguration": {"numCores": 8},
    }


@pytest.mark.parametrize(
    ("service", "known"),
    [
        ({"location": "instance"}, True),
        ({"location": "foreign"}, True),
        ({"location": "collection"}, False),
        ({"location": "missing"}, False),
        ({"location": "collection", "x_ms_job_id": True}, True),
        ({"location": "missing", "x_ms_job_id": True}, True),
    ],
    ids=["instance", "foreign-host", "collection", "missing", "collection-and-header", "header-only"],
)
def test_the_job_instance_id_is_taken_from_wherever_the_service_puts_it(
    simulate: Simulate, service: dict, known: bool
) -> None:
    fabric = simulate(notebooks=["Load"], service=service)

    _, accepted = with_client(fabric, lambda client: started(client, fabric))

    assert accepted.job_instance_id == (fabric.started[0].id if known else None)


def test_running_instances_carry_a_hint_and_ended_ones_none(simulate: Simulate) -> None:
    fabric = simulate(
        notebooks=["Load"], job_instances=[{"never_ends": True}], service={"retry_after_running": [29]}
    )

    async def work(client: FabricClient) -> tuple[Any, Any]:
        notebook, accepted = await started(client, fabric)
        assert accepted.job_instance_id
        running = await client.get_job_instance(fabric.workspace_id, notebook, accepted.job_instance_id)
        assert await client.cancel_job_instance(fabric.workspace_id, notebook, accepted.job_instance_id)
        await ended(client, fabric, notebook, accepted.job_instance_id)
        after = await client.get_job_instance(fabric.workspace_id, notebook, accepted.job_instance_id)
        return running, after

    running, after = with_client(fabric, work)

    assert running.retry_after_seconds == 29
    assert (after.job_instance.status, after.retry_after_seconds) == ("Cancelled", None)


def test_cancelling_what_has_ended_says_so_and_is_no_error(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["Load"])

    async def work(client: FabricClient) -> bool:
        notebook, accepted = await started(client, fabric)
        assert accepted.job_instance_id
        await ended(client, fabric, notebook, accepted.job_instance_id)
        return await client.cancel_job_instance(fabric.workspace_id, notebook, accepted.job_instance_id)

    assert with_client(fabric, work) is False


def test_an_end_time_can_be_missing_on_a_cancelled_job_instance(simulate: Simulate) -> None:
    fabric = simulate(
        notebooks=["Load"], job_instances=[{"never_ends": True}], service={"end_time_on_cancel": False}
    )

    async def work(client: FabricClient) -> JobInstance:
        notebook, accepted = await started(client, fabric)
        assert accepted.job_instance_id
        await client.cancel_job_instance(fabric.workspace_id, notebook, accepted.job_instance_id)
        return await ended(client, fabric, notebook, accepted.job_instance_id)

    job_instance = with_client(fabric, work)

    assert (job_instance.status, job_instance.end_time) == ("Cancelled", None)


@pytest.mark.parametrize("status", ["Completed", "Failed", "Cancelled", "Deduped"])
def test_known_ends_are_ends(simulate: Simulate, status: str) -> None:
    fabric = simulate(notebooks=["Load"], job_instances=[{"status": status}])

    async def work(client: FabricClient) -> JobInstance:
        notebook, accepted = await started(client, fabric)
        assert accepted.job_instance_id
        return await ended(client, fabric, notebook, accepted.job_instance_id)

    assert with_client(fabric, work).status == status


def test_an_unknown_status_is_kept_and_is_no_end(simulate: Simulate) -> None:
    fabric = simulate(
        notebooks=["Load"], job_instances=[{"never_ends": True, "statuses": [{"status": "Throttling"}]}]
    )

    async def work(client: FabricClient) -> JobInstance:
        notebook, accepted = await started(client, fabric)
        assert accepted.job_instance_id
        reading = await client.get_job_instance(fabric.workspace_id, notebook, accepted.job_instance_id)
        return reading.job_instance

    job_instance = with_client(fabric, work)

    assert (job_instance.status, job_instance.has_ended) == ("Throttling", False)


def test_a_failure_keeps_the_services_reason(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["Load"], job_instances=[{"status": "Failed"}])

    async def work(client: FabricClient) -> JobInstance:
        notebook, accepted = await started(client, fabric)
        assert accepted.job_instance_id
        return await ended(client, fabric, notebook, accepted.job_instance_id)

    reason = with_client(fabric, work).failure_reason

    assert reason is not None
    assert reason.error_code == "JobInstanceStatusFailed"
    assert reason.message == "Job instance failed without detail error"


@pytest.mark.parametrize("unseen_as", ["404", "RequestExecutionFailed"])
def test_a_read_right_after_the_start_may_not_know_the_job_instance(
    simulate: Simulate, unseen_as: str
) -> None:
    fabric = simulate(notebooks=["Load"], service={"unseen_seconds": 600, "unseen_as": unseen_as})

    async def work(client: FabricClient) -> bool:
        notebook, accepted = await started(client, fabric)
        assert accepted.job_instance_id
        try:
            reading = await client.get_job_instance(fabric.workspace_id, notebook, accepted.job_instance_id)
        except FabricNotFoundError:
            return True
        return reading.job_instance.is_not_visible_yet

    assert with_client(fabric, work)


def test_job_instances_of_an_item_and_sessions_of_a_workspace_are_listed(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["Load", "Other"], service={"page_size": 2})

    async def work(client: FabricClient) -> tuple[list[str], set[str | None], set[str]]:
        ids = []
        for _ in range(5):
            notebook, accepted = await started(client, fabric)
            assert accepted.job_instance_id
            ids.append(accepted.job_instance_id)
            await ended(client, fabric, notebook, accepted.job_instance_id)
        await started(client, fabric, "Other")
        listed = await client.list_job_instances(fabric.workspace_id, notebook)
        pages = [page async for page in client.list_livy_sessions(fabric.workspace_id)]
        sessions = [session for page in pages for session in page]
        assert {j.id for j in listed} == set(ids)
        return ids, {s.job_instance_id for s in sessions}, {s.state for s in sessions}

    ids, in_sessions, states = with_client(fabric, work)

    assert set(ids) < in_sessions
    assert states <= {"NotStarted", "InProgress", "Succeeded"}


@pytest.mark.parametrize("long_running", [False, True], ids=["at-once", "long-running"])
def test_a_definition_is_read_at_once_or_as_a_long_running_operation(
    simulate: Simulate, long_running: bool
) -> None:
    service = {
        "long_running": long_running,
        "operation_seconds": 0.05,
        "retry_after_start": 0,
        "location": "foreign",
    }
    fabric = simulate(with_sample=True, service=service)

    async def work(client: FabricClient) -> list[dict[str, str]]:
        notebook = await notebook_id(client, fabric, "AquaVilla_LoadDimCalendar")
        return await client.get_notebook_definition(fabric.workspace_id, notebook)

    parts = with_client(fabric, work)

    content = next(part for part in parts if part["path"].startswith("notebook-content"))
    assert base64.b64decode(content["payload"]).startswith(b"# Fabric notebook source")
    assert any("/operations/" in path for path in paths(fabric, "GET")) == long_running


# Faults that pass


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"status": 429, "headers": {"Retry-After": "0"}}, id="429"),
        pytest.param({"status": 408}, id="408"),
        pytest.param({"status": 500, "body": "<html>gateway</html>"}, id="500-html"),
        pytest.param({"status": 503, "headers": {"Retry-After": "0"}}, id="503"),
        pytest.param({"status": 200, "body": "<html>sign in</html>"}, id="200-html"),
        pytest.param({"status": 200, "body": {}}, id="200-without-a-list"),
        pytest.param({"status": 200, "body": {"value": [{"name": "no id"}]}}, id="200-without-ids"),
        pytest.param({"status": 200, "body": [1]}, id="200-no-object"),
        pytest.param({"drop": "before"}, id="dropped-before"),
        pytest.param({"drop": "after"}, id="dropped-after"),
    ],
)
def test_a_read_is_repeated_after_a_passing_fault(simulate: Simulate, fault: dict) -> None:
    fabric = simulate(notebooks=["Load"], faults=[{"method": "GET", "path": "*/items*", **fault}])

    items = with_client(fabric, lambda client: client.list_items(fabric.workspace_id))

    assert [item.display_name for item in items] == ["Load"]


def test_patience_ends(simulate: Simulate) -> None:
    fabric = simulate(faults=[{"path": "*/workspaces*", "times": None, "status": 503}])

    with pytest.raises(FabricApiError) as caught:
        with_client(fabric, lambda client: client.list_workspaces(), patience_seconds=1.0)

    assert (caught.value.status_code, caught.value.retriable) == (503, True)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        pytest.param({"drop": "after"}, FabricTransportError, id="answer-lost"),
        pytest.param({"status": 500}, FabricApiError, id="500"),
        pytest.param({"status": 502, "body": "<html>bad gateway</html>"}, FabricApiError, id="502-html"),
        pytest.param({"status": 200, "body": "<html>sign in</html>"}, FabricTransportError, id="200-html"),
    ],
)
def test_a_start_that_may_have_arrived_is_not_repeated(
    simulate: Simulate, fault: dict, error: type[Exception]
) -> None:
    fabric = simulate(notebooks=["Load"], faults=[{"method": "POST", "times": None, **fault}])

    with pytest.raises(error):
        with_client(fabric, lambda client: started(client, fabric))

    assert len(paths(fabric, "POST")) == 1


def test_a_start_that_was_refused_by_the_quota_is_repeated(simulate: Simulate) -> None:
    fabric = simulate(
        notebooks=["Load"],
        faults=[{"method": "POST", "times": 2, "status": 429, "headers": {"Retry-After": "0"}}],
    )

    _, accepted = with_client(fabric, lambda client: started(client, fabric))

    assert accepted.job_instance_id == fabric.started[0].id
    assert (len(paths(fabric, "POST")), len(fabric.started)) == (3, 1)


# Errors


@pytest.mark.parametrize("body", ["<html>{0}</html>", {"message": "refused: {0}"}], ids=["html", "json"])
@pytest.mark.parametrize("status", [200, 403, 404])
def test_a_gateway_that_shows_the_request_does_not_bring_the_token_into_an_error(
    simulate: Simulate, status: int, body: str | dict[str, str]
) -> None:
    fabric = simulate()
    shown = f"Authorization: Bearer {fabric.token}"
    filled = body.format(shown) if isinstance(body, str) else {"message": body["message"].format(shown)}
    fabric.add_fault(Fault(status=status, body=filled, times=None))

    with pytest.raises(FabricError) as caught:
        with_client(fabric, lambda client: client.list_workspaces(), patience_seconds=0.1)

    assert "Authorization: Bearer (token)" in str(caught.value)
    assert fabric.token not in str(caught.value)


def test_errors_carry_what_fabric_said(simulate: Simulate) -> None:
    fabric = simulate()
    missing = "00000000-0000-4000-8000-000000000000"

    with pytest.raises(FabricNotFoundError) as caught:
        with_client(fabric, lambda client: client.get_item(fabric.workspace_id, missing))

    error = caught.value
    assert (error.status_code, error.error_code, error.retriable) == (404, "ItemNotFound", False)
    assert error.request_id
    assert error.request_id in str(error)


def test_a_wrong_job_type_is_refused(simulate: Simulate) -> None:
    fabric = simulate(notebooks=["Load"])

    async def work(client: FabricClient) -> None:
        await client.start_job_instance(fabric.workspace_id, await notebook_id(client, fabric), "Pipeline")

    with pytest.raises(FabricApiError) as caught:
        with_client(fabric, work)

    assert caught.value.error_code == "InvalidJobType"


def test_throttling_is_an_error_of_its_own_when_patience_ends(simulate: Simulate) -> None:
    fabric = simulate(
        notebooks=["Load"], faults=[{"times": None, "status": 429, "headers": {"Retry-After": "30"}}]
    )

    with pytest.raises(FabricThrottledError) as caught:
        with_client(fabric, lambda client: client.list_workspaces(), patience_seconds=0.01)

    assert caught.value.retry_after_seconds == 30


def test_no_permission_names_the_role(simulate: Simulate) -> None:
    body = {
        "errorCode": "InsufficientPrivileges",
        "message": "The caller does not have sufficient permissions",
    }
    fabric = simulate(faults=[{"times": None, "status": 403, "body": body}])

    with pytest.raises(FabricAuthError, match="role Contributor") as caught:
        with_client(fabric, lambda client: client.list_workspaces())

    assert caught.value.error_code == "InsufficientPrivileges"


class Renewing:
    """Gives a wrong token first, then the right one."""

    def __init__(self, good: str) -> None:
        self.good = good
        self.refused: list[str | None] = []

    async def get_token(self, *, refused: str | None = None) -> str:
        self.refused.append(refused)
        return self.good if refused else "expired"


def test_a_refused_token_is_renewed_in_the_middle(simulate: Simulate) -> None:
    fabric = simulate()
    tokens = Renewing(fabric.token)

    with_client(fabric, lambda client: client.list_workspaces(), tokens=tokens)

    assert tokens.refused == [None, "expired"]


def test_a_token_that_is_refused_twice_is_an_error_that_does_not_show_it(simulate: Simulate) -> None:
    fabric = simulate()

    with pytest.raises(FabricAuthError, match="refused a fresh token too") as caught:
        with_client(fabric, lambda client: client.list_workspaces(), tokens=Renewing("wrong-token"))

    assert "wrong-token" not in str(caught.value)


def test_no_host_but_the_configured_one_sees_the_token(simulate: Simulate) -> None:
    other = simulate()
    redirect = {"status": 307, "headers": {"Location": f"{other.url}/workspaces"}}
    fabric = simulate(faults=[{"path": "*/workspaces", **redirect}])

    with pytest.raises(FabricApiError):
        with_client(fabric, lambda client: client.list_workspaces())

    assert other.requests == ()


def test_logs_and_errors_never_hold_the_token(simulate: Simulate, caplog: pytest.LogCaptureFixture) -> None:
    fabric = simulate(faults=[{"path": "*/items*", "status": 500, "times": 1}])
    caplog.set_level(logging.DEBUG)

    with_client(fabric, lambda client: client.list_items(fabric.workspace_id))

    assert "GET /workspaces" in caplog.text
    assert fabric.token not in caplog.text
    assert fabric.token not in repr(StaticToken(fabric.token))
