"""Workspaces, items, notebooks and lakehouses over HTTP, and the folders behind them."""

import base64
import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from local_api import Api

NOTEBOOK = "# Fabric notebook source\n\n\n# CELL ********************\n\nprint('ü')\n"
IPYNB = json.dumps(
    {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernel_info": {"name": "synapse_pyspark"}},
        "cells": [
            {
                "cell_type": "code",
                "source": "print(1)",
                "metadata": {},
                "outputs": [],
                "execution_count": None,
            }
        ],
    }
)


def platform(name: str, item_type: str = "Notebook", logical_id: str | None = None) -> str:
    config = {"version": "2.0"} | ({"logicalId": logical_id} if logical_id else {})
    return json.dumps({"metadata": {"type": item_type, "displayName": name}, "config": config})


def write_notebook(folder: Path, name: str, logical_id: str | None = None) -> Path:
    path = folder / f"{name}.Notebook"
    path.mkdir(parents=True)
    (path / ".platform").write_text(platform(name, logical_id=logical_id))
    (path / "notebook-content.py").write_text(NOTEBOOK, encoding="utf-8")
    return path


def part(path: str, content: str) -> dict[str, str]:
    return {
        "path": path,
        "payload": base64.b64encode(content.encode()).decode(),
        "payloadType": "InlineBase64",
    }


def parts_of(answer: Any) -> dict[str, str]:
    return {
        entry["path"]: base64.b64decode(entry["payload"]).decode() for entry in answer["definition"]["parts"]
    }


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """The folder of the default workspace, before a server runs on it."""
    folder = tmp_path / "home" / "workspaces" / "Local"
    folder.mkdir(parents=True)
    return folder


class TestWorkspaces:
    def test_each_folder_is_a_workspace(self, serve: Callable[..., Api], local: Path) -> None:
        (local.parent / "Marketing").mkdir()
        api = serve()
        listed = api.get_json("/workspaces")["value"]
        assert [workspace["displayName"] for workspace in listed] == ["Local", "Marketing"]
        assert {"id", "displayName", "description", "type", "capacityId"} <= set(listed[0])
        assert listed[0]["id"] == api.fabric.workspace_id
        assert api.get_json(f"/workspaces/{listed[1]['id']}")["displayName"] == "Marketing"

    def test_the_default_one_is_created(self, serve: Callable[..., Api], tmp_path: Path) -> None:
        serve()
        assert (tmp_path / "home" / "workspaces" / "Local").is_dir()

    def test_an_unknown_one_is_refused(self, api: Api) -> None:
        assert api.error("GET", f"/workspaces/{uuid.uuid4()}")[:2] == (404, "WorkspaceNotFound")

    def test_roles_filter(self, api: Api) -> None:
        assert len(api.get_json("/workspaces?roles=Admin,Member")["value"]) == 1
        assert api.get_json("/workspaces?roles=Viewer")["value"] == []
        assert api.error("GET", "/workspaces?roles=Boss")[1] == "InvalidParameter"

    def test_capacities(self, api: Api) -> None:
        (capacity,) = api.get_json("/capacities")["value"]
        assert {"id", "displayName", "sku", "region", "state"} == set(capacity)


