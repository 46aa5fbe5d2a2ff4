"""OneLake shortcuts, as the folder of a lakehouse holds them."""

import json
from pathlib import Path

from fabric_assets.lineage import Lineage, analyze_folder
from tests.lineage.case_files import git_text, shown

OWN = "00000000-0000-0000-0000-000000000000"


def _shortcut(name: str, path: str, target: str, item: str, workspace: str = OWN) -> dict[str, object]:
    lake = {"path": target, "itemId": item, "workspaceId": workspace, "artifactType": "Lakehouse"}
    return {"name": name, "path": path, "target": {"type": "OneLake", "oneLake": lake}}


def _lineage(folder: Path, shortcuts: list[object], cells: dict[str, str], schemas: str = "") -> Lineage:
    for number, name in enumerate(("Bronze", "Silver")):
        place = folder / f"{name}.Lakehouse"
        place.mkdir()
        metadata = {"defaultSchema": "dbo"} if name in schemas.split() else {}
        (place / "lakehouse.metadata.json").write_text(json.dumps(metadata))
        platform = {"metadata": {"displayName": name}, "config": {"logicalId": _id(number)}}
        (place / ".platform").write_text(json.dumps(platform))
    (folder / "Silver.Lakehouse" / "shortcuts.metadata.json").write_text(json.dumps(shortcuts))
    for name, cell in cells.items():
        place = folder / f"{name}.Notebook"
        place.mkdir()
        (place / "notebook-content.py").write_bytes(git_text([cell], lakehouse="Silver"))
    return analyze_folder(folder)


def _id(number: int) -> str:
    return f"aaaaaaaa-0000-0000-0000-00000000000{number}"


def test_a_shortcut_is_the_table_that_it_leads_to(tmp_path: Path) -> None:
    shortcuts = [
        _shortcut("Orders_Raw", "/Tables", "Tables/orders", _id(0)),
        _shortcut("again", "Tables", "Tables/Orders_Raw", _id(1)),
        _shortcut("elsewhere", "/Tables", "Tables/t", "bbbbbbbb-0000-0000-0000-000000000009", _id(7)),
        _shortcut("files", "/Files", "Files/orders", _id(0)),
        {"name": "lake", "path": "/Tables", "target": {"type": "AdlsGen2", "adlsGen2": {"subpath": "/x"}}},
        "no shortcut",
    ]
    cells = {
        "A": "spark.range(1).write.saveAsTable('Bronze.orders')",
        "B": "spark.table('orders_raw').write.saveAsTable('clean')",
        "C": "spark.read.load('Tables/again'); spark.table('elsewhere'); spark.table('lake')",
    }
    lineage = _lineage(tmp_path, shortcuts, cells)
    reads = {notebook.name: shown(notebook)["reads"] for notebook in lineage.notebooks}
    assert reads == {
        "A": [],
        "B": ["bronze.orders"],
        "C": ["bronze.orders", "silver.elsewhere", "silver.lake"],
    }
    assert [(edge.upstream, edge.downstream) for edge in lineage.graph.edges] == [("A", "B"), ("A", "C")]


def test_a_shortcut_may_be_a_whole_schema(tmp_path: Path) -> None:
    shortcuts = [
        _shortcut("raw", "/Tables", "Tables/landing", _id(0)),
        _shortcut("one", "/Tables/dbo", "Tables/landing/two", _id(0)),
    ]
    cells = {
        "A": "spark.table('raw.orders').write.saveAsTable('raw.copy')",
        "B": "spark.table('one').write.saveAsTable('dbo.three')",
    }
    lineage = _lineage(tmp_path, shortcuts, cells, schemas="Bronze Silver")
    assert [shown(notebook)["reads"] for notebook in lineage.notebooks] == [
        ["bronze.landing.orders"],
        ["bronze.landing.two"],
    ]
    assert [shown(notebook)["writes"] for notebook in lineage.notebooks] == [
        ["bronze.landing.copy"],
        ["silver.dbo.three"],
    ]


def test_shortcuts_that_lead_in_a_circle_or_are_no_json_do_no_harm(tmp_path: Path) -> None:
    circle = [
        _shortcut("a", "/Tables", "Tables/b", _id(1)),
        _shortcut("b", "/Tables", "Tables/a", _id(1)),
    ]
    lineage = _lineage(tmp_path, circle, {"A": "spark.table('a')"})
    assert len(lineage.notebooks[0].reads) == 1
    (tmp_path / "Silver.Lakehouse" / "shortcuts.metadata.json").write_text("[{")
    assert shown(analyze_folder(tmp_path).notebooks[0])["reads"] == ["silver.a"]
