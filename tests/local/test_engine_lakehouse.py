from pathlib import Path

import pytest

from fabric_assets.local.lakehouse import Lakehouse, LakehouseNotFoundError, OneLake, nearest

ADDRESS = "abfss://{workspace}@onelake.dfs.fabric.microsoft.com/{rest}"


@pytest.fixture
def onelake(tmp_path: Path) -> OneLake:
    own = [Lakehouse("Local", name, f"id-{name.lower()}", tmp_path / name) for name in ("Base", "Curated")]
    other = [
        Lakehouse("Other", "Base", "id-other", tmp_path / "OtherBase"),
        Lakehouse("Other", "Extra", "id-extra", tmp_path / "Extra"),
    ]
    return OneLake([*own, *other], "Local")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("Files/a b.csv", "Curated/Files/a b.csv", id="files"),
        pytest.param("./Tables/x", "Curated/Tables/x", id="dot"),
        pytest.param("/lakehouse/default/Files/x", "Curated/Files/x", id="mounted"),
        pytest.param("file:///lakehouse/default/Files", "Curated/Files", id="mounted-as-file"),
        pytest.param(
            ADDRESS.format(workspace="local", rest="BASE.Lakehouse/Files/ä"), "Base/Files/ä", id="names"
        ),
        pytest.param(
            ADDRESS.format(workspace="Other", rest="Base.Lakehouse/Files/x"),
            "OtherBase/Files/x",
            id="workspace",
        ),
        pytest.param(ADDRESS.format(workspace="8f-guid", rest="id-extra/Files/x"), "Extra/Files/x", id="ids"),
        pytest.param(ADDRESS.format(workspace="Local", rest="Base.Lakehouse"), "Base", id="root"),
        pytest.param(
            "https://onelake.dfs.fabric.microsoft.com/Local/Base.Lakehouse/Files/a%20b",
            "Base/Files/a b",
            id="https",
        ),
    ],
)
def test_paths_of_fabric_are_found(onelake: OneLake, tmp_path: Path, path: str, expected: str) -> None:
    assert onelake.local_path(path, onelake.get("curated")) == str(tmp_path / expected)


@pytest.mark.parametrize(
    "path", ["/var/data/x.csv", "data/Files/x", "Filesystem/x", "https://example.org/Files/x", ""]
)
def test_other_paths_are_left_alone(onelake: OneLake, path: str) -> None:
    assert onelake.local_path(path, onelake.get("Base")) == path


def test_unknown_lakehouses_are_errors_that_name_the_nearest(onelake: OneLake) -> None:
    with pytest.raises(LakehouseNotFoundError, match=r"'Curatd' was not found; nearest: 'Curated'"):
        onelake.get("Curatd")
    with pytest.raises(LakehouseNotFoundError, match="the notebook has none"):
        onelake.local_path("Files/x", None)
    assert onelake.find("Extra") is not None
    assert onelake.find("extra", "Local") is None
    assert nearest("x", []) == "there is none"
    assert nearest("zzz", ["A", "B"]) == "existing: 'A', 'B'"


def test_tables_are_folders_with_or_without_schemas(tmp_path: Path) -> None:
    flat = Lakehouse("Local", "Flat", "1", tmp_path / "Flat")
    flat.create_folders()
    for name in ("dim_b", "Dim_A"):
        (flat.tables_folder / name / "_delta_log").mkdir(parents=True)
    (flat.tables_folder / "_temporary").mkdir()
    (flat.tables_folder / "loose").mkdir()
    assert not flat.has_schemas
    assert [(table.name, table.schema, table.is_delta) for table in flat.tables()] == [
        ("Dim_A", "", True),
        ("dim_b", "", True),
        ("loose", "", False),
    ]
    schemas = Lakehouse("Local", "Schemas", "2", tmp_path / "Schemas")
    assert schemas.tables() == []
    for name in ("dbo/t1", "silver/t2"):
        (schemas.tables_folder / name / "_delta_log").mkdir(parents=True)
    assert schemas.schemas() == ["dbo", "silver"]
    assert [(table.schema, table.name) for table in schemas.tables()] == [("dbo", "t1"), ("silver", "t2")]