class TestItems:
    def test_items_are_found_in_nested_folders_and_as_bare_notebooks(
        self, serve: Callable[..., Api], local: Path
    ) -> None:
        write_notebook(local / "Gold" / "Daily", "Orders")
        (local / "Try.ipynb").write_text(IPYNB)
        environment = local / "Env.Environment"
        environment.mkdir()
        (environment / ".platform").write_text(platform("Env", "Environment"))
        api = serve()
        listed = api.get_json(f"{api.workspace}/items")["value"]
        assert [(item["type"], item["displayName"]) for item in listed] == [
            ("Environment", "Env"),
            ("Notebook", "Orders"),
            ("Notebook", "Try"),
        ]
        assert {"id", "type", "displayName", "description", "workspaceId"} == set(listed[0])
        assert api.get_json(f"{api.workspace}/items/{listed[0]['id']}") == listed[0]

    def test_the_name_in_the_platform_file_counts(self, serve: Callable[..., Api], local: Path) -> None:
        path = write_notebook(local, "Old")
        (path / ".platform").write_text(platform("New"), encoding="utf-8-sig")
        assert list(serve().ids()) == ["New"]

    def test_types_filter(self, serve: Callable[..., Api], local: Path) -> None:
        write_notebook(local, "Orders")
        api = serve()
        assert len(api.get_json(f"{api.workspace}/items?type=notebook")["value"]) == 1
        assert api.get_json(f"{api.workspace}/items?type=Lakehouse")["value"] == []
        assert api.error("GET", f"{api.workspace}/items?type=Artifact")[1] == "InvalidItemType"

    def test_pages(self, serve: Callable[..., Api]) -> None:
        api = serve(script={"notebooks": 5, "service": {"page_size": 2}})
        first = api.get_json(f"{api.workspace}/items?type=Notebook")
        assert first["continuationUri"].startswith(
            f"{api.root}/v1{api.workspace}/items?type=Notebook&continuationToken="
        )
        second = api.get_json(
            f"{api.workspace}/items?continuationToken={first['continuationToken']}&type=Notebook"
        )
        third = api.get_json(second["continuationUri"])
        assert "continuationToken" not in third
        names = [item["displayName"] for page in (first, second, third) for item in page["value"]]
        assert names == [f"Notebook_{number:04}" for number in range(1, 6)]

    def test_edits_of_the_folder_are_seen_at_the_next_request(
        self, serve: Callable[..., Api], local: Path
    ) -> None:
        api = serve()
        assert api.ids() == {}
        path = write_notebook(local, "Orders")
        assert list(api.ids()) == ["Orders"]
        (path / ".platform").write_text(platform("Orders of today"))
        assert list(api.ids()) == ["Orders of today"]
        path.rename(local.parent / "gone")
        assert api.ids() == {}

    def test_ids_follow_the_logical_id_not_the_place(self, serve: Callable[..., Api], local: Path) -> None:
        path = write_notebook(local, "Orders", str(uuid.uuid4()))
        api = serve()
        before = api.ids()["Orders"]
        (local / "Sub").mkdir()
        path.rename(local / "Sub" / path.name)
        assert api.ids() == {"Orders": before}

    def test_the_zero_logical_id_of_exports_counts_as_none(
        self, serve: Callable[..., Api], local: Path
    ) -> None:
        for name in ("A", "B"):
            write_notebook(local, name, "00000000-0000-0000-0000-000000000000")
        api = serve()
        assert len(set(api.ids().values())) == 2
        assert api.get_json(f"{api.root}/broken-items")["value"] == []

    def test_an_item_of_another_type_is_not_found_on_a_typed_route(
        self, serve: Callable[..., Api], local: Path
    ) -> None:
        write_notebook(local, "Orders")
        api = serve()
        item_id = api.ids()["Orders"]
        assert api.get(f"{api.workspace}/notebooks/{item_id}").status_code == 200
        assert api.error("GET", f"{api.workspace}/lakehouses/{item_id}")[:2] == (404, "ItemNotFound")


