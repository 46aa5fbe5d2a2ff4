"""SQL endpoints that assets bring up to date, against the local Fabric over real HTTP."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from fabric_assets import notebook_asset
from fabric_assets.client.auth import StaticToken
from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.jobs.control import JobControl
from fabric_assets.jobs.sql_endpoint import SqlEndpointRefresh
from fabric_assets.local import ServedFabric, serve_in_thread
from fabric_assets.refreshes.assets import sql_endpoint_refresh
from tests.conftest import Simulate, materialize
from tests.faults.harness import LIMITS, Said

LAKEHOUSE = {"type": "Lakehouse", "name": "Curated"}
LOG_IN = {"errorCode": "AdalRetryException", "message": "have the owner log in again"}
ORDERS_FAIL = {
    "tables": [
        {"name": "dbo.dates"},
        {"name": "dbo.orders", "status": "Failure", "error": LOG_IN},
        {"name": "dbo.old", "status": "NotRun"},
    ]
}
REFRESH = "*/refreshMetadata*"


def refresh(**options: Any) -> dg.AssetsDefinition:
    where = {} if "sql_endpoint" in options else {"lakehouse": "Curated"}
    return sql_endpoint_refresh("Sql", **{"retry": 0, "retry_interval_seconds": 0, **where, **options})


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node("Sql")
    return {key: value.value for key, value in event.metadata.items()}


def tables(known: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {record.data["table"]: dict(record.data) for record in known["fabric/tables"].records}


def check(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (found,) = result.get_asset_check_evaluations()
    return found


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [e for e in result.all_events if e.event_type_value == "STEP_FAILURE"]
    reason = event.step_failure_data.user_failure_data
    assert reason is not None
    return reason.description or ""


def lines(result: dg.ExecuteInProcessResult, instance: dg.DagsterInstance) -> str:
    return "\n".join(r.user_message for r in instance.all_logs(result.run_id) if r.dagster_event is None)


def starts(fabric: ServedFabric) -> int:
    return sum("refreshmetadata" in request.path.lower() for request in fabric.requests)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


@pytest.mark.parametrize(
    "service", [{}, {"long_running": True, "operation_seconds": 0.2}, {"sql_result": "list"}]
)
def test_each_table_is_told(simulate: Simulate, service: dict[str, Any]) -> None:
    names = [{"name": "dbo.orders"}, {"name": "dbo.dates", "status": "NotRun"}]
    fabric = simulate(
        items=[LAKEHOUSE], sql_refreshes=[{"tables": names, "run_seconds": 0.1}], service=service
    )

    result = materialize(refresh(), fabric)

    known = metadata(result)
    assert {name: row["status"] for name, row in tables(known).items()} == {
        "dbo.orders": "Success",
        "dbo.dates": "NotRun",
    }
    assert tables(known)["dbo.orders"]["ended"] >= tables(known)["dbo.orders"]["started"] > "2020"
    assert (known["fabric/sql_endpoint"], known["fabric/table_count"]) == ("Curated", 2)
    assert known["fabric/failed_table_count"] == 0
    assert len(known["fabric/operation_id"]) == 36
    assert known["fabric/duration_seconds"] >= 0.1
    assert check(result).passed


def test_an_answer_at_once_and_an_endpoint_by_name(simulate: Simulate) -> None:
    fabric = simulate(items=[LAKEHOUSE])

    known = metadata(materialize(refresh(sql_endpoint="curated"), fabric))

    assert "fabric/operation_id" not in known
    assert known["fabric/table_count"] == 0


def test_a_table_that_fails_fails_the_asset_with_its_name_and_reason(simulate: Simulate) -> None:
    fabric = simulate(items=[LAKEHOUSE], sql_refreshes=[ORDERS_FAIL])

    result = materialize(refresh(retry=1), fabric)

    assert not result.success
    assert starts(fabric) == 2
    words = failure(result)
    assert "asset Sql: 1 of 3 tables of SQL endpoint 'Curated' are not up to date: dbo.orders: " in words
    assert "have the owner log in again (error code AdalRetryException)" in words


def test_a_table_that_fails_passes_when_tried_again(simulate: Simulate) -> None:
    fabric = simulate(items=[LAKEHOUSE], sql_refreshes=[{"nth": 1, **ORDERS_FAIL}])

    assert metadata(materialize(refresh(retry=1), fabric))["fabric/attempts"] == 2


@pytest.mark.parametrize("name", ["orders", "DBO.Orders"])
def test_a_table_may_be_allowed_to_fail(simulate: Simulate, name: str) -> None:
    fabric = simulate(items=[LAKEHOUSE], sql_refreshes=[ORDERS_FAIL])

    result = materialize(refresh(allow_failed_tables=[name]), fabric)

    assert next(iter(tables(metadata(result)))) == "dbo.orders"  # what failed comes first
    assert metadata(result)["fabric/failed_table_count"] == 1
    assert check(result).passed


def test_a_failed_table_can_be_a_warning(simulate: Simulate, instance: dg.DagsterInstance) -> None:
    fabric = simulate(items=[LAKEHOUSE], sql_refreshes=[ORDERS_FAIL])

    result = materialize(refresh(on_table_failure="warn"), fabric, instance=instance)

    assert result.success
    assert not check(result).passed
    assert check(result).severity is dg.AssetCheckSeverity.WARN
    assert "dbo.orders: have the owner log in again" in (check(result).description or "")
    assert "table dbo.orders is not up to date" in lines(result, instance)


def test_a_table_that_an_upstream_names_and_the_endpoint_does_not_know_is_told(
    simulate: Simulate, instance: dg.DagsterInstance
) -> None:
    fabric = simulate(items=[LAKEHOUSE], sql_refreshes=[{"tables": [{"name": "dbo.orders"}]}])
    upstream = [
        notebook_asset("Orders", notebook="x", table="Curated.orders"),
        notebook_asset("Dates", notebook="x", table="Curated.dbo.dates"),
        notebook_asset("Elsewhere", notebook="x", table="Raw.customers"),
        notebook_asset("NoTable", notebook="x"),
    ]
    asset = refresh(deps=["Orders", *upstream[1:], "Unknown"], expected_tables=["sales.facts"])

    result = materialize([*upstream, asset], fabric, selection=["Sql"], instance=instance)

    assert metadata(result)["fabric/missing_tables"] == ["dbo.dates", "sales.facts"]
    assert not check(result).passed
    assert "expected, but not known to the endpoint: dbo.dates, sales.facts" in (
        check(result).description or ""
    )
    assert "does not tell of dbo.dates, sales.facts" in lines(result, instance)


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        pytest.param(REFRESH, {"status": 503}, id="start-out-of-order"),
        pytest.param(REFRESH, {"status": 429, "headers": {"Retry-After": "0"}}, id="start-throttled"),
        pytest.param(REFRESH, {"drop": "after"}, id="start-answer-lost"),
        pytest.param(REFRESH, {"status": 200, "body": "<html>"}, id="start-html"),
        pytest.param("*/operations/*", {"status": 503}, id="operation-out-of-order"),
        pytest.param("*/operations/*", {"drop": "before"}, id="operation-broken"),
        pytest.param("*/operations/*/result", {"status": 200, "body": "<html>"}, id="result-html"),
    ],
)
def test_passing_faults_are_survived(simulate: Simulate, path: str, fault: dict[str, Any]) -> None:
    fabric = simulate(
        items=[LAKEHOUSE],
        sql_refreshes=[{"tables": [{"name": "orders"}], "run_seconds": 0.1}],
        faults=[{"path": path, "times": 1, **fault}],
    )

    assert metadata(materialize(refresh(), fabric))["fabric/table_count"] == 1


def test_a_refresh_that_runs_already_is_waited_for(simulate: Simulate, instance: dg.DagsterInstance) -> None:
    busy = {"errorCode": "OperationInProgress", "message": "a refresh is running"}
    fault = {"path": REFRESH, "method": "POST", "times": 2, "status": 400, "body": busy}
    fabric = simulate(items=[LAKEHOUSE], faults=[fault])

    result = materialize(refresh(), fabric, instance=instance)

    assert result.success
    assert starts(fabric) == 3
    assert lines(result, instance).count("is being refreshed already") == 1


def test_an_operation_that_is_forgotten_is_started_again(simulate: Simulate) -> None:
    gone = {"errorCode": "OperationNotFound", "message": "no such operation"}
    fabric = simulate(
        items=[LAKEHOUSE],
        sql_refreshes=[{"run_seconds": 0.1}],
        faults=[{"path": "*/operations/*", "status": 404, "body": gone}],
    )

    assert materialize(refresh(), fabric).success
    assert starts(fabric) == 2


def test_a_result_that_is_kept_back_is_no_failure(simulate: Simulate) -> None:
    gone = {"errorCode": "OperationHasNoResult", "message": "no result"}
    fabric = simulate(
        items=[LAKEHOUSE],
        sql_refreshes=[{"run_seconds": 0.1}],
        faults=[{"path": "*/operations/*/result", "status": 404, "body": gone}],
    )

    result = materialize(refresh(expected_tables=["orders"]), fabric)

    assert not {"fabric/table_count", "fabric/missing_tables"} & set(metadata(result))
    assert not check(result).passed
    assert "did not tell what became of the tables" in (check(result).description or "")


def test_an_error_without_a_status_that_is_known_is_a_failure(simulate: Simulate) -> None:
    orders = {"name": "orders", "status": "Stopped", "error": LOG_IN}
    fabric = simulate(items=[LAKEHOUSE], sql_refreshes=[{"tables": [orders]}])

    assert "orders: have the owner log in again" in failure(materialize(refresh(), fabric))


def test_tables_of_another_workspace_are_not_expected(simulate: Simulate) -> None:
    fabric = simulate(items=[LAKEHOUSE], sql_refreshes=[{"tables": [{"name": "orders"}]}])
    upstream = [
        notebook_asset("Orders", notebook="x", table=f"{fabric.workspace_id}.Curated.dbo.orders"),
        notebook_asset("ByTable", notebook="x", table="Team.Curated.dbo.dates"),
        notebook_asset("ByNotebook", notebook="x", workspace="Team", table="Curated.dates"),
    ]

    result = materialize([*upstream, refresh(deps=upstream)], fabric, selection=["Sql"])

    assert check(result).passed
    assert "fabric/missing_tables" not in metadata(result)


def test_an_operation_that_fails_fails_the_asset(simulate: Simulate) -> None:
    error = {"errorCode": "CapacityPaused", "message": "the capacity is paused"}
    fabric = simulate(items=[LAKEHOUSE], sql_refreshes=[{"error": error}])

    words = failure(materialize(refresh(), fabric))

    assert (
        "asset Sql: SQL endpoint 'Curated' in workspace 'Local' was not refreshed: the capacity is paused"
        in words
    )
    assert "error code CapacityPaused, operation " in words


def test_the_time_limit_is_fabrics_and_ours(simulate: Simulate) -> None:
    fabric = simulate(items=[LAKEHOUSE], sql_refreshes=[{"nth": 1, "run_seconds": 60}, {"never_ends": True}])
    asset = refresh(timeout_seconds=1)

    assert "did not end within 1 s" in failure(materialize(asset, fabric))
    words = failure(materialize(asset, fabric))
    assert (
        "the refresh of SQL endpoint 'Curated' in workspace 'Local' did not end within 1 s; operation "
        in words
    )
    assert "cannot be cancelled and goes on in Fabric, which does no harm. Raise `timeout_seconds`" in words


def test_who_gives_up_waits_no_longer(simulate: Simulate) -> None:
    fabric = simulate(items=[LAKEHOUSE], sql_refreshes=[{"never_ends": True}])
    said = Said()

    async def start_and_cancel() -> None:
        async with FabricClient(fabric.url, StaticToken(fabric.token)) as client:
            control = JobControl(client, portal_url=None, limits=LIMITS)
            wanted = SqlEndpointRefresh(
                asset="Sql",
                workspace=fabric.workspace_id,
                workspace_configured_in="the test",
                lakehouse="Curated",
            )
            task = asyncio.create_task(control.refresh_sql_endpoint(wanted, said))
            async with asyncio.timeout(30):
                while not said.lines:  # noqa: ASYNC110 -- nobody tells when a line is said
                    await asyncio.sleep(0.01)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task

    asyncio.run(start_and_cancel())

    _, last = said.lines[-1]
    assert last.startswith("no longer waits for the refresh of SQL endpoint 'Curated'")
    assert "cannot be cancelled and goes on in Fabric" in last


def test_a_refusal_names_the_asset(simulate: Simulate) -> None:
    bad = {"path": REFRESH, "status": 400, "body": {"errorCode": "InvalidInput", "message": "no"}}
    fabric = simulate(items=[LAKEHOUSE], faults=[bad])

    words = failure(materialize(refresh(recreate_tables=True, timeout_seconds=90), fabric))
    assert "asset Sql: SQL endpoint 'Curated' in workspace 'Local' was not refreshed: POST " in words
    assert materialize(refresh(recreate_tables=True, timeout_seconds=None), fabric).success


def test_an_unknown_lakehouse_has_a_neighbour(simulate: Simulate) -> None:
    words = failure(materialize(refresh(lakehouse="Curatd"), simulate(items=[LAKEHOUSE])))

    assert "there is no Lakehouse 'Curatd' (from asset Sql)" in words
    assert "Nearest: 'Curated'" in words


def test_no_right_says_which_role_is_needed(simulate: Simulate) -> None:
    body = {"errorCode": "InsufficientPrivileges", "message": "no"}
    fabric = simulate(items=[LAKEHOUSE], faults=[{"path": REFRESH, "status": 403, "body": body}])

    words = failure(materialize(refresh(), fabric))

    assert words.startswith("asset Sql: SQL endpoint 'Curated'")
    assert "at least the role Contributor" in words


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("InProgress", "is still being set up (InProgress)"),
        ("Failed", "has no SQL endpoint: Fabric could not"),
    ],
)
def test_an_endpoint_that_is_not_there_yet(simulate: Simulate, status: str, words: str) -> None:
    body = {"id": "x", "properties": {"sqlEndpointProperties": {"provisioningStatus": status}}}
    fabric = simulate(items=[LAKEHOUSE], faults=[{"path": "*/lakehouses/*", "status": 200, "body": body}])

    assert words in failure(materialize(refresh(), fabric))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sql_endpoint": "a", "lakehouse": "b"}, "give either lakehouse or sql_endpoint"),
        ({"lakehouse": " b"}, "' b' is no display name"),
        ({"on_table_failure": "ignore"}, "on_table_failure is 'ignore', but must be one of fail, warn"),
        ({"arguments": {"a": 1}}, "a refresh has no `arguments`"),
        ({"timeout_seconds": 0}, "timeout_seconds must be positive"),
    ],
)
def test_options_that_cannot_work(options: dict[str, Any], words: str) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="asset Sql: ") as refused:
        refresh(**options)
    assert words in str(refused.value)


class NoEngine:
    async def aclose(self) -> None:
        pass


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[], ServedFabric]]:
    """A real local Fabric with a lakehouse that has the tables ``orders`` and ``dates``."""
    with ExitStack() as stack:

        def start() -> ServedFabric:
            home = tmp_path / "home"
            folder = home / "workspaces" / "Local" / "Curated.Lakehouse"
            folder.mkdir(parents=True)
            (folder / ".platform").write_text(
                '{"metadata": {"type": "Lakehouse", "displayName": "Curated"}, "config": {"version": "2.0"}}'
            )
            for name in ("orders", "dates"):
                table = home / "onelake" / "Local" / "Curated.Lakehouse" / "Tables" / name
                write_deltalake(str(table), pa.table({"id": [1, 2]}))
            return stack.enter_context(serve_in_thread(home, engine=NoEngine()))

        yield start


def test_delta_tables_of_a_real_lakehouse(serve: Callable[[], ServedFabric], tmp_path: Path) -> None:
    fabric = serve()
    statuses = {name: row["status"] for name, row in tables(metadata(materialize(refresh(), fabric))).items()}
    assert statuses == {"orders": "Success", "dates": "Success"}

    folder = tmp_path / "home/onelake/Local/Curated.Lakehouse/Tables"
    write_deltalake(str(folder / "orders"), pa.table({"id": [3]}), mode="append")
    shutil.rmtree(folder / "dates/_delta_log")
    (folder / "dates/_delta_log").mkdir()
    (folder / "dates/_delta_log/00000000000000000000.json").write_text("no log")
    words = failure(materialize(refresh(), fabric))
    assert (
        "1 of 2 tables of SQL endpoint 'Curated' are not up to date: dates: The Delta log of dates cannot"
        in words
    )
