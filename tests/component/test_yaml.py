"""The YAML: what it takes, what it refuses and where, its schema."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster.components.testing import create_defs_folder_sandbox
from jsonschema import Draft202012Validator

from fabric_assets import FabricWorkspaceComponent
from fabric_assets.component import settings
from fabric_assets.importers import JobEntry, Project, import_file
from fabric_assets.lineage import AllowRule, IgnoreRule, LineageConfig, LookupRule, WriterRule
from tests.component.places import component, definitions, members, order, shop, specs

ISSUE = """
workspace: "{{ env.FABRIC_WORKSPACE_ID }}"
source: ./workspace
include: ["Load_*"]
defaults: {retry: 1, retry_interval_seconds: 10, timeout_seconds: 300, arguments: {recreate: false}}
notebooks:
  Load_FactSales: {deps: [DimStore], timeout_seconds: 3600}
lineage:
  writers: [{call: load_dimension, table: "{destination_lakehouse}.dim_{destination_table}"}]
  lookups: [{call: load_fact, column: "(?P<dimension>[a-z]+)(_[a-z]+)?_key", table: "curated.dim_{dimension}"}]
"""


def schema() -> dict[str, Any]:
    return FabricWorkspaceComponent.model().model_json_schema()


def refusal(folder: Path, text: str) -> str:
    """The error of a ``defs.yaml`` with these attributes."""
    with create_defs_folder_sandbox() as sandbox:
        place = sandbox.scaffold_component(component_cls=FabricWorkspaceComponent)
        (place / "defs.yaml").write_text(f"type: fabric_assets.FabricWorkspaceComponent\nattributes:\n{text}")
        shop(place / "workspace")
        with pytest.raises(Exception) as refused, sandbox.build_all_defs():  # noqa: PT011 -- Dagster wraps it
            pass
        error: BaseException | None = refused.value
        texts = []
        while error is not None:
            texts.append(str(error))
            error = error.__cause__
        return "\n".join(texts)


def test_a_defs_yaml_reads_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABRIC_WORKSPACE_ID", "Sales")
    with create_defs_folder_sandbox() as sandbox:
        place = sandbox.scaffold_component(component_cls=FabricWorkspaceComponent)
        text = {"type": "fabric_assets.FabricWorkspaceComponent", "attributes": yaml.safe_load(ISSUE)}
        (place / "defs.yaml").write_text(yaml.safe_dump(text))
        shop(place / "workspace")
        with sandbox.load_component_and_build_defs(defs_path=place) as (made, found):
            assert isinstance(made, FabricWorkspaceComponent)
            assert made.workspace == "Sales"
            assert order(found)["FactSales"] == {"DimDate", "DimStore"}
            assert "Run_All" not in members(found)  # `include` leaves it out
            references = specs(found)["DimStore"].metadata["dagster/code_references"].code_references
            assert [Path(reference.file_path).name for reference in references] == [
                "notebook-content.py",
                "defs.yaml",
            ]


@pytest.mark.parametrize(
    ("text", "line", "key", "what"),
    [
        pytest.param("  sauce: x\n", 3, "sauce", "Extra inputs", id="unknown-key"),
        pytest.param(
            "  notebooks:\n    A:\n      pipes: {lakehuose: Curated}\n",
            5,
            "lakehuose",
            "Extra inputs",
            id="unknown-key-of-pipes",
        ),
        pytest.param(
            "  defaults:\n    compute: {enviroment: Spark}\n",
            4,
            "enviroment",
            "Extra inputs",
            id="unknown-key-of-compute",
        ),
        pytest.param(
            "  defaults:\n    retry: -1\n", 4, "defaults.retry", "greater than or equal to 0", id="range"
        ),
        pytest.param("  defaults:\n    retry: often\n", 4, "defaults.retry", "valid integer", id="type"),
        pytest.param(
            "  notebooks:\n    Load_DimStor: {}\n  source: ./workspace\n",
            4,
            "notebooks.Load_DimStor",
            "did you mean 'Load_DimStore'",
            id="unknown-notebook",
        ),
        pytest.param(
            "  source: ./workspace\n  include:\n  - Load_*\n  - Laod_*\n",
            6,
            "include.1",
            "no notebook matches 'Laod_*'",
            id="pattern-without-match",
        ),
        pytest.param(
            "  source: ./workspace\n  jobs:\n    nightly:\n      notebooks: [Load_*, DimStroe*]\n",
            6,
            "jobs.nightly.notebooks.1",
            "no asset here matches 'DimStroe*'; did you mean 'DimStore'",
            id="pattern-of-a-job-without-match",
        ),
        pytest.param(
            "  source: ./workspace\n  notebooks:\n    Load_FactSales:\n      deps: [DimStor]\n",
            6,
            "notebooks.Load_FactSales.deps.0",
            "no notebook, asset or table 'DimStor' here; did you mean 'DimStore'",
            id="dependency-that-resembles",
        ),
        pytest.param(
            "  notebooks:\n    A:\n      deps: [other/thing]\n",
            5,
            "notebooks.A.deps.0",
            "another code location is written {asset: other/thing}",
            id="dependency-on-nothing",
        ),
        pytest.param(
            "  notebooks:\n    Extract: {}\n    A:\n      arguments:\n        x: {exit_value_of: Extrat}\n",
            7,
            "notebooks.A.arguments.x",
            "did you mean 'Extract'",
            id="exit-value-of-nothing",
        ),
        pytest.param(
            "  defaults:\n    arguments: {x: {exit_value_of: elsewhere/B}}\n  notebooks: {A: {}}\n",
            4,
            "defaults.arguments.x",
            "no notebook or asset 'elsewhere/B'",
            id="default-exit-value-of-nothing",
        ),
        pytest.param("  source: ./nowhere\n", 3, "source", "there is no folder", id="no-folder"),
        pytest.param(
            "  source: ./workspace\n  jobs:\n    daily:\n      notebooks: [Load_DimStor]\n",
            6,
            "jobs.daily.notebooks.0",
            "did you mean",
            id="job-of-nothing",
        ),
        pytest.param(
            "  lineage:\n    lookups:\n    - {call: f, column: '(', table: t}\n  source: ./workspace\n",
            5,
            "lineage.lookups.0.column",
            "not a regular expression",
            id="regular-expression",
        ),
        pytest.param(
            "  defaults:\n    retry: '{{ env.OFTEN }}'\n", 4, "defaults.retry", "it is 'often'", id="template"
        ),
        pytest.param(
            "  connection:\n    capcity: F8\n", 4, "connection.capcity", "Extra inputs", id="connection"
        ),
        pytest.param(
            "  defaults:\n    owners: [bi]\n", 4, "defaults.owners", "Invalid owner 'bi'", id="owner"
        ),
        pytest.param("  defaults:\n    tags: {'a b': x}\n", 4, "defaults.tags", "invalid tag keys", id="tag"),
        pytest.param("  defaults:\n    pool: a b\n", 4, "defaults.pool", "no blanks", id="pool"),
        pytest.param(
            "  notebooks:\n    X:\n      group_name: a-b\n", 5, "X.group_name", "group name", id="group"
        ),
        pytest.param(
            "  notebooks:\n    X:\n      name: a//b\n",
            5,
            "X.name",
            "a part of the asset's key is empty",
            id="name",
        ),
        pytest.param(
            "  keys:\n    patterns:\n    - notebook: Load_(.*)\n      key: '{1}'\n",
            6,
            "keys.patterns.0.key",
            "{1} is no group of the regular expression 'Load_(.*)'; groups: 0",
            id="key-of-no-group",
        ),
        pytest.param(
            "  lineage:\n    lookups:\n    - {call: f, column: '(?P<d>.*)_key', table: 'dim_{e}'}\n",
            5,
            "lineage.lookups.0.table",
            "{e} is no group",
            id="lookup-of-no-group",
        ),
        pytest.param(
            "  lineage:\n    writers:\n    - {call: f, table: 'dim_{'}\n",
            5,
            "lineage.writers.0.table",
            "fields in braces",
            id="braces",
        ),
        pytest.param(
            "  lineage:\n    ignore:\n    - {}\n", 5, "lineage.ignore.0", "every dependency", id="ignore-all"
        ),
        pytest.param("  source: ''\n", 3, "source", "it is empty", id="empty-source"),
        pytest.param(
            "  resource: fabric\n  connection: {capacity: F8}\n",
            4,
            "connection",
            "it would not count",
            id="connection-beside-resource",
        ),
        pytest.param(
            "  notebooks:\n    X: {}\n    Y: {}\n    X: {retry: 2}\n",
            6,
            "X",
            "stands in line 4 already",
            id="key-that-stands-twice",
        ),
        pytest.param(
            "  notebooks:\n    X: {deps: [Y]}\n    Y: {deps: [X]}\n",
            4,
            "notebooks.X.deps",
            "wait for each other",
            id="cycle",
        ),
        pytest.param(
            "  notebooks:\n    X:\n      arguments: {a: .nan}\n", 4, "notebooks.X", "JSON", id="argument"
        ),
    ],
)
def test_errors_name_file_line_and_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, line: int, key: str, what: str
) -> None:
    monkeypatch.setenv("OFTEN", "often")
    message = refusal(tmp_path, text)

    assert re.search(rf"defs\.yaml:{line}\b", message), message
    assert key in message
    assert what in message


def test_rules_that_fit_nothing_are_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ignore = [{"downstream": "Load_FactSales"}, {"upstream": "Load_Dim", "downstream": "Load_FactSales"}]
    allow = [{"reason": "x", "notebooks": ["Load_Dim"]}, {"reason": "x", "table": "curated.dim_stores"}]
    definitions(source=shop(tmp_path / "w"), lineage={"ignore": ignore, "allow": allow})

    assert [record.getMessage().split(": ")[0] for record in caplog.records] == [
        "attributes.lineage.ignore.1",
        "attributes.lineage.allow.0",
        "attributes.lineage.allow.1",
    ]
    assert "no notebook writes the table 'curated.dim_stores'" in caplog.text


def test_what_is_left_empty_is_not_set(tmp_path: Path) -> None:
    made = definitions(source=shop(tmp_path / "w"), include=["Load_Fact*"], notebooks={"Load_DimStore": None})

    assert {"DimStore", "FactSales"} <= set(specs(made))


def test_every_value_can_be_a_template_and_strings_are_taken_as_they_stand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RETRIES", "3")
    made = component(
        workspace="{{ env.RETRIES }}",
        defaults={
            "retry": "{{ env.RETRIES }}",
            "arguments": {"a": "10", "b": "{{ env.RETRIES }}", "c": "True"},
        },
        notebooks={"X": {"arguments": {"d": '{{ "{{ env.SECRET }}" }}', "e": 1.5, "f": False}}},
    )

    assert (made.workspace, made.defaults.retry) == ("3", 3)
    assert made.defaults.arguments == {"a": "10", "b": 3, "c": "True"}
    assert made.notebooks["X"].arguments == {"d": "{{ env.SECRET }}", "e": 1.5, "f": False}


def test_without_the_variable_the_local_fabric_is_meant() -> None:
    assert component(workspace="{{ env.FABRIC_WORKSPACE_ID }}").workspace is None


def test_the_schema_is_valid_and_knows_the_example_of_the_documentation() -> None:
    Draft202012Validator.check_schema(schema())
    validator = Draft202012Validator(schema())

    assert list(validator.iter_errors(yaml.safe_load(ISSUE))) == []
    assert list(validator.iter_errors({"defaults": {"retry": -1}}))
    assert list(validator.iter_errors({"defaults": {"retry": "{{ env.X }}"}})) == []
    assert list(validator.iter_errors({"races": "sometimes"}))


def test_every_field_is_described() -> None:
    whole = schema()

    def check(name: str, properties: dict[str, Any]) -> None:
        for key, value in properties.items():
            described = (
                value.get("description") or whole["$defs"][value["$ref"].rpartition("/")[2]]["description"]
            )
            assert described, f"{name}.{key}"

    check("component", whole["properties"])
    for name, model in whole["$defs"].items():
        if name != "ExitValueOf":  # described as a whole
            check(name, model.get("properties", {}))


@pytest.mark.parametrize(
    ("model", "rule"),
    [
        (settings.LineageSettings, LineageConfig),
        (settings.WriterEntry, WriterRule),
        (settings.LookupEntry, LookupRule),
        (settings.IgnoreEntry, IgnoreRule),
        (settings.AllowEntry, AllowRule),
    ],
)
def test_the_lineage_section_has_the_fields_of_the_lineages_configuration(model: Any, rule: Any) -> None:
    assert set(model.model_fields) == {field.name for field in dataclasses.fields(rule)}


def test_the_component_takes_all_that_importers_write() -> None:
    assert set(Project.model_fields) <= set(FabricWorkspaceComponent.model_fields)
    assert set(JobEntry.model_fields) == set(settings.JobSettings.model_fields)


def test_an_imported_dag_is_a_project(tmp_path: Path) -> None:
    activities = [
        {"name": "Extract", "path": "ExtractData", "args": {"day": "2026-03-01", "code": "007"}, "retry": 2},
        {
            "name": "Load facts",
            "path": "LoadFacts",
            "dependencies": ["Extract"],
            "args": {"file": "@activity('Extract').exitValue()"},
            "timeoutPerCellInSeconds": 60,
        },
    ]
    dag = tmp_path / "nightly.json"
    dag.write_text(json.dumps({"activities": activities, "concurrency": 2, "timeoutInSeconds": 600}))
    document = yaml.safe_load(import_file(dag).to_yaml())

    made = definitions(**document["attributes"])

    assert document["type"] == "fabric_assets.FabricWorkspaceComponent"
    (consumer,) = [key for key, after in order(made).items() if after == {"Extract"}]
    assert specs(made)[consumer].metadata["fabric/notebook"] == "LoadFacts"
    assert members(made) == {"nightly": {"Extract", consumer}}
    assert made.resolve_job_def("nightly").tags["dagster/max_runtime"] == "600"


def test_attributes_of_assets_come_from_entry_defaults_and_translator(tmp_path: Path) -> None:
    made = definitions(
        source=shop(tmp_path / "w"),
        defaults={"group_name": "all", "owners": ["team:bi"], "tags": {"layer": "gold"}, "kinds": ["table"]},
        notebooks={
            "Load_DimDate": {
                "group_name": "dates",
                "tags": {"slow": "no"},
                "description": "Days.",
                "kinds": [],
            },
            "Load_DimStore": {"name": "stores/Dim"},
        },
        keys={"key_prefix": ["fabric"], "patterns": [{"notebook": "Load_(Fact)(.*)", "key": "{0}/{1}"}]},
    )
    found = specs(made)

    dates = found["fabric/DimDate"]
    assert (dates.group_name, dates.description, dates.owners) == ("dates", "Days.", ["team:bi"])
    assert {"layer": "gold", "slow": "no"}.items() <= dates.tags.items()
    assert dates.kinds == set()
    assert {"stores/Dim", "fabric/Fact/Sales"} <= set(found)
    assert found["stores/Dim"].kinds == {"table"}


def test_post_processing_reaches_the_assets(tmp_path: Path) -> None:
    with create_defs_folder_sandbox() as sandbox:
        place = sandbox.scaffold_component(component_cls=FabricWorkspaceComponent)
        (place / "defs.yaml").write_text(
            "type: fabric_assets.FabricWorkspaceComponent\n"
            "attributes: {source: ./workspace}\n"
            "post_processing:\n"
            "  assets:\n"
            '  - {target: "key:DimStore", attributes: {automation_condition: "{{ dg.AutomationCondition.eager() }}"}}\n'
        )
        shop(place / "workspace")
        with sandbox.build_all_defs() as made:
            assert specs(made)["DimStore"].automation_condition == dg.AutomationCondition.eager()
