"""Materializations of notebook assets that name their tables, against the local Fabric over real HTTP."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import httpx
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from fabric_assets import FabricResource, LakehouseTable
from fabric_assets.client.auth import StaticToken
from fabric_assets.connection import Connection
from fabric_assets.tables import location
from fabric_assets.tables.errors import TableError
from fabric_assets.tables.metadata import read_table
from tests.tables import onelake
from tests.tables.conftest import Lake, dim_x, known, log_lines
from tests.tables.delta_tables import drop_statistics, need_features, write


def test_a_materialization_tells_what_the_delta_log_knows(lake: Lake) -> None:
    folder = write(lake.table("dim_all"), id=[1, 2], name=["a", None])

    told = known(lake.materialize([dim_x(table="Curated.dim_all")]))

    assert told["dagster/row_count"] == 2
    assert [(c.name, c.type) for c in told["dagster/column_schema"].columns] == [
        ("id", "bigint"),
        ("name", "string"),
    ]
    assert told["dagster/table_name"] == "Curated.dim_all"
    assert told["dagster/uri"] == str(folder)
    assert (told["fabric/table_version"], told["fabric/table_files"]) == (0, 1)
    assert told["fabric/table_size_bytes"] > 0
    assert told["fabric/table_committed"] > 0
    assert told["rows_inserted"] == 1


def test_without_statistics_the_row_count_of_the_exit_value_stays(lake: Lake) -> None:
    drop_statistics(write(lake.table("dim_unknown"), id=[1, 2]))

    told = known(lake.materialize([dim_x(table="Curated.dim_unknown")]))

    assert told["dagster/row_count"] == 99
    assert [column.name for column in told["dagster/column_schema"].columns] == ["id"]


def test_an_asset_without_a_table_has_what_its_notebook_says(lake: Lake) -> None:
    told = known(lake.materialize([dim_x()]))

    assert told["dagster/row_count"] == 99
    assert "fabric/table_version" not in told


def test_each_asset_of_a_notebook_with_several_tables_tells_of_its_own(lake: Lake) -> None:
    write(lake.table("one"), id=[1])
    write(lake.table("two"), id=[1, 2])
    specs = [dg.AssetSpec(name, metadata={"fabric/table": f"Curated.{name}"}) for name in ("one", "two")]

    result = lake.materialize([dim_x(tables=specs)])

    events = result.asset_materializations_for_node("DimX")
    assert {e.asset_key.to_user_string(): e.metadata["dagster/row_count"].value for e in events} == {
        "one": 1,
        "two": 2,
    }


@pytest.mark.parametrize(
    ("folder", "table"),
    [
        pytest.param("dim_case", "curated.DIM_CASE", id="case"),
        pytest.param("dbo/dim_default", "Curated.dim_default", id="default-schema"),
        pytest.param("Sales/dim_schema", "Curated.sales.dim_schema", id="schema"),
        pytest.param("dim_ws", "Local.Curated.dbo.dim_ws", id="other-workspace"),
        pytest.param(
            "dim_url",
            "abfss://Local@onelake.dfs.fabric.microsoft.com/Curated.Lakehouse/Tables/dim_url",
            id="path",
        ),
    ],
)
def test_names_are_found_as_spark_finds_them(lake: Lake, folder: str, table: str) -> None:
    path = lake.table(folder if "dim_ws" not in folder else "dbo/dim_ws")
    write(path, id=[1])

    assert known(lake.materialize([dim_x(table=table)]))["dagster/uri"] == str(path)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        pytest.param("Curated.nowhere", "there is no Delta table in .*nowhere or .*dbo", id="no-table"),
        pytest.param("Curatd.dim", "there is no Lakehouse 'Curatd' .*Nearest: 'Curated'", id="no-lakehouse"),
        pytest.param("Else.Curated.dbo.dim", "there is no workspace 'Else'", id="no-workspace"),
        pytest.param("Curated.newer", "newer Delta reader", id="newer-log"),
    ],
)
def test_a_log_that_cannot_be_read_is_a_warning_and_fails_nothing(
    lake: Lake, table: str, reason: str
) -> None:
    if not lake.table("newer").exists():
        need_features(write(lake.table("newer"), id=[1]), "timeMachine")

    with dg.instance_for_test() as instance:
        result = lake.materialize([dim_x(table=table)], instance)
        lines = log_lines(instance, result.run_id)

    assert result.success
    told = known(result)
    assert told["dagster/row_count"] == 99
    assert "fabric/table_version" not in told
    (line,) = [line for line in lines if "without metadata of its table" in line]
    assert line.startswith(f"asset DimX: loaded, but without metadata of its table: table {table}: ")
    assert re.search(reason, line)


def test_the_folder_of_another_local_fabric_is_not_read(lake: Lake, tmp_path: Path) -> None:
    fields = {"api_url": lake.fabric.url, "access_token": lake.fabric.token}
    fabric = FabricResource(workspace=lake.fabric.workspace_id, local_home=str(tmp_path), **fields)

    with pytest.raises(TableError, match=r"are not in .* Set FABRIC_LOCAL_HOME"):
        read_table(fabric, LakehouseTable("dim", "Curated"), asset="DimX", workspace=None)


def test_without_deltalake_the_warning_names_the_extra(tmp_path: Path) -> None:
    write(tmp_path / "t", id=[1])
    program = (
        "import sys; sys.modules['deltalake'] = None\n"
        "from fabric_assets.tables.delta_log import read_table_state\n"
        "from fabric_assets.tables.table_location import TableLocation\n"
        f"try: read_table_state(TableLocation({str(tmp_path / 't')!r}))\n"
        "except Exception as error: print(error)"
    )

    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert "pip install 'fabric_assets[tables]'" in said


@pytest.fixture
def remote(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[onelake.OneLakeServer]:
    """The lakehouse's tables in OneLake, as a workspace has them that is not local; both served over HTTP."""
    with onelake.serve(tmp_path / "onelake", "storage-token") as server:
        monkeypatch.setattr(Connection, "is_local", False)
        monkeypatch.setattr(location, "_storage_token", StaticToken("storage-token"))
        options = {"azure_endpoint": server.url, "allow_http": "true", "timeout": "20s"}
        monkeypatch.setattr(location, "_ONELAKE_OPTIONS", options)
        yield server