class TestBrokenItems:
    def broken(self, api: Api) -> dict[str, str]:
        return {entry["path"]: entry["reason"] for entry in api.get_json(f"{api.root}/broken-items")["value"]}

    @pytest.mark.parametrize(
        ("file", "content", "reason"),
        [
            pytest.param(".platform", "{", ".platform cannot be read", id="no-json"),
            pytest.param(".platform", "[]", "needs the objects", id="no-object"),
            pytest.param(
                ".platform", '{"metadata": {"type": "Notebook"}}', "metadata.displayName", id="no-name"
            ),
            pytest.param(".platform", platform("X", logical_id="7"), "no GUID", id="logical-id"),
            pytest.param(".platform", None, "no .platform", id="no-platform"),
            pytest.param(
                "notebook-content.py", "print(1)", "notebook-content.py, line 1", id="no-notebook-source"
            ),
            pytest.param("notebook-content.py", None, "has none", id="no-source"),
        ],
    )
    def test_a_bad_item_is_listed_with_the_reason_and_the_rest_loads(
        self, serve: Callable[..., Api], local: Path, file: str, content: str | None, reason: str
    ) -> None:
        write_notebook(local, "Good")
        path = write_notebook(local, "Bad")
        if content is None:
            (path / file).unlink()
        else:
            (path / file).write_text(content)
        api = serve()
        assert set(api.ids()) == {"Good", "Bad"}
        assert reason in self.broken(api)["workspaces/Local/Bad.Notebook"]
        status, code, message = api.error("POST", f"{api.item('Bad')}/jobs/RunNotebook/instances")
        assert (status, code) == (400, "InvalidItemDefinition")
        assert reason in message
        assert api.wait(api.start("Good"))["status"] == "Completed"

    def test_two_items_with_one_logical_id_are_both_broken(
        self, serve: Callable[..., Api], local: Path
    ) -> None:
        same = str(uuid.uuid4())
        write_notebook(local, "A", same)
        write_notebook(local, "B", same)
        api = serve()
        assert "same logicalId" in self.broken(api)["workspaces/Local/A.Notebook"]
        assert "A.Notebook" in self.broken(api)["workspaces/Local/B.Notebook"]
        assert len(set(api.ids().values())) == 2

    def test_two_items_with_one_type_and_name_are_both_broken(
        self, serve: Callable[..., Api], local: Path
    ) -> None:
        write_notebook(local / "One", "Orders")
        write_notebook(local / "Two", "orders")
        api = serve()
        assert len(self.broken(api)) == 2
        assert len(set(api.ids().values())) == 2

    def test_links_out_of_the_home_are_not_followed(
        self, serve: Callable[..., Api], local: Path, tmp_path: Path
    ) -> None:
        outside = write_notebook(tmp_path / "outside", "Secret")
        (local / "Secret.Notebook").symlink_to(outside)
        inside = write_notebook(local, "Inside")
        (inside / "notebook-content.py").unlink()
        (inside / "notebook-content.py").symlink_to(outside / "notebook-content.py")
        api = serve()
        assert "link" in self.broken(api)["workspaces/Local/Secret.Notebook"]
        assert "link" in self.broken(api)["workspaces/Local/Inside.Notebook"]
        assert list(api.ids()) == ["Inside"]

    def test_a_lakehouse_name_cannot_leave_the_home(self, serve: Callable[..., Api], local: Path) -> None:
        folder = local / "X.Lakehouse"
        folder.mkdir()
        (folder / ".platform").write_text(platform("../../../X", "Lakehouse"))
        assert "folder's name" in self.broken(serve())["workspaces/Local/X.Lakehouse"]

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
    def test_an_unreadable_folder_is_listed(self, serve: Callable[..., Api], local: Path) -> None:
        write_notebook(local, "Good")
        closed = local / "Closed"
        closed.mkdir(mode=0)
        api = serve()
        assert "cannot be read" in self.broken(api)["workspaces/Local/Closed"]
        assert list(api.ids()) == ["Good"]


