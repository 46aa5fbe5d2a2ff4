"""Semantic models that assets refresh, against the local Fabric over real HTTP."""

import asyncio
import json
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from fabric_assets import config_field, fixed, partition_key, partition_start
from fabric_assets.client.auth import StaticToken
from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.client.power_bi_client import PowerBiClient
from fabric_assets.jobs.control import JobControl
from fabric_assets.jobs.job import JobOutcome
from fabric_assets.jobs.ledger import Attempt
from fabric_assets.jobs.semantic_model import SemanticModelRefresh
from fabric_assets.local import ServedFabric, serve_in_thread
from fabric_assets.local.script import Fault
from fabric_assets.refreshes.assets import semantic_model_refresh
from tests.conftest import Simulate, materialize
from tests.faults.harness import LIMITS, MemoryLedger, Said

MODEL = {"type": "SemanticModel", "name": "Sales"}
STARTS = "*/datasets/*/refreshes"
LISTS = f"{STARTS}?*top=*"
ID = "0f6c6a2e-1f0f-4d6c-9a53-0d6f3a1f9b10"


def refresh(**options: Any) -> dg.AssetsDefinition:
    return semantic_model_refresh(
        "Model", **{"semantic_model": "Sales", "retry": 0, "retry_interval_seconds": 0, **options}
    )


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = result.asset_materializations_for_node("Model")
    return {key: value.value for key, value in event.metadata.items()}


def failure(result: dg.ExecuteInProcessResult) -> tuple[str, dict[str, Any]]:
    (event,) = [e for e in result.all_events if e.event_type_value == "STEP_FAILURE"]
    reason = event.step_failure_data.user_failure_data
    assert reason is not None
    return reason.description or "", {key: value.value for key, value in reason.metadata.items()}


class PowerBi:
    """What somebody else does in Power BI."""

    def __init__(self, fabric: ServedFabric) -> None:
        self._datasets = f"{fabric.url.removesuffix('/v1')}/v1.0/myorg/groups/{fabric.workspace_id}/datasets"
        self._headers = {"Authorization": f"Bearer {fabric.token}"}

    def send(self, method: str, path: str = "", **request: Any) -> httpx.Response:
        answer = httpx.request(method, f"{self._datasets}{path}", headers=self._headers, **request)
        answer.raise_for_status()
        return answer

    @property
    def refreshes(self) -> str:
        (model,) = self.send("GET").json()["value"]
        return f"/{model['id']}/refreshes"

    def refresh(self, body: dict[str, Any] | None = None) -> str:
        return self.send("POST", self.refreshes, json=body).headers["x-ms-request-id"]

    def history(self) -> list[dict[str, Any]]:
        return self.send("GET", self.refreshes).json()["value"]


def statuses(fabric: ServedFabric) -> list[str]:
    """Of all refreshes, newest first."""
    return [entry["status"] for entry in PowerBi(fabric).history()]


def test_a_refresh_materializes_the_asset_with_all_that_is_known_of_it(simulate: Simulate) -> None:
    tables = [{"name": "Dates"}, {"name": "Orders"}]
    fabric = simulate(items=[MODEL], model_refreshes=[{"run_seconds": 1.0, "tables": tables}])

    result = materialize(refresh(max_parallelism=4, retry_count=1, apply_refresh_policy=False), fabric)

    known = metadata(result)
    (entry,) = PowerBi(fabric).history()
    assert known["fabric/job_instance_id"] == entry["requestId"]
    assert entry["refreshType"] == "ViaEnhancedApi"
    assert (known["fabric/semantic_model"], known["fabric/workspace"]) == ("Sales", "Local")
    assert (known["fabric/refresh_type"], known["fabric/commit_mode"]) == ("Full", "Transactional")
    assert [dict(row.data) for row in known["fabric/objects"].records] == [
        {"table": "Dates", "partition": "Dates", "status": "Completed"},
        {"table": "Orders", "partition": "Orders", "status": "Completed"},
    ]
    assert known["fabric/refresh_attempts"].records[0].data["seconds"] >= 1
    assert known["fabric/duration_seconds"] >= 1
    assert known["fabric/parameters"] == {
        "type": "full",
        "commitMode": "transactional",
        "maxParallelism": 4,
        "retryCount": 1,
        "applyRefreshPolicy": False,
        "timeout": "01:00:00",
    }


