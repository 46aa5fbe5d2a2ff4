"""Every call of Power BI's client and of SQL endpoints, over real HTTP to the local Fabric, and what answers mean."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx
import pytest

from fabric_assets import FabricResource
from fabric_assets.client.auth import AzureIdentityToken, StaticToken
from fabric_assets.client.errors import (
    FabricApiError,
    FabricAuthError,
    FabricConfigError,
    FabricNotFoundError,
    FabricTransportError,
)
from fabric_assets.client.power_bi_client import POWER_BI, ModelRefresh, PowerBiClient, RefreshMessage
from fabric_assets.client.sql_endpoint import TableSync
from fabric_assets.connection import Connection
from fabric_assets.jobs.semantic_model import failure_reason, job_status
from fabric_assets.local import ServedFabric
from fabric_assets.power_bi_connection import resolve_power_bi
from fabric_assets.refreshes.endpoint_tables import TableName
from tests.conftest import Simulate, with_client

T = TypeVar("T")
MODEL = {"type": "SemanticModel", "name": "Sales"}
ID = "0f6c6a2e-1f0f-4d6c-9a53-0d6f3a1f9b10"


def with_power_bi(
    fabric: ServedFabric,
    work: Callable[[PowerBiClient, str, str], Awaitable[T]],
    *,
    token: str | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> T:
    """Run ``work`` with a client and the ids of workspace and model."""
    (model,) = with_client(fabric, lambda client: client.list_items(fabric.workspace_id))

    async def run() -> T:
        url = f"{fabric.url.removesuffix('/v1')}/v1.0/myorg"
        tokens = StaticToken(token or fabric.token, POWER_BI)
        async with PowerBiClient(url, tokens, patience_seconds=5.0, transport=transport) as client:
            return await work(client, fabric.workspace_id, model.id)

    return asyncio.run(run())


def test_a_refresh_from_its_start_to_its_end(simulate: Simulate) -> None:
    fabric = simulate(items=[MODEL], model_refreshes=[{"tables": [{"name": "Orders"}]}])

    async def work(client: PowerBiClient, workspace: str, model: str) -> None:
        accepted = await client.start_refresh(workspace, model, {"type": "full"})
        assert accepted.job_instance_id
        refresh = (await client.get_refresh(workspace, model, accepted.job_instance_id)).refresh
        assert (refresh.status, refresh.type, refresh.commit_mode) == ("Completed", "Full", "Transactional")
        assert [entry.table for entry in refresh.objects] == ["Orders"]
        assert refresh.start_time is not None
        assert refresh.start_time.tzinfo is UTC
        (listed,) = await client.list_refreshes(workspace, model, top=5)
        assert (listed.id, listed.via) == (accepted.job_instance_id, "ViaEnhancedApi")
        with pytest.raises(FabricApiError, match="not in progress"):
            await client.cancel_refresh(workspace, model, accepted.job_instance_id)
        assert client.clock_uncertainty.total_seconds() < 10

    with_power_bi(fabric, work)


def test_a_cancel(simulate: Simulate) -> None:
    fabric = simulate(items=[MODEL], model_refreshes=[{"never_ends": True}])

    async def work(client: PowerBiClient, workspace: str, model: str) -> ModelRefresh:
        accepted = await client.start_refresh(workspace, model, {"type": "full"})
        assert accepted.job_instance_id
        await client.cancel_refresh(workspace, model, accepted.job_instance_id)
        return (await client.get_refresh(workspace, model, accepted.job_instance_id)).refresh

    assert job_status(with_power_bi(fabric, work)) == "Cancelled"


def test_only_one_start_is_sent_if_the_answer_is_lost(simulate: Simulate) -> None:
    fabric = simulate(items=[MODEL], faults=[{"method": "POST", "path": "*/refreshes", "drop": "after"}])

    async def work(client: PowerBiClient, workspace: str, model: str) -> None:
        with pytest.raises(FabricTransportError) as lost:
            await client.start_refresh(workspace, model, {"type": "full"})
        assert lost.value.may_have_arrived

    with_power_bi(fabric, work)
    assert sum(request.method == "POST" for request in fabric.requests) == 1


def test_errors_in_power_bis_words(simulate: Simulate) -> None:
    fabric = simulate(items=[MODEL])

    async def work(client: PowerBiClient, workspace: str, model: str) -> None:
        with pytest.raises(FabricNotFoundError) as missing:
            await client.get_refresh(workspace, model, ID)
        assert missing.value.error_code == "EntityNotFound"
        with pytest.raises(FabricApiError, match="'type' is 'Fast'"):
            await client.start_refresh(workspace, model, {"type": "Fast"})

    with_power_bi(fabric, work)


def test_a_refused_token_names_the_setting(simulate: Simulate) -> None:
    fabric = simulate(items=[MODEL])

    async def work(client: PowerBiClient, workspace: str, model: str) -> None:
        with pytest.raises(FabricAuthError) as refused:
            await client.list_refreshes(workspace, model)
        assert "FABRIC_POWER_BI_ACCESS_TOKEN" in str(refused.value)
        assert "nobody" not in str(refused.value)

    with_power_bi(fabric, work, token="nobody")


def test_an_answer_that_is_none_starts_nothing_a_second_time(simulate: Simulate) -> None:
    """A gateway's page with status 200: nobody knows what became of the start."""
    fault = {"method": "POST", "path": "*/refreshes", "status": 200, "body": "<html>"}
    fabric = simulate(items=[MODEL], faults=[fault])

    async def work(client: PowerBiClient, workspace: str, model: str) -> None:
        with pytest.raises(FabricTransportError) as odd:
            await client.start_refresh(workspace, model, {"type": "full"})
        assert odd.value.may_have_arrived

    with_power_bi(fabric, work)


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"Location": f"https://elsewhere/v1.0/myorg/groups/g/datasets/d/refreshes/{ID}?x=1"}, ID),
        ({"Location": f"https://api/groups/{ID}/datasets/d/refreshes", "RequestId": ID[::-1]}, None),
        ({"x-ms-request-id": ID, "RequestId": ID[:8]}, ID),
        ({"RequestId": ID}, ID),
        ({}, None),
    ],
)
def test_where_the_id_stands(headers: dict[str, str], found: str | None) -> None:
    async def start() -> str | None:
        answer = httpx.MockTransport(lambda _: httpx.Response(202, headers=headers))
        async with PowerBiClient("https://api", StaticToken("t"), transport=answer) as client:
            return (await client.start_refresh("w", "m", {"type": "full"})).job_instance_id

    assert asyncio.run(start()) == found


