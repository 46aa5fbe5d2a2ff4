"""Power BI's enhanced refresh over HTTP: simulated, and with models and Delta tables of a folder."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from local_api import Api, NoEngine

from fabric_assets.local.clock import ManualClock

MODEL = {"type": "SemanticModel", "name": "Sales"}
TMDL = """\
table {table}
\tlineageTag: 1

\tcolumn Id
\t\tdataType: int64

\tpartition {table} = entity
\t\tmode: directLake
\t\tsource
\t\t\tentityName: {entity}
\t\t\tschemaName: dbo
\t\t\texpressionSource: DatabaseQuery
"""


def refreshes(api: Api, name: str = "Sales") -> str:
    """Address of a model's refreshes."""
    group = f"{api.root}/v1.0/myorg/groups/{api.fabric.workspace_id}"
    (found,) = [entry["id"] for entry in api.get_json(f"{group}/datasets")["value"] if entry["name"] == name]
    return f"{group}/datasets/{found}/refreshes"


def start(api: Api, body: Any = None) -> str:
    """Start a refresh; returns its address."""
    answer = api.post(refreshes(api), json=body)
    assert answer.status_code == 202, answer.text
    return answer.headers["Location"]


def power_bi_error(api: Api, method: str, url: str, **request: Any) -> tuple[int, str, str]:
    answer = api.request(method, url, **request)
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


class TestSimulated:
    def test_a_refresh_takes_its_time(self, serve: Callable[..., Api]) -> None:
        rule = {"queued_seconds": 5, "run_seconds": 10, "tables": [{"name": "Orders"}]}
        api = serve(script={"items": [MODEL], "model_refreshes": [rule]}, clock=(clock := ManualClock()))
        answer = api.post(refreshes(api), json={"type": "full", "commitMode": "transactional"})
        url = answer.headers["Location"]
        refresh_id = url.rpartition("/")[2]
        assert answer.headers["RequestId"] == answer.headers["x-ms-request-id"] == refresh_id
        seen = []
        for seconds in (0, 5, 10):
            clock.advance(seconds)
            read = api.get(url)
            seen.append((read.status_code, read.json()["status"], read.json()["extendedStatus"]))
        assert seen == [
            (202, "Unknown", "NotStarted"),
            (202, "Unknown", "InProgress"),
            (200, "Completed", "Completed"),
        ]
        body = api.get_json(url)
        assert (body["type"], body["currentRefreshType"]) == ("Full", "Full")
        assert (body["startTime"], body["endTime"]) == ("2026-01-01T00:00:00", "2026-01-01T00:00:15")
        assert body["objects"] == [{"table": "Orders", "partition": "Orders", "status": "Completed"}]
        (listed,) = api.get_json(refreshes(api))["value"]
        assert (listed["requestId"], listed["refreshType"]) == (refresh_id, "ViaEnhancedApi")
        assert listed["endTime"] == "2026-01-01T00:00:15Z"

    def test_a_failure_names_its_table(self, serve: Callable[..., Api]) -> None:
        error = {"errorCode": "DM_X", "message": "column missing"}
        tables = [{"name": "Dates"}, {"name": "Orders", "status": "Failure", "error": error}]
        api = serve(script={"items": [MODEL], "model_refreshes": [{"tables": tables}]})
        body = api.get_json(start(api))
        assert (body["status"], body["extendedStatus"]) == ("Failed", "Failed")
        assert body["messages"] == [
            {"code": "ModelRefreshFailed", "message": "column missing", "type": "Error"}
        ]
        (listed,) = api.get_json(refreshes(api))["value"]
        assert listed["refreshType"] == "ViaApi"
        assert json.loads(listed["serviceExceptionJson"])["errorDescription"] == "column missing"

    def test_only_one_at_a_time(self, serve: Callable[..., Api]) -> None:
        api = serve(
            script={"items": [MODEL], "model_refreshes": [{"run_seconds": 10}]},
            clock=(clock := ManualClock()),
        )
        start(api)
        status, code, message = power_bi_error(api, "POST", refreshes(api))
        assert (status, code) == (400, "InvalidRequest")
        assert "Another refresh request is already executing" in message
        clock.advance(10)
        start(api)
        assert len(api.get_json(refreshes(api))["value"]) == 2
        assert len(api.get_json(f"{refreshes(api)}?$top=1")["value"]) == 1

    def test_cancel(self, serve: Callable[..., Api]) -> None:
        api = serve(
            script={
                "items": [MODEL],
                "model_refreshes": [{"never_ends": True}],
                "service": {"cancel_seconds": 3},
            },
            clock=(clock := ManualClock()),
        )
        url = start(api, {"type": "Full"})
        clock.advance(1)
        assert api.delete(url).status_code == 200
        assert api.get(url).json()["extendedStatus"] == "InProgress"
        clock.advance(3)
        assert (api.get_json(url)["status"], api.get_json(url)["endTime"]) == (
            "Cancelled",
            "2026-01-01T00:00:04",
        )
        assert power_bi_error(api, "DELETE", url)[0] == 400

    def test_a_timeout_of_the_request(self, serve: Callable[..., Api]) -> None:
        api = serve(
            script={"items": [MODEL], "model_refreshes": [{"run_seconds": 7200}]},
            clock=(clock := ManualClock()),
        )
        url = start(api, {"timeout": "01:00:00"})
        clock.advance(3600)
        body = api.get_json(url)
        assert (body["status"], body["extendedStatus"]) == ("Failed", "TimedOut")
        assert "time-out of 3600 s" in body["messages"][0]["message"]

    def test_reads_may_not_know_it_yet_and_lag_behind(self, serve: Callable[..., Api]) -> None:
        service = {"unseen_seconds": 2, "lag_seconds": 5}
        api = serve(script={"items": [MODEL], "service": service}, clock=(clock := ManualClock()))
        url = start(api)
        assert power_bi_error(api, "GET", url)[:2] == (404, "EntityNotFound")
        clock.advance(2)
        assert api.get(url).json()["status"] == "Unknown"
        clock.advance(3)
        assert api.get_json(url)["status"] == "Completed"

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param({"type": "Fast"}, id="type"),
            pytest.param({"commitMode": "Never"}, id="commit-mode"),
            pytest.param({"objects": [{"partition": "p"}]}, id="objects"),
            pytest.param({"timeout": "1h"}, id="time-out"),
            pytest.param({"retryCount": -1}, id="retry-count"),
            pytest.param({"typ": "Full"}, id="unknown-field"),
        ],
    )
    def test_a_bad_body_is_refused(self, serve: Callable[..., Api], body: Any) -> None:
        api = serve(script={"items": [MODEL]})
        assert power_bi_error(api, "POST", refreshes(api), json=body)[:2] == (400, "InvalidRequest")

    def test_errors_before_the_route_have_the_same_form(self, serve: Callable[..., Api]) -> None:
        api = serve(script={"items": [MODEL]})
        no_token = {"Authorization": "Bearer nobody"}
        assert power_bi_error(api, "GET", refreshes(api), headers=no_token)[:2] == (401, "InvalidToken")
        unknown = refreshes(api).replace(refreshes(api).split("/")[-2], str(uuid.uuid4()))
        assert power_bi_error(api, "POST", unknown)[:2] == (404, "ItemNotFound")

    def test_refreshes_survive_a_restart(self, serve: Callable[..., Api], tmp_path: Path) -> None:
        from fabric_assets.local import serve_in_thread

        script = {"items": [MODEL]}
        with serve_in_thread(tmp_path / "again", script=script) as fabric, Api(fabric) as api:
            refresh_id = start(api).rpartition("/")[2]
        api = serve(tmp_path / "again", script=script)
        assert api.get_json(f"{refreshes(api)}/{refresh_id}")["status"] == "Completed"