class TestNotebooks:
    def test_create_without_definition_writes_a_notebook_in_git_format(
        self, serve: Callable[..., Api], local: Path
    ) -> None:
        api = serve()
        body = {"displayName": "Ümläut 1", "description": "first"}
        answer = api.post(f"{api.workspace}/notebooks", json=body)
        assert answer.status_code == 201
        created = answer.json()
        assert created == api.get_json(f"{api.workspace}/notebooks/{created['id']}")
        assert (created["displayName"], created["description"]) == ("Ümläut 1", "first")
        written = json.loads((local / "Ümläut 1.Notebook" / ".platform").read_text(encoding="utf-8"))
        assert written["metadata"] == {"type": "Notebook", "displayName": "Ümläut 1", "description": "first"}
        uuid.UUID(written["config"]["logicalId"])

    @pytest.mark.parametrize(
        ("file", "content", "wanted"),
        [
            pytest.param("notebook-content.py", NOTEBOOK, None, id="git"),
            pytest.param("notebook-content.ipynb", IPYNB, "ipynb", id="ipynb"),
        ],
    )
    def test_a_definition_comes_back_as_it_was_sent(
        self, serve: Callable[..., Api], file: str, content: str, wanted: str | None
    ) -> None:
        api = serve()
        definition = {"parts": [part(file, content), part(".platform", platform("Other"))]}
        body = {"displayName": "Orders", "definition": definition}
        api.post(f"{api.workspace}/notebooks", json=body).raise_for_status()
        query = f"?format={wanted}" if wanted else ""
        parts = parts_of(api.post(f"{api.notebook('Orders')}/getDefinition{query}").json())
        assert parts[file] == content
        exported = json.loads(parts[".platform"])
        assert exported["metadata"]["displayName"] == "Orders"
        assert exported["config"]["logicalId"] == "00000000-0000-0000-0000-000000000000"

    def test_definitions_are_converted_to_the_format_asked_for(self, serve: Callable[..., Api]) -> None:
        api = serve()
        for name, file, content in (
            ("Git", "notebook-content.py", NOTEBOOK),
            ("Nb", "notebook-content.ipynb", IPYNB),
        ):
            body = {"displayName": name, "definition": {"parts": [part(file, content)]}}
            api.post(f"{api.workspace}/notebooks", json=body).raise_for_status()
        as_ipynb = parts_of(api.post(f"{api.notebook('Git')}/getDefinition?format=ipynb").json())
        assert "print('ü')" in str(json.loads(as_ipynb["notebook-content.ipynb"])["cells"])
        as_text = parts_of(api.post(f"{api.notebook('Nb')}/getDefinition?format=FabricGitSource").json())
        assert "print(1)" in as_text["notebook-content.py"]

    def test_update_definition_replaces_the_files_and_keeps_the_id(
        self, serve: Callable[..., Api], local: Path
    ) -> None:
        write_notebook(local, "Orders", str(uuid.uuid4()))
        api = serve()
        item_id = api.ids()["Orders"]
        definition = {"format": "ipynb", "parts": [part("notebook-content.ipynb", IPYNB)]}
        answer = api.post(f"{api.notebook('Orders')}/updateDefinition", json={"definition": definition})
        assert answer.status_code == 200
        assert api.ids() == {"Orders": item_id}
        assert sorted(path.name for path in (local / "Orders.Notebook").iterdir()) == [
            ".platform",
            "notebook-content.ipynb",
        ]

    def test_update_definition_takes_name_and_description_if_told(
        self, serve: Callable[..., Api], local: Path
    ) -> None:
        write_notebook(local, "Orders")
        api = serve()
        definition = {
            "parts": [part("notebook-content.py", NOTEBOOK), part(".platform", platform("New name"))]
        }
        path = f"{api.notebook('Orders')}/updateDefinition"
        api.post(path, json={"definition": definition}).raise_for_status()
        assert list(api.ids()) == ["Orders"]
        api.post(f"{path}?updateMetadata=true", json={"definition": definition}).raise_for_status()
        assert list(api.ids()) == ["New name"]

    def test_name_and_description_can_be_changed(self, serve: Callable[..., Api], local: Path) -> None:
        write_notebook(local, "Orders")
        write_notebook(local, "Customers")
        api = serve()
        item_id = api.ids()["Orders"]
        changed = api.patch(
            api.notebook("Orders"), json={"displayName": "Sales", "description": "new"}
        ).json()
        assert (changed["id"], changed["displayName"], changed["description"]) == (item_id, "Sales", "new")
        path = api.notebook("Sales")
        assert api.error("PATCH", path, json={"displayName": "customers"})[:2] == (
            409,
            "ItemDisplayNameAlreadyInUse",
        )
        assert api.error("PATCH", path, json={"name": "x"})[1] == "InvalidInput"
        assert api.error("PATCH", path, json={})[1] == "InvalidInput"

    def test_a_bare_notebook_can_be_run_and_changed_but_not_renamed(
        self, serve: Callable[..., Api], local: Path
    ) -> None:
        (local / "Try.ipynb").write_text(IPYNB)
        api = serve()
        assert api.wait(api.start("Try"))["status"] == "Completed"
        assert (
            api.error("PATCH", api.notebook("Try"), json={"displayName": "X"})[1]
            == "OperationNotSupportedForItem"
        )
        definition = {"parts": [part("notebook-content.ipynb", IPYNB.replace("print(1)", "print(2)"))]}
        api.post(
            f"{api.notebook('Try')}/updateDefinition", json={"definition": definition}
        ).raise_for_status()
        assert "print(2)" in (local / "Try.ipynb").read_text()

    def test_delete(self, serve: Callable[..., Api], local: Path) -> None:
        write_notebook(local, "Orders")
        (local / "Try.ipynb").write_text(IPYNB)
        api = serve()
        url = api.start("Orders")
        api.wait(url)
        assert api.delete(api.notebook("Orders")).status_code == 200
        assert api.delete(f"{api.item('Try')}?hardDelete=true").status_code == 200
        assert (api.ids(), list(local.iterdir())) == ({}, [])
        assert api.get_json(url)["status"] == "Completed"

    @pytest.mark.parametrize(
        "name",
        ["../x", "a/b", "a\\b", "..", ".hidden", "", " blank", "c:x", "line\nbreak", "x" * 300],
    )
    def test_names_that_could_leave_the_folder_are_refused(self, shared_api: Api, name: str) -> None:
        assert shared_api.error("POST", f"{shared_api.workspace}/notebooks", json={"displayName": name})[
            :2
        ] == (
            400,
            "InvalidInput",
        )
        assert list(shared_api.ids()) == ["Orders"]

    @pytest.mark.parametrize("path", ["../x.py", "/etc/x", "a\\..\\b", "a/../../b", "", ".", "c:/x"])
    def test_part_paths_that_leave_the_folder_are_refused(self, shared_api: Api, path: str) -> None:
        definition = {"parts": [part("notebook-content.py", NOTEBOOK), part(path, "x")]}
        body = {"displayName": "New", "definition": definition}
        status, code, message = shared_api.error("POST", f"{shared_api.workspace}/notebooks", json=body)
        assert (status, code) == (400, "InvalidInput")
        assert "leaves the item's folder" in message
        assert list(shared_api.ids()) == ["Orders"]

    @pytest.mark.parametrize(
        ("definition", "message"),
        [
            pytest.param({"parts": []}, "'parts'", id="no-parts"),
            pytest.param({"parts": [part("x.py", "1")]}, "exactly one of the parts", id="no-content"),
            pytest.param(
                {"parts": [part("notebook-content.py", "1")]}, "notebook-content.py, line 1", id="no-notebook"
            ),
            pytest.param(
                {"parts": [{"path": "x", "payload": "%", "payloadType": "InlineBase64"}]},
                "base64",
                id="base64",
            ),
            pytest.param({"parts": [{"path": "x", "payload": ""}]}, "payloadType", id="payload-type"),
            pytest.param({"format": "docx", "parts": [part("x", "")]}, "no format", id="format"),
        ],
    )
    def test_a_bad_definition_is_refused(self, shared_api: Api, definition: Any, message: str) -> None:
        body = {"displayName": "New", "definition": definition}
        status, _, text = shared_api.error("POST", f"{shared_api.workspace}/notebooks", json=body)
        assert status == 400
        assert message in text

    def test_a_taken_name_is_refused(self, serve: Callable[..., Api]) -> None:
        api = serve()
        api.post(f"{api.workspace}/notebooks", json={"displayName": "Orders"}).raise_for_status()
        status, code, _ = api.error("POST", f"{api.workspace}/notebooks", json={"displayName": "ORDERS"})
        assert (status, code) == (409, "ItemDisplayNameAlreadyInUse")

    def test_generic_create_wants_a_type_that_can_be_created(self, serve: Callable[..., Api]) -> None:
        api = serve()
        path = f"{api.workspace}/items"
        assert api.post(path, json={"displayName": "Orders", "type": "Notebook"}).status_code == 201
        assert api.error("POST", path, json={"displayName": "X"})[1] == "InvalidItemType"
        assert (
            api.error("POST", path, json={"displayName": "X", "type": "Report"})[1] == "FeatureNotAvailable"
        )
        assert (
            api.error("POST", path, json={"displayName": "X", "type": "Notebook", "color": 1})[1]
            == "InvalidInput"
        )


