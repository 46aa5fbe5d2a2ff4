"""What survives a restart, and what becomes of job instances that a stop interrupts."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from local_api import Api

from fabric_assets.local import LocalFabricError, serve_in_thread
from fabric_assets.local.home import LocalHome
from fabric_assets.local.state import JobInstance, State

SCRIPT: dict[str, Any] = {
    "notebooks": ["Orders", "Long"],
    "job_instances": [{"notebook": "Long", "never_ends": True}, {"exit_value": "3"}],
}


def test_ids_token_port_links_and_job_instances_survive(tmp_path: Path) -> None:
    def look(api: Api) -> dict[str, Any]:
        url = f"{api.item('Orders')}/jobs/instances"
        return {
            "fabric": (api.fabric.url, api.fabric.token, api.fabric.workspace_id),
            "ids": api.ids(),
            "instances": api.get_json(url),
            "sessions": api.get_json(f"{api.workspace}/spark/livySessions"),
            "capacity": api.get_json("/capacities"),
        }

    with serve_in_thread(tmp_path, script=SCRIPT) as fabric, Api(fabric) as api:
        url = api.start("Orders")
        api.wait(url)
        before = look(api)
        path = f"{api.notebook('Orders')}/jobs/execute/instances/{url.rpartition('/')[2]}?beta=true"
        link = api.get_json(path)["properties"]["computeDetails"]["monitoringInfo"]["executionSnapshotUrl"]
    with serve_in_thread(tmp_path, script=SCRIPT) as fabric, Api(fabric) as api:
        assert look(api) == before
        assert httpx.get(link, verify=False).status_code == 200


def test_what_a_stop_interrupts_is_failed_and_says_so(tmp_path: Path) -> None:
    with serve_in_thread(tmp_path, script=SCRIPT) as fabric, Api(fabric) as api:
        url = api.start("Long")
        api.until(url, lambda body: body["status"] == "InProgress")
    with serve_in_thread(tmp_path, script=SCRIPT) as fabric, Api(fabric) as api:
        body = api.get_json(url)
        assert body["status"] == "Failed"
        assert "local Fabric was stopped" in body["failureReason"]["message"]
        assert body["endTimeUtc"] is not None


def test_operations_survive(tmp_path: Path) -> None:
    script = {"service": {"long_running": True}}
    with serve_in_thread(tmp_path, script=script) as fabric, Api(fabric) as api:
        url = api.post(f"{api.workspace}/notebooks", json={"displayName": "New"}).headers["Location"]
    with serve_in_thread(tmp_path, script=script) as fabric, Api(fabric) as api:
        assert api.get_json(f"{url}/result")["displayName"] == "New"


def test_a_taken_port_is_replaced_by_a_free_one(tmp_path: Path) -> None:
    with serve_in_thread(tmp_path / "one") as first:
        port = int(first.url.split(":")[2].removesuffix("/v1"))
        home = tmp_path / "two"
        with pytest.raises(LocalFabricError, match=f"Port {port}"), serve_in_thread(home, port=port):
            pass
        with serve_in_thread(home) as second:
            assert second.url != first.url


def test_a_second_server_on_one_home_is_refused(api: Api, tmp_path: Path) -> None:
    with pytest.raises(LocalFabricError) as raised, serve_in_thread(tmp_path / "home"):
        pass
    assert api.fabric.url in str(raised.value)
    assert "fabric-assets local --stop --home" in str(raised.value)


def test_a_damaged_state_file_is_explained(tmp_path: Path) -> None:
    state = LocalHome(tmp_path).state_file
    state.write_bytes(b"no database at all" * 100)
    with pytest.raises(LocalFabricError) as raised, serve_in_thread(tmp_path):
        pass
    assert f"mv {state} {state}.old" in str(raised.value)


class TestFullDisk:
    def test_a_request_is_answered_with_what_to_do(
        self, serve: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        api = serve(script=SCRIPT)

        def full(*_: object) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(State, "add_job_instance", full)
        status, code, message = api.error("POST", f"{api.item('Orders')}/jobs/RunNotebook/instances")
        assert (status, code) == (500, "UnknownError")
        assert "is full" in message
        monkeypatch.undo()
        assert api.wait(api.start("Orders"))["status"] == "Completed"

    def test_the_end_of_a_job_instance_is_stored_when_there_is_room_again(
        self, serve: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        api = serve(script={"notebooks": ["Orders"], "job_instances": [{"exit_value": "7"}]})
        store = State.update_job_instance
        refused = threading.Event()

        def full_once(state: State, job_instance: JobInstance) -> None:
            if not job_instance.active and not refused.is_set():
                refused.set()
                raise sqlite3.OperationalError("database or disk is full")
            store(state, job_instance)

        monkeypatch.setattr(State, "update_job_instance", full_once)
        assert api.wait(api.start("Orders"))["exitValue"] == "7"
        assert refused.is_set()


class TestSample:
    def test_the_first_start_copies_it(self, serve: Callable[..., Api], tmp_path: Path) -> None:
        api = serve(with_sample=True)
        assert {"AquaVilla_LoadDimCalendar", "Base", "Curated"} <= set(api.ids())
        assert (tmp_path / "home" / "onelake" / "Local" / "Base.Lakehouse" / "Files").is_dir()
        assert not list((tmp_path / "home").rglob("__pycache__"))
        assert api.get_json(f"{api.root}/broken-items")["value"] == []

    def test_what_is_there_is_left_alone(self, serve: Callable[..., Api], tmp_path: Path) -> None:
        own = tmp_path / "home" / "workspaces" / "Local" / "Own.ipynb"
        own.parent.mkdir(parents=True)
        own.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
        assert list(serve(with_sample=True).ids()) == ["Own"]

    def test_a_later_start_does_not_bring_it_back(self, tmp_path: Path) -> None:
        with serve_in_thread(tmp_path, with_sample=True) as fabric, Api(fabric) as api:
            for item_id in api.ids().values():
                api.delete(f"{api.workspace}/items/{item_id}").raise_for_status()
        with serve_in_thread(tmp_path, with_sample=True) as fabric, Api(fabric) as api:
            assert api.ids() == {}