def curated_in(remote: onelake.OneLakeServer, lake: Lake) -> Path:
    """The folder of ``Curated``, under its ids."""
    url = f"{lake.fabric.url}/workspaces/{lake.fabric.workspace_id}/lakehouses"
    answer = httpx.get(url, headers={"Authorization": f"Bearer {lake.fabric.token}"}).json()
    (item_id,) = [item["id"] for item in answer["value"] if item["displayName"] == "Curated"]
    return remote.root / lake.fabric.workspace_id / item_id


def test_a_table_in_onelake_is_read_by_ids_with_a_storage_token(
    lake: Lake, remote: onelake.OneLakeServer
) -> None:
    folder = curated_in(remote, lake) / "Tables" / "dim_x"
    write(folder, id=[1, 2, 3])
    write_deltalake(str(folder), pa.table({"id": [4]}), mode="append")

    told = known(lake.materialize([dim_x(table="Curated.dim_x")]))

    assert (told["dagster/row_count"], told["fabric/table_version"]) == (4, 1)
    assert told["dagster/uri"].startswith(
        f"abfss://{lake.fabric.workspace_id}@onelake.dfs.fabric.microsoft.com/"
    )
    assert not [name for name in remote.requests if name.endswith(".parquet")]


def test_a_table_in_the_default_schema_of_onelake_is_found(lake: Lake, remote: onelake.OneLakeServer) -> None:
    write(curated_in(remote, lake) / "Tables" / "dbo" / "dim_x", id=[1])

    assert known(lake.materialize([dim_x(table="Curated.dim_x")]))["dagster/uri"].endswith(
        "/Tables/dbo/dim_x"
    )


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        pytest.param(403, "this identity may not read it .*ReadAll", id="no-rights"),
        pytest.param(
            404, "there is no Delta table in abfss://.* or abfss://.*/dbo/dim_x", id="nothing-there"
        ),
    ],
)
def test_what_onelake_refuses_is_told(
    lake: Lake, remote: onelake.OneLakeServer, status: int, reason: str
) -> None:
    remote.refuse = status

    with pytest.raises(TableError, match=f"table Curated.dim_x: {reason}") as raised:
        read_table(lake.resource(), LakehouseTable("dim_x", "Curated"), asset="DimX", workspace=None)
    assert "storage-token" not in str(raised.value)


def test_no_token_for_onelake_is_told(
    lake: Lake, remote: onelake.OneLakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(location, "_storage_token", StaticToken("expired"))
    shutil.rmtree(remote.root, ignore_errors=True)

    with pytest.raises(TableError, match="this identity may not read it"):
        read_table(lake.resource(), LakehouseTable("dim_x", "Curated"), asset="DimX", workspace=None)