class TestLakehouses:
    def test_create_writes_item_and_data_folders(
        self, serve: Callable[..., Api], local: Path, tmp_path: Path
    ) -> None:
        api = serve()
        created = api.post(f"{api.workspace}/lakehouses", json={"displayName": "Base"}).json()
        body = api.get_json(f"{api.workspace}/lakehouses/{created['id']}")
        assert {"oneLakeTablesPath", "oneLakeFilesPath"} <= set(body["properties"])
        assert (local / "Base.Lakehouse" / ".platform").is_file()
        data = tmp_path / "home" / "onelake" / "Local" / "Base.Lakehouse"
        assert sorted(path.name for path in data.iterdir()) == ["Files", "Tables"]
        assert [entry["displayName"] for entry in api.get_json(f"{api.workspace}/lakehouses")["value"]] == [
            "Base"
        ]

    def test_tables_are_the_delta_folders(self, serve: Callable[..., Api], tmp_path: Path) -> None:
        api = serve()
        lakehouse = api.post(f"{api.workspace}/lakehouses", json={"displayName": "Base"}).json()["id"]
        tables = tmp_path / "home" / "onelake" / "Local" / "Base.Lakehouse" / "Tables"
        for name in ("b", "a"):
            (tables / name / "_delta_log").mkdir(parents=True)
        (tables / "no_table").mkdir()
        path = f"{api.workspace}/lakehouses/{lakehouse}/tables"
        first = api.get_json(f"{path}?maxResults=1")
        second = api.get_json(first["continuationUri"])
        assert [table["name"] for table in first["data"] + second["data"]] == ["a", "b"]
        assert {"type", "name", "location", "format"} == set(first["data"][0])
        assert second["continuationToken"] is None
        assert api.error("GET", f"{path}?maxResults=0")[1] == "InvalidParameter"

    def test_with_schemas(self, serve: Callable[..., Api]) -> None:
        api = serve()
        body = {"displayName": "Base", "creationPayload": {"enableSchemas": True}}
        lakehouse = api.post(f"{api.workspace}/lakehouses", json=body).json()["id"]
        path = f"{api.workspace}/lakehouses/{lakehouse}"
        assert api.get_json(path)["properties"]["defaultSchema"] == "dbo"
        assert api.error("GET", f"{path}/tables")[1] == "UnsupportedOperationForSchemasEnabledLakehouse"

    def test_delete_takes_the_data_along(self, serve: Callable[..., Api], tmp_path: Path) -> None:
        api = serve()
        api.post(f"{api.workspace}/lakehouses", json={"displayName": "Base"}).raise_for_status()
        api.delete(api.item("Base")).raise_for_status()
        assert not (tmp_path / "home" / "onelake" / "Local" / "Base.Lakehouse").exists()