@pytest.mark.parametrize(
    "service", [{"location": "missing"}, {"location": "foreign"}, {"unseen_seconds": 0.3}]
)
def test_the_id_is_found_however_it_is_told(simulate: Simulate, service: dict[str, Any]) -> None:
    fabric = simulate(items=[MODEL], service=service)

    known = metadata(materialize(refresh(), fabric))

    assert [entry["requestId"] for entry in PowerBi(fabric).history()] == [known["fabric/job_instance_id"]]


def test_objects_and_dates_from_the_partition(simulate: Simulate) -> None:
    fabric = simulate(items=[MODEL])
    asset = refresh(
        objects=[
            {"table": "Orders", "partition": partition_start("Orders-%Y%m")},
            {"table": "Stock", "partition": partition_key()},
            {"table": fixed("Rates"), "partition": "all"},
            "Dates",
        ],
        effective_date=partition_start("%Y-%m-%d"),
        commit_mode="PARTIALBATCH",
        refresh_type=config_field(str, default="dataOnly"),
        timeout_seconds=None,
        partitions_def=dg.MonthlyPartitionsDefinition("2024-01-01"),
    )

    known = metadata(
        materialize(
            asset,
            fabric,
            partition_key="2024-05-01",
            run_config={"ops": {"Model": {"config": {"refresh_type": "Calculate"}}}},
        )
    )

    assert known["fabric/parameters"] == {
        "type": "calculate",
        "commitMode": "partialBatch",
        "objects": [
            {"table": "Orders", "partition": "Orders-202405"},
            {"table": "Stock", "partition": "2024-05-01"},
            {"table": "Rates", "partition": "all"},
            {"table": "Dates"},
        ],
        "effectiveDate": "2024-05-01",
    }
    assert known["fabric/refresh_type"] == "Calculate"


def test_a_plain_effective_date(simulate: Simulate) -> None:
    known = metadata(materialize(refresh(effective_date=date(2024, 5, 31)), simulate(items=[MODEL])))
    assert known["fabric/parameters"]["effectiveDate"] == "2024-05-31"


def test_a_failure_names_tables_and_reasons(simulate: Simulate) -> None:
    error = {"errorCode": "DM_X", "message": "column 'amount' is missing in the source"}
    tables = [{"name": "Dates"}, {"name": "Orders", "status": "Failure", "error": error}]
    fabric = simulate(items=[MODEL], model_refreshes=[{"tables": tables}])

    words, known = failure(materialize(refresh(retry=1), fabric))

    assert (
        "refresh of semantic model 'Sales' failed after 0 s: column 'amount' is missing in the source"
        in words
    )
    assert "table 'Orders' Failed" in words
    assert known["fabric/job_instance_id"] == PowerBi(fabric).history()[0]["requestId"]
    assert statuses(fabric) == ["Failed", "Failed"]


def test_a_reason_that_only_the_history_knows(simulate: Simulate) -> None:
    exception = json.dumps({"errorCode": "ModelRefreshFailed_CredentialsNotSpecified"})
    fabric = simulate(items=[MODEL], model_refreshes=[{"status": "Failed"}])
    details = {"status": "Failed", "extendedStatus": "Failed", "messages": [], "objects": []}
    fabric.add_fault(Fault("GET", "*/refreshes/*", status=200, body=details))
    found: dict[str, Any] = {"value": []}
    fabric.add_fault(Fault("GET", LISTS, status=200, body=found, skip=1))
    fabric.add_fault(Fault("POST", STARTS, status=202, headers={"x-ms-request-id": ID}))
    found["value"].append({"requestId": ID, "status": "Failed", "serviceExceptionJson": exception})

    words, known = failure(materialize(refresh(), fabric))

    assert "ModelRefreshFailed_CredentialsNotSpecified" in words
    assert known["fabric/error_code"] == "ModelRefreshFailed_CredentialsNotSpecified"


