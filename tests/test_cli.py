"""The command line: output, exit codes, and what it costs to import."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from fabric_assets import cli
from tests.component.places import copy_table, shop, write_notebook
from tests.conftest import Simulate


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return shop(tmp_path / "workspace")


def config(tmp_path: Path, values: Any) -> str:
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(values))
    return str(file)


def test_lineage_as_a_table(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lineage", str(workspace)]) == 0

    shown = capsys.readouterr().out
    assert "curated.fact_sales" in shown
    assert "4 notebooks, 5 tables, 2 dependencies; 0 races, 0 cycles" in shown


def test_lineage_as_json(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_notebook(workspace, "Other_FactSales", copy_table("dim_date", "fact_sales"), "spark.table(input())")
    assert cli.main(["lineage", str(workspace), "--json"]) == 0

    shown = json.loads(capsys.readouterr().out)
    assert list(shown) == ["notebooks", "edges", "races"]
    (other,) = [notebook for notebook in shown["notebooks"] if notebook["name"] == "Other_FactSales"]
    (gap,) = other.pop("unresolved")
    assert other == {
        "name": "Other_FactSales",
        "path": "Other_FactSales.Notebook/notebook-content.py",
        "kernel": "synapse_pyspark",
        "reads": ["curated.dim_date"],
        "writes": ["curated.fact_sales"],
        "calls": [],
    }
    assert set(gap) == {"cell", "line", "reason"}
    assert shown["edges"][0] == {
        "upstream": "Load_DimDate",
        "downstream": "Load_FactSales",
        "table": "curated.dim_date",
    }
    race = {
        "kind": "write-write",
        "table": "curated.fact_sales",
        "notebooks": ["Load_FactSales", "Other_FactSales"],
    }
    assert shown["races"] == [race]


def test_lineage_as_a_flowchart(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lineage", str(workspace), "--mermaid"]) == 0

    assert capsys.readouterr().out.startswith("flowchart LR\n")


def test_check_is_content_with_a_sound_workspace(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", str(workspace)]) == 0

    assert capsys.readouterr().out == (
        "no race, no cycle, nothing unresolved in 4 notebooks, 5 tables, 2 dependencies\n"
    )


def test_check_prints_one_line_for_each_problem(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_notebook(workspace, "Race", copy_table("landing.x", "dim_date"))
    write_notebook(workspace, "Circle_A", copy_table("b", "a"))
    write_notebook(workspace, "Circle_B", copy_table("a", "b"))
    write_notebook(workspace, "Unclear", "spark.table(input())")
    write_notebook(workspace, "Broken", "def (:")
    (workspace / "Empty.Notebook").mkdir()
    (workspace / "Empty.Notebook" / "notebook-content.py").write_text("no notebook")

    assert cli.main(["check", str(workspace)]) == 1

    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("cycle: Circle_A -> (curated.a) -> Circle_B")
    assert lines[1].startswith("race: Load_DimDate, Race write curated.dim_date")
    assert [line.partition(":")[0] for line in lines[2:]] == [
        "Broken.Notebook/notebook-content.py",
        "Empty.Notebook/notebook-content.py",
        "Unclear.Notebook/notebook-content.py",
    ]
    assert said.err.startswith("5 problems in 10 notebooks")


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"allow": [{"table": "curated.dim_date", "reason": "never together"}]}, id="section"),
        pytest.param({"lineage": {"allow": [{"reason": "all of them"}]}}, id="attributes"),
        pytest.param(
            {
                "type": "fabric_assets.FabricWorkspaceComponent",
                "attributes": {"notebooks": {"Race": {"deps": ["DimDate"]}}},
            },
            id="order",
        ),
        pytest.param(
            {"type": "x.FabricWorkspaceComponent", "attributes": {"exclude": ["R*e"]}}, id="exclude"
        ),
        pytest.param({"include": ["Dimensions/*", "Facts/*"], "source": "workspace"}, id="include"),
    ],
)
def test_a_configuration_settles_a_race(workspace: Path, tmp_path: Path, values: Any) -> None:
    write_notebook(workspace, "Race", copy_table("landing.x", "dim_date"))

    assert cli.main(["check", str(workspace)]) == 1
    assert cli.main(["check", str(workspace), "--config", config(tmp_path, values)]) == 0


def test_the_folder_can_come_from_the_configuration(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", "--config", config(tmp_path, {"source": workspace.name})]) == 0
    assert "4 notebooks" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        pytest.param(["check"], "what should be read?", id="nothing"),
        pytest.param(["check", "nowhere"], "there is no folder", id="no-folder"),
        pytest.param(["check", ".", "--workspace", "x"], "not both", id="both"),
        pytest.param(["lineage", ".", "--config", "nowhere.yaml"], "nowhere.yaml", id="no-config"),
        pytest.param(["validate", "nowhere.json"], "there is no file", id="no-file"),
    ],
)
def test_wrong_arguments_are_told(
    arguments: list[str], what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    assert what in capsys.readouterr().err


def test_a_wrong_configuration_is_told(
    workspace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", str(workspace), "--config", config(tmp_path, {"lineage": {"writer": []}})]) == 2
    assert "unknown key 'writer'" in capsys.readouterr().err


def test_unknown_commands_and_options_are_usage_errors() -> None:
    for arguments in (["lineages"], ["lineage", ".", "--josn"], ["lineage", ".", "--json", "--mermaid"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert ended.value.code == 2


def test_a_live_workspace(
    simulate: Simulate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fabric = simulate(with_sample=True)
    monkeypatch.setenv("FABRIC_API_URL", fabric.url)
    monkeypatch.setenv("FABRIC_ACCESS_TOKEN", fabric.token)

    assert cli.main(["lineage", "--workspace", "Local", "--json"]) == 0
    writes = {table for n in json.loads(capsys.readouterr().out)["notebooks"] for table in n["writes"]}
    dimensions = {"curated.dim_calendar", "curated.dim_customer", "curated.dim_employee"}
    assert writes == {*dimensions, "curated.fact_sales"}

    monkeypatch.setenv("FABRIC_WORKSPACE_ID", fabric.workspace_id)
    assert cli.main(["check", "--workspace"]) == 0
    assert cli.main(["check", "--workspace", "Lokal"]) == 1
    assert "there is no workspace 'Lokal'" in capsys.readouterr().err


DAG = {
    "activities": [
        {"name": "A", "path": "Load_A"},
        {"name": "B", "path": "Load_B", "dependencies": ["A"]},
    ]
}


def test_import_writes_yaml_and_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dag = tmp_path / "nightly.json"
    dag.write_text(json.dumps(DAG))
    target = tmp_path / "defs" / "nightly" / "defs.yaml"

    assert cli.main(["import", str(dag)]) == 0
    said = capsys.readouterr()
    assert yaml.safe_load(said.out)["attributes"]["notebooks"]["B"]["deps"] == ["A"]
    assert "Kept" in said.err

    assert cli.main(["import", str(dag), "-o", str(target)]) == 0
    assert yaml.safe_load(target.read_text()) == yaml.safe_load(said.out)
    assert cli.main(["import", str(dag), "-o", str(target)]) == 2
    assert "--force" in capsys.readouterr().err
    assert cli.main(["import", str(dag), "-o", str(target), "--force"]) == 0


def test_validate_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad, odd = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "odd.json"
    good.write_text(json.dumps(DAG))
    bad.write_text(json.dumps({"activities": [{"name": "A", "path": "x", "dependencies": ["C"]}]}))
    odd.write_text("{}")

    assert cli.main(["validate", str(good)]) == 0
    assert cli.main(["validate", str(bad)]) == 1
    said = capsys.readouterr().out
    assert "good.json: valid" in said
    assert "error: " in said
    assert "'C'" in said
    assert cli.main(["validate", str(odd)]) == 1
    assert cli.main(["import", str(bad)]) == 1


def test_the_commands_are_cheap_to_import() -> None:
    heavy = {"dagster", "sqlglot", "pydantic", "httpx", "yaml", "rich", "asyncio"}
    program = f"import sys, fabric_assets.cli; print({heavy} & set(sys.modules))"

    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_lineage_of_a_folder_needs_no_dagster(workspace: Path) -> None:
    program = (
        "import sys; from fabric_assets.cli import main\n"
        f"main(['check', {str(workspace)!r}])\nsys.exit('dagster' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_whoever_has_seen_enough_may_go(workspace: Path) -> None:
    program = (
        f"from fabric_assets.cli import main\nimport sys\nsys.exit(main(['lineage', {str(workspace)!r}]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(timeout=120)
    assert b"Traceback" not in errors