class TestDataPipelines:
    def test_a_definition_comes_back_as_it_was_sent(self, serve: Callable[..., Api], local: Path) -> None:
        api = serve()
        content = '{"properties": {"activities": []}}'
        definition = {"parts": [part("pipeline-content.json", content)]}
        body = {"displayName": "Nightly", "definition": definition}
        created = api.post(f"{api.workspace}/dataPipelines", json=body).json()
        assert created["type"] == "DataPipeline"
        assert (local / "Nightly.DataPipeline" / "pipeline-content.json").read_text() == content
        answer = api.post(f"{api.workspace}/dataPipelines/{created['id']}/getDefinition").json()
        assert parts_of(answer)["pipeline-content.json"] == content
        assert api.post(f"{api.item('Nightly')}/getDefinition").json() == answer


class TestOperations:
    def test_definitions_can_be_long_running(self, serve: Callable[..., Api], local: Path) -> None:
        write_notebook(local, "Orders")
        api = serve(script={"service": {"long_running": True}})
        answer = api.post(f"{api.notebook('Orders')}/getDefinition")
        assert (answer.status_code, answer.content, answer.headers["Retry-After"]) == (202, b"", "30")
        operation_id = answer.headers["x-ms-operation-id"]
        assert answer.headers["Location"] == f"{api.root}/v1/operations/{operation_id}"
        state = api.get(answer.headers["Location"])
        assert (state.json()["status"], state.json()["percentComplete"]) == ("Succeeded", 100)
        assert {"createdTimeUtc", "lastUpdatedTimeUtc"} <= set(state.json())
        assert parts_of(api.get_json(state.headers["Location"]))["notebook-content.py"] == NOTEBOOK

    def test_an_operation_without_a_result_says_so(self, serve: Callable[..., Api], local: Path) -> None:
        write_notebook(local, "Orders")
        api = serve(script={"service": {"long_running": True}})
        definition = {"parts": [part("notebook-content.py", NOTEBOOK)]}
        answer = api.post(f"{api.notebook('Orders')}/updateDefinition", json={"definition": definition})
        result = f"{answer.headers['Location']}/result"
        assert api.error("GET", result)[1] == "OperationHasNoResult"
        assert api.error("GET", f"/operations/{uuid.uuid4()}")[:2] == (404, "EntityNotFound")