@pytest.mark.parametrize(
    ("status", "extended", "shown"),
    [
        ("Unknown", "NotStarted", "NotStarted"),
        ("Unknown", "InProgress", "InProgress"),
        ("Unknown", None, "InProgress"),
        ("Unknown", "Unknown", "InProgress"),
        ("Unknown", "TimedOut", "Failed"),
        ("Completed", "Completed", "Completed"),
        ("Failed", "TimedOut", "Failed"),
        ("Disabled", None, "Failed"),
        ("Cancelled", "Cancelled", "Cancelled"),
        ("Paused", None, "Paused"),
    ],
)
def test_statuses_as_those_of_job_instances(status: str, extended: str | None, shown: str) -> None:
    assert job_status(ModelRefresh.from_json({"status": status, "extendedStatus": extended})) == shown


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ('{"errorCode": "X", "errorDescription": "no source"}', "X", "no source"),
        ('{"errorCode": "X"}', "X", "X"),
        ("not JSON", None, "not JSON"),
        ("[1]", None, "[1]"),
    ],
)
def test_the_services_exception(text: str, code: str | None, message: str) -> None:
    found = RefreshMessage.from_exception(text)
    assert found is not None
    assert (found.code, found.message) == (code, message)
    assert RefreshMessage.from_exception(None) is RefreshMessage.from_exception(" ") is None


def test_a_reason_with_very_many_tables_is_cut() -> None:
    objects = [{"table": f"T{n}", "partition": f"P{n}", "status": "Failed"} for n in range(30)]
    messages = [{"message": "late", "type": "Warning"}, {"message": "no source"}, {"message": "no source"}]
    reason = failure_reason(
        ModelRefresh.from_json({"status": "Failed", "objects": objects, "messages": messages})
    )

    assert reason.message.startswith("no source [table 'T0' partition 'P0' Failed, ")
    assert reason.message.endswith("'T9' partition 'P9' Failed and 20 more]")
    assert reason.error_code == "RefreshFailed"