@pytest.mark.parametrize(
    ("ending", "words", "again"),
    [
        pytest.param({"status": "Disabled"}, "because it is disabled", False, id="disabled"),
        pytest.param({"status": "Cancelled"}, "was cancelled in Power BI", True, id="cancelled"),
        pytest.param(
            {"status": "Failed", "extended_status": "TimedOut"}, "(error code TimedOut)", True, id="timed-out"
        ),
    ],
)
def test_other_ends(simulate: Simulate, ending: dict[str, Any], words: str, again: bool) -> None:
    fabric = simulate(items=[MODEL], model_refreshes=[ending])

    assert words in failure(materialize(refresh(retry=1), fabric))[0]
    assert len(statuses(fabric)) == 1 + again


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"drop": "after"}, id="answer-lost"),
        pytest.param({"status": 500, "acted": True}, id="500-but-started"),
        pytest.param({"drop": "before"}, id="never-arrived"),
        pytest.param({"status": 429, "headers": {"Retry-After": "0"}}, id="throttled"),
    ],
)
def test_a_start_that_goes_wrong_leads_to_one_refresh(simulate: Simulate, fault: dict[str, Any]) -> None:
    fabric = simulate(
        items=[MODEL],
        model_refreshes=[{"run_seconds": 0.5}],
        faults=[{"method": "POST", "path": STARTS, **fault}],
    )

    known = metadata(materialize(refresh(), fabric, fields={"patience_seconds": 4.0}))

    assert [entry["requestId"] for entry in PowerBi(fabric).history()] == [known["fabric/job_instance_id"]]


@pytest.mark.parametrize("path", ["*/refreshes/*", LISTS])
def test_passing_faults_of_reads_are_survived(simulate: Simulate, path: str) -> None:
    faults = [
        {"method": "GET", "path": path, "status": 503},
        {"method": "GET", "path": path, "drop": "before"},
    ]
    fabric = simulate(items=[MODEL], model_refreshes=[{"run_seconds": 0.2}], faults=faults)

    assert materialize(refresh(), fabric).success


def test_waiting_for_another_refresh_has_a_limit(simulate: Simulate) -> None:
    fabric = simulate(items=[MODEL], model_refreshes=[{"never_ends": True}])
    PowerBi(fabric).refresh()
    fabric.add_fault(Fault("GET", LISTS, times=None, status=200, body={"value": [SCHEDULED]}))

    words, _ = failure(materialize(refresh(timeout_seconds=0.5), fabric))

    assert (
        f"did not start within 0.5 s, as another one is running: {ID}, started by the model's own schedule"
        in words
    )
    assert "at 2024-05-31 08:00:00 UTC. Nothing was started." in words


SCHEDULED = {
    "requestId": ID,
    "refreshType": "Scheduled",
    "startTime": "2024-05-31T08:00:00.123Z",
    "status": "Unknown",
    "extendedStatus": "InProgress",
}


def test_what_a_schedule_or_a_person_started_is_never_taken_for_ours(simulate: Simulate) -> None:
    """The answer to the start is lost, and it never arrived."""
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}Z"
    listed = [
        {
            "requestId": str(uuid.uuid4()),
            "refreshType": via,
            "startTime": now,
            "status": "Completed",
            "endTime": now,
        }
        for via in ("Scheduled", "OnDemand", "ViaXmlaEndpoint", "DirectLakeFraming")
    ]
    faults = [
        {"method": "POST", "path": STARTS, "drop": "before"},
        {"method": "GET", "path": LISTS, "times": None, "status": 200, "body": {"value": listed}},
    ]
    fabric = simulate(items=[MODEL], faults=faults)

    known = metadata(materialize(refresh(), fabric, fields={"patience_seconds": 4.0}))

    assert known["fabric/job_instance_id"] not in {entry["requestId"] for entry in listed}
    assert sum(request.method == "POST" for request in fabric.requests) == 2


def test_one_that_takes_too_long_is_cancelled(simulate: Simulate) -> None:
    fabric = simulate(items=[MODEL], model_refreshes=[{"never_ends": True}], service={"cancel_seconds": 0.2})

    words, known = failure(materialize(refresh(timeout_seconds=0.3), fabric))

    assert (
        "refresh of semantic model 'Sales' did not end within 0.3 s; the job instance was cancelled" in words
    )
    assert known["fabric/status"] == "Cancelled"
    assert statuses(fabric) == ["Cancelled"]


async def control_refresh(
    fabric: ServedFabric, said: Said, ledger: MemoryLedger, timeout_seconds: float | None = None
) -> JobOutcome:
    """Refresh the model with job control of its own."""
    power_bi_url = f"{fabric.url.removesuffix('/v1')}/v1.0/myorg"
    async with (
        FabricClient(fabric.url, StaticToken(fabric.token)) as client,
        PowerBiClient(power_bi_url, StaticToken(fabric.token)) as power_bi,
    ):
        control = JobControl(client, portal_url="https://portal", limits=LIMITS)
        wanted = SemanticModelRefresh(
            asset="Model",
            semantic_model="Sales",
            workspace=fabric.workspace_id,
            workspace_configured_in="the test",
            body={"type": "full"},
            timeout_seconds=timeout_seconds,
        )
        return await control.refresh_semantic_model(wanted, power_bi, said, ledger)