class TestModels:
    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        """A home with a lakehouse that has the tables ``orders`` and ``dates``, and the model ``Sales`` of TMDL."""
        home = tmp_path / "home"
        local = home / "workspaces" / "Local"
        for name, item_type in (("Curated", "Lakehouse"), ("Sales", "SemanticModel")):
            folder = local / f"{name}.{item_type}"
            folder.mkdir(parents=True)
            platform = {"metadata": {"type": item_type, "displayName": name}, "config": {"version": "2.0"}}
            (folder / ".platform").write_text(json.dumps(platform))
        for name in ("orders", "dates"):
            folder = home / "onelake" / "Local" / "Curated.Lakehouse" / "Tables" / name
            write_deltalake(str(folder), pa.table({"id": [1, 2]}))
        tables = local / "Sales.SemanticModel" / "definition" / "tables"
        tables.mkdir(parents=True)
        (tables / "Orders.tmdl").write_text(TMDL.format(table="Orders", entity="orders"))
        (tables / "Dates.tmdl").write_text(TMDL.format(table="'Sales Dates'", entity="dates"))
        return home

    def test_its_delta_tables_are_read(self, serve: Callable[..., Api], home: Path) -> None:
        api = serve(home, engine=NoEngine())
        body = api.get_json(start(api))
        assert (body["status"], body["messages"]) == ("Completed", [])
        assert [entry["table"] for entry in body["objects"]] == ["Sales Dates", "Orders"]

    def test_a_missing_table_fails_with_its_name(self, serve: Callable[..., Api], home: Path) -> None:
        (home / "workspaces/Local/Sales.SemanticModel/definition/tables/New.tmdl").write_text(
            TMDL.format(table="New", entity="order")
        )
        api = serve(home, engine=NoEngine())
        body = api.get_json(start(api))
        assert body["status"] == "Failed"
        (message,) = [entry["message"] for entry in body["messages"]]
        assert "Table 'New'" in message
        assert "the Delta table 'order', does not exist" in message
        assert "nearest: 'orders'" in message
        assert api.get_json(start(api, {"objects": [{"table": "Orders"}]}))["objects"][0]["table"] == "Orders"

    def test_an_object_that_the_model_has_not(self, serve: Callable[..., Api], home: Path) -> None:
        api = serve(home, engine=NoEngine())
        body = api.get_json(start(api, {"objects": [{"table": "Stock"}]}))
        assert body["messages"][0]["message"] == "The model has no table Stock; it has Orders, Sales Dates."

    def test_a_model_bim(self, serve: Callable[..., Api], home: Path) -> None:
        expression = ["let Source = Sql.Database()", 'in Source{[Schema="dbo",Item="dates"]}[Data]']
        source = {"type": "m", "expression": expression}
        calculated = {"type": "calculated", "expression": "ROW(1)"}
        entity = {"type": "entity", "entityName": "orders"}
        tables = [
            {"name": name, "partitions": [{"name": f"{name}-1", "source": source}]}
            for name, source in (("A", source), ("B", calculated), ("C", entity))
        ]
        folder = home / "workspaces/Local/Sales.SemanticModel"
        (folder / "model.bim").write_text(json.dumps({"model": {"tables": tables}}))
        api = serve(home, engine=NoEngine())
        body = api.get_json(start(api))
        assert body["status"] == "Completed", body
        assert [entry["partition"] for entry in body["objects"]] == ["A-1", "B-1", "C-1"]
        (folder / "model.bim").write_text("{")
        body = api.get_json(start(api))
        assert "Semantic model 'Sales': its definition cannot be read" in body["messages"][0]["message"]