LOCAL = Connection("http://127.0.0.1:9/v1", "w", "here", "local-token")
REAL = Connection("https://api.fabric.microsoft.com/v1", "w", "here", "fabric-token")


@pytest.mark.parametrize(
    ("connection", "url", "token", "expected"),
    [
        pytest.param(LOCAL, None, None, ("http://127.0.0.1:9/v1.0/myorg", "local-token"), id="local"),
        pytest.param(REAL, None, None, ("https://api.powerbi.com/v1.0/myorg", None), id="real"),
        pytest.param(REAL, None, "pbi", ("https://api.powerbi.com/v1.0/myorg", "pbi"), id="real-token"),
        pytest.param(REAL, "https://gov/x/", None, ("https://gov/x", None), id="other-cloud"),
        pytest.param(LOCAL, None, "pbi", ("http://127.0.0.1:9/v1.0/myorg", "local-token"), id="local-token"),
        pytest.param(LOCAL, "https://gov/x", None, ("https://gov/x", None), id="local-and-elsewhere"),
    ],
)
def test_a_token_goes_to_its_own_host_only(
    connection: Connection, url: str | None, token: str | None, expected: tuple[str, str | None]
) -> None:
    found = resolve_power_bi(connection, url=url, access_token=token)

    assert (found.api_url, found.access_token) == expected
    assert isinstance(found.token_source(), StaticToken if expected[1] else AzureIdentityToken)
    assert "token" not in repr(found)


def test_settings_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABRIC_POWER_BI_URL", "https://gov/y")
    monkeypatch.setenv("FABRIC_POWER_BI_ACCESS_TOKEN", "pbi")

    found = resolve_power_bi(LOCAL, url=None, access_token=None)

    assert (found.api_url, found.access_token) == ("https://gov/y", "pbi")


def test_a_url_in_the_open_is_refused() -> None:
    with pytest.raises(FabricConfigError, match="the Power BI API URL 'http://pbi' is plain http"):
        resolve_power_bi(REAL, url="http://pbi", access_token=None)


def test_the_resource_shows_no_token() -> None:
    resource = FabricResource(power_bi_access_token="very-secret")

    assert "very-secret" not in repr(resource)
    assert "very-secret" not in str(resource.model_dump())


def test_a_tables_state_as_fabric_writes_it() -> None:
    table = TableSync.from_json(
        {
            "tableName": "Table 2",
            "startDateTime": "2025-08-08T10:31:22.2708973Z",
            "endDateTime": None,
            "status": "Failure",
            "error": {"errorCode": "AdalRetryException", "message": "log in"},
            "lastSuccessfulSyncDateTime": "0001-01-01T00:00:00",
        }
    )

    assert table.started == datetime(2025, 8, 8, 10, 31, 22, 270897, UTC)
    assert (table.ended, table.last_success) == (None, None)
    assert table.error == "log in (error code AdalRetryException)"
    assert TableSync.from_json({"tableName": "t"}).error == ""


@pytest.mark.parametrize(
    ("name", "told", "fits"),
    [
        ("orders", "dbo.Orders", True),
        ("orders", "orders", True),
        ("orders", "big_orders", False),
        ("dbo.orders", "orders", True),
        ("dbo.orders", "sales.orders", False),
        ("sales.orders", "Sales.Orders", True),
    ],
)
def test_names_of_tables(name: str, told: str, fits: bool) -> None:
    assert TableName.parse(name).fits(told) is fits


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"status": 200, "body": {"value": []}}, id="no-tables"),
        pytest.param({"status": 200, "body": ""}, id="empty"),
        pytest.param({"status": 200, "body": []}, id="bare-list"),
    ],
)
def test_a_lakehouse_without_tables(simulate: Simulate, answer: dict[str, Any]) -> None:
    lakehouse = {"type": "Lakehouse", "name": "Curated"}
    fabric = simulate(items=[lakehouse], faults=[{"path": "*/refreshMetadata", **answer}])

    started = with_client(fabric, lambda client: client.sql_endpoints.start_refresh(fabric.workspace_id, ID))

    assert (started.operation_id, started.tables) == (None, ())