async def until_said(said: Said, words: str) -> None:
    async with asyncio.timeout(60):
        while words not in str(said):  # noqa: ASYNC110 -- nobody tells when a line is said
            await asyncio.sleep(0.02)


def test_who_gives_up_cancels_the_refresh(simulate: Simulate) -> None:
    fabric = simulate(items=[MODEL], model_refreshes=[{"never_ends": True}])
    said = Said()

    async def start_and_cancel() -> None:
        task = asyncio.create_task(control_refresh(fabric, said, MemoryLedger()))
        await until_said(said, "InProgress")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(start_and_cancel())

    assert statuses(fabric) == ["Cancelled"]
    assert "asked Power BI to cancel job instance" in str(said)


def test_a_refresh_that_runs_already_is_waited_for(simulate: Simulate) -> None:
    fabric = simulate(items=[MODEL], model_refreshes=[{"nth": 1, "never_ends": True}])
    power_bi, said = PowerBi(fabric), Said()
    theirs = power_bi.refresh({"type": "full"})

    async def behind_theirs() -> JobOutcome:
        task = asyncio.create_task(control_refresh(fabric, said, MemoryLedger()))
        await until_said(said, "another refresh")
        await asyncio.to_thread(power_bi.send, "DELETE", f"{power_bi.refreshes}/{theirs}")
        return await task

    ours = asyncio.run(behind_theirs()).job_instance.id

    assert [entry["requestId"] for entry in power_bi.history()] == [ours, theirs]
    assert (
        f"another refresh of semantic model 'Sales' is running: {theirs}, started over the API by somebody else at "
        in str(said)
    )
    assert str(said).count("another refresh") == 1


def test_who_gives_up_behind_another_refresh_leaves_it_alone(simulate: Simulate) -> None:
    fabric = simulate(items=[MODEL], model_refreshes=[{"never_ends": True}])
    PowerBi(fabric).refresh()
    said = Said()

    async def start_and_cancel() -> None:
        task = asyncio.create_task(control_refresh(fabric, said, MemoryLedger()))
        await until_said(said, "another refresh")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(start_and_cancel())

    assert statuses(fabric) == ["Unknown"]


@pytest.mark.parametrize("known_id", [True, False])
def test_one_of_a_process_that_died_is_taken_over(simulate: Simulate, known_id: bool) -> None:
    fabric = simulate(items=[MODEL], model_refreshes=[{"run_seconds": 1.0}])
    ledger, said = MemoryLedger(), Said()

    async def work() -> JobOutcome:
        async with FabricClient(fabric.url, StaticToken(fabric.token)) as client:
            await client.list_workspaces()
            intended_at = client.service_now()
        theirs = PowerBi(fabric).refresh({"type": "full"})
        ledger.write(Attempt(intended_at, theirs if known_id else None))
        return await control_refresh(fabric, said, ledger)

    outcome = asyncio.run(work())

    assert [entry["requestId"] for entry in PowerBi(fabric).history()] == [outcome.job_instance.id]
    assert "takes over job instance" in str(said)
    assert outcome.links["itemUrl"] == (
        f"https://portal/groups/{fabric.workspace_id}/datasets/{outcome.item.id}/details"
    )


def test_a_refresh_that_ended_before_its_cancel_completes(simulate: Simulate) -> None:
    """The cancel is refused, as nothing runs any more."""
    fabric = simulate(items=[MODEL], model_refreshes=[{"run_seconds": 0.5}], service={"lag_seconds": 1.5})

    outcome = asyncio.run(control_refresh(fabric, Said(), MemoryLedger(), timeout_seconds=0.9))

    assert outcome.job_instance.status == "Completed"


def test_an_unknown_model_has_a_neighbour(simulate: Simulate) -> None:
    words, _ = failure(materialize(refresh(semantic_model="Sale"), simulate(items=[MODEL])))

    assert "there is no SemanticModel 'Sale' (from asset Model)" in words
    assert "Nearest: 'Sales'" in words


