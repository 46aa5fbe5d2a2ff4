"""SQL endpoints over HTTP: simulated, and with the Delta tables of a folder."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from local_api import Api, NoEngine

from fabric_assets.local.clock import ManualClock

LAKEHOUSE = {"type": "Lakehouse", "name": "Curated"}


def endpoint(api: Api, name: str = "Curated") -> str:
    listed = api.get_json(f"{api.workspace}/sqlEndpoints")["value"]
    (found,) = [entry["id"] for entry in listed if entry["displayName"] == name]
    return f"{api.workspace}/sqlEndpoints/{found}"


def refresh(api: Api, body: Any = None) -> dict[str, dict[str, Any]]:
    """Refresh and wait for the operation; returns the tables by name."""
    answer = api.post(f"{endpoint(api)}/refreshMetadata", json=body)
    if answer.status_code == 202:
        url = answer.headers["Location"]
        assert answer.headers["x-ms-operation-id"] == url.rpartition("/")[2]
        assert api.until(url, lambda body: body["status"] != "Running")["status"] == "Succeeded"
        answer = api.get(f"{url}/result")
    assert answer.status_code == 200, answer.text
    return {entry["tableName"]: entry for entry in answer.json()["value"]}


class TestItems:
    def test_a_lakehouse_has_one(self, serve: Callable[..., Api]) -> None:
        api = serve(script={"items": [LAKEHOUSE]})
        (lakehouse,) = api.get_json(f"{api.workspace}/lakehouses")["value"]
        (found,) = api.get_json(f"{api.workspace}/sqlEndpoints")["value"]
        properties = lakehouse["properties"]["sqlEndpointProperties"]
        assert (properties["id"], properties["provisioningStatus"]) == (found["id"], "Success")
        assert (found["type"], found["displayName"]) == ("SQLEndpoint", "Curated")
        assert api.get_json(f"{api.workspace}/items?type=SQLEndpoint")["value"] == [found]

    def test_it_goes_with_its_lakehouse_only(self, serve: Callable[..., Api]) -> None:
        api = serve()
        api.post(f"{api.workspace}/lakehouses", json={"displayName": "Curated"}).raise_for_status()
        item = endpoint(api).replace("/sqlEndpoints/", "/items/")
        assert api.error("DELETE", item)[2].endswith("belongs to its lakehouse: delete that.")
        (lakehouse,) = api.get_json(f"{api.workspace}/lakehouses")["value"]
        assert api.delete(f"{api.workspace}/lakehouses/{lakehouse['id']}").status_code == 200
        assert api.get_json(f"{api.workspace}/items")["value"] == []

    def test_an_unknown_one(self, serve: Callable[..., Api]) -> None:
        api = serve()
        unknown = f"{api.workspace}/sqlEndpoints/00000000-0000-0000-0000-000000000001/refreshMetadata"
        assert api.error("POST", unknown)[:2] == (404, "ItemNotFound")


class TestSimulated:
    def test_tables_and_errors_as_the_script_says(self, serve: Callable[..., Api]) -> None:
        error = {"errorCode": "AdalRetryException", "message": "log in again"}
        tables = [
            {"name": "orders"},
            {"name": "customers", "status": "Failure", "error": error},
            {"name": "dates", "status": "NotRun"},
        ]
        api = serve(script={"items": [LAKEHOUSE], "sql_refreshes": [{"tables": tables}]})
        found = refresh(api)
        assert {name: entry["status"] for name, entry in found.items()} == {
            "orders": "Success",
            "customers": "Failure",
            "dates": "NotRun",
        }
        assert found["customers"]["error"] == error
        assert found["orders"]["lastSuccessfulSyncDateTime"].endswith("Z")

    def test_it_takes_its_time(self, serve: Callable[..., Api]) -> None:
        api = serve(
            script={
                "items": [LAKEHOUSE],
                "sql_refreshes": [{"run_seconds": 30, "tables": [{"name": "orders"}]}],
            },
            clock=(clock := ManualClock()),
        )
        answer = api.post(f"{endpoint(api)}/refreshMetadata?preview=true")
        assert (answer.status_code, answer.headers["Retry-After"]) == (202, "30")
        assert api.get_json(answer.headers["Location"])["status"] == "Running"
        clock.advance(30)
        assert api.get_json(answer.headers["Location"])["status"] == "Succeeded"
        (table,) = api.get_json(f"{answer.headers['Location']}/result")["value"]
        assert table["endDateTime"] == "2026-01-01T00:00:30Z"

    @pytest.mark.parametrize(
        ("rule", "code"),
        [
            pytest.param({"error": {"errorCode": "Boom", "message": "x"}}, "Boom", id="whole"),
            pytest.param(
                {"run_seconds": 7200, "tables": [{"name": "a"}]}, "OperationTimedOut", id="time-out"
            ),
        ],
    )
    def test_an_operation_that_fails(self, serve: Callable[..., Api], rule: Any, code: str) -> None:
        api = serve(script={"items": [LAKEHOUSE], "sql_refreshes": [rule]}, clock=(clock := ManualClock()))
        body = {"timeout": {"value": 1, "timeUnit": "Hours"}}
        url = api.post(f"{endpoint(api)}/refreshMetadata", json=body).headers["Location"]
        clock.advance(3600)
        state = api.get_json(url)
        assert (state["status"], state["error"]["errorCode"]) == ("Failed", code)
        assert api.error("GET", f"{url}/result")[:2] == (400, code)

    def test_the_preview_answered_a_list(self, serve: Callable[..., Api]) -> None:
        rules = [{"tables": [{"name": "orders"}]}]
        service = {"sql_result": "list"}
        api = serve(script={"items": [LAKEHOUSE], "sql_refreshes": rules, "service": service})
        (table,) = api.post(f"{endpoint(api)}/refreshMetadata").json()
        assert table["tableName"] == "orders"

    def test_a_bad_body_is_refused(self, serve: Callable[..., Api]) -> None:
        api = serve(script={"items": [LAKEHOUSE]})
        for body in ({"timeout": 5}, {"timeout": {"value": 1, "timeUnit": "Weeks"}}, {"recreate": True}):
            assert api.error("POST", f"{endpoint(api)}/refreshMetadata", json=body)[1] == "InvalidInput"


class TestDeltaTables:
    @pytest.fixture
    def api(self, serve: Callable[..., Api]) -> Api:
        api = serve(engine=NoEngine())
        api.post(f"{api.workspace}/lakehouses", json={"displayName": "Curated"}).raise_for_status()
        return api

    @pytest.fixture
    def tables(self, tmp_path: Path) -> Path:
        return tmp_path / "home" / "onelake" / "Local" / "Curated.Lakehouse" / "Tables"

    def test_only_what_changed_is_brought_up_to_date(self, api: Api, tables: Path) -> None:
        for name in ("orders", "dates"):
            write_deltalake(str(tables / name), pa.table({"id": [1]}))
        (tables / "no_table").mkdir()
        assert {name: entry["status"] for name, entry in refresh(api).items()} == {
            "dates": "Success",
            "orders": "Success",
        }
        write_deltalake(str(tables / "orders"), pa.table({"id": [2]}), mode="append")
        before, after = refresh(api), refresh(api)
        assert (before["orders"]["status"], before["dates"]["status"]) == ("Success", "NotRun")
        assert after["orders"]["status"] == "NotRun"
        assert after["orders"]["lastSuccessfulSyncDateTime"] == before["orders"]["lastSuccessfulSyncDateTime"]
        assert refresh(api, {"recreateTables": True})["dates"]["status"] == "Success"

    def test_a_log_that_cannot_be_read_is_a_failure_of_its_table(self, api: Api, tables: Path) -> None:
        for name in ("orders", "dates"):
            write_deltalake(str(tables / name), pa.table({"id": [1]}))
        refresh(api)
        (tables / "orders" / "_delta_log" / "00000000000000000000.json").write_text("{no json")
        found = refresh(api)
        assert (found["orders"]["status"], found["dates"]["status"]) == ("Failure", "NotRun")
        assert "The Delta log of orders cannot be read" in found["orders"]["error"]["message"]
        assert found["orders"]["lastSuccessfulSyncDateTime"] is not None

    def test_tables_in_schemas(self, serve: Callable[..., Api], tmp_path: Path) -> None:
        api = serve(tmp_path / "other", engine=NoEngine())
        payload = {"displayName": "Curated", "creationPayload": {"enableSchemas": True}}
        api.post(f"{api.workspace}/lakehouses", json=payload).raise_for_status()
        folder = tmp_path / "other" / "onelake" / "Local" / "Curated.Lakehouse" / "Tables"
        write_deltalake(str(folder / "dbo" / "orders"), pa.table({"id": [1]}))
        write_deltalake(str(folder / "gold" / "dates"), pa.table({"id": [1]}))
        assert list(refresh(api)) == ["dbo.orders", "gold.dates"]
        shutil.rmtree(folder / "gold")
        assert list(refresh(api)) == ["dbo.orders"]