def test_an_id_that_is_not_there(simulate: Simulate) -> None:
    words, _ = failure(materialize(refresh(semantic_model=ID), simulate(items=[MODEL])))

    assert f"there is no SemanticModel '{ID}' (from asset Model)" in words


@pytest.mark.parametrize(
    ("fault", "parts"),
    [
        pytest.param(
            {"status": 403, "body": {"error": {"code": "PowerBINotAuthorizedException"}}},
            ["PowerBINotAuthorizedException", "role Contributor", "Service principals can use Fabric APIs"],
            id="no-right",
        ),
        pytest.param(
            {"status": 400, "body": {"error": {"code": "InvalidRequest", "message": "bad objects"}}},
            ["400 InvalidRequest: bad objects"],
            id="refused",
        ),
        pytest.param(
            {"status": 404, "body": {"error": {"code": "PowerBIEntityNotFound"}}},
            ["404 PowerBIEntityNotFound"],
            id="no-such-dataset",
        ),
    ],
)
def test_a_refusal_names_the_asset(simulate: Simulate, fault: dict[str, Any], parts: Sequence[str]) -> None:
    fabric = simulate(items=[MODEL], faults=[{"method": "POST", "path": STARTS, **fault}])

    words, _ = failure(materialize(refresh(), fabric))

    assert words.startswith("asset Model: the refresh of semantic model 'Sales' did not start: POST /groups/")
    assert [part for part in parts if part not in words] == []
    assert statuses(fabric) == []


def test_a_table_that_the_model_has_not(tmp_path: Path) -> None:
    home = tmp_path / "home"
    folder = home / "workspaces/Local/Sales.SemanticModel"
    folder.mkdir(parents=True)
    (folder / ".platform").write_text(
        '{"metadata": {"type": "SemanticModel", "displayName": "Sales"}, "config": {"version": "2.0"}}'
    )
    source = {"type": "entity", "entityName": "orders"}
    tables = [{"name": "Orders", "partitions": [{"name": "Orders-1", "source": source}]}]
    (folder / "model.bim").write_text(json.dumps({"model": {"tables": tables}}))
    lakehouse = home / "workspaces/Local/Curated.Lakehouse"
    lakehouse.mkdir()
    (lakehouse / ".platform").write_text(
        '{"metadata": {"type": "Lakehouse", "displayName": "Curated"}, "config": {"version": "2.0"}}'
    )

    class NoEngine:
        async def aclose(self) -> None:
            pass

    with serve_in_thread(home, engine=NoEngine()) as fabric:
        words, _ = failure(materialize(refresh(objects=["Stock"]), fabric))
        assert "The model has no table Stock; it has Orders" in words
        words, _ = failure(materialize(refresh(), fabric))
        assert "Table 'Orders': its source, the Delta table 'orders', does not exist" in words
        assert "table 'Orders' partition 'Orders-1' Failed" in words
        write_deltalake(str(home / "onelake/Local/Curated.Lakehouse/Tables/orders"), pa.table({"id": [1]}))
        known = metadata(materialize(refresh(objects=["Orders"]), fabric))
        assert known["fabric/objects"].records[0].data["status"] == "Completed"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"semantic_model": ""}, "semantic model '' is no display name"),
        ({"refresh_type": "fast"}, "refresh_type is 'fast', but must be one of full, clearValues"),
        ({"commit_mode": "never"}, "commit_mode is 'never'"),
        ({"max_parallelism": 0}, "max_parallelism must be a whole number from 1"),
        ({"retry_count": True}, "retry_count must be a whole number from 0"),
        ({"effective_date": "31.5.2024"}, "effective_date must look like 2024-05-31"),
        ({"objects": [{"partition": "p"}]}, "each of objects is a table's name or"),
        ({"objects": "Orders"}, "objects must be a list"),
        ({"objects": [{"table": "T", "partition": partition_key()}]}, "but the asset has no partitions"),
        (
            {
                "objects": ["Dates", {"table": "T", "partition": partition_start("T-%Y%m")}],
                "partitions_def": dg.MonthlyPartitionsDefinition("2026-01-01"),
                "backfill_policy": dg.BackfillPolicy.single_run(),
            },
            "several to one refresh: all but one would be left as they are",
        ),
        ({"tables": [dg.AssetSpec("a")]}, "a refresh has no `tables`"),
    ],
)
def test_options_that_cannot_work(options: dict[str, Any], words: str) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="asset Model: ") as refused:
        refresh(**options)
    assert words in str(refused.value)
