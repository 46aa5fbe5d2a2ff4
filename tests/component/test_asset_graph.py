"""From notebooks in a folder to assets: keys, order, tables from elsewhere, jobs, metadata."""

import logging
from pathlib import Path

import dagster as dg
import pytest

from tests.component.places import (
    component,
    copy_table,
    definitions,
    members,
    order,
    shop,
    specs,
    write_notebook,
)


def test_a_notebook_that_writes_tables_is_an_asset_after_those_whose_tables_it_reads(tmp_path: Path) -> None:
    made = definitions(source=shop(tmp_path / "w"))

    assert order(made) == {
        "DimStore": {"landing/stores"},
        "DimDate": {"landing/dates"},
        "FactSales": {"DimDate", "DimStore"},
        "landing/stores": set(),
        "landing/dates": set(),
    }


def test_tables_that_nobody_here_writes_are_external_assets(tmp_path: Path) -> None:
    made = definitions(source=shop(tmp_path / "w"))

    assert specs(made)["landing/stores"].metadata["dagster/table_name"] == "landing.stores"
    assert dg.AssetKey(["landing", "stores"]) in made.resolve_asset_graph().external_asset_keys


def test_a_table_of_a_notebook_that_is_left_out_says_who_writes_it(tmp_path: Path) -> None:
    made = definitions(source=shop(tmp_path / "w"), exclude=["Load_DimStore"])

    table = specs(made)["curated/dim_store"]
    assert table.description == "Written by Load_DimStore, which is no asset here."
    assert order(made)["FactSales"] == {"DimDate", "curated/dim_store"}


def test_external_tables_need_not_be_declared(tmp_path: Path) -> None:
    made = definitions(source=shop(tmp_path / "w"), external_tables=False)

    assert order(made)["DimStore"] == {"landing/stores"}
    assert dg.AssetKey(["landing", "stores"]) not in {
        spec.key for spec in made.assets or [] if isinstance(spec, dg.AssetSpec)
    }


def test_groups_are_folders_and_kinds_tell_the_language(tmp_path: Path) -> None:
    made = specs(definitions(source=shop(tmp_path / "w")))

    assert made["DimStore"].group_name == "dimensions"
    assert made["FactSales"].group_name == "facts"
    assert made["DimStore"].kinds == {"fabric", "notebook", "pyspark"}


def test_what_is_known_of_tables_columns_and_source_is_metadata(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    write_notebook(workspace, "Load_A", copy_table("landing.a", "a"))
    sql = 'spark.sql("CREATE OR REPLACE TABLE b AS SELECT x AS y, 1 AS one FROM a")'
    write_notebook(workspace, "Load_B", sql, "spark.table(input())")

    metadata = specs(definitions(source=workspace))["B"].metadata

    assert metadata["dagster/table_name"] == "curated.b"
    assert (metadata["fabric/reads"], metadata["fabric/writes"]) == (["curated.a"], ["curated.b"])
    (reference,) = metadata["dagster/code_references"].code_references
    assert Path(reference.file_path).read_text().startswith("# Fabric notebook source")
    (gap,) = metadata["fabric/unresolved"].value
    assert gap.startswith("cell 2, line")
    columns = metadata["dagster/column_lineage"].deps_by_column
    assert columns["y"] == [dg.TableColumnDep(asset_key=dg.AssetKey("A"), column_name="x")]


def test_a_notebook_that_only_calls_others_is_a_job_of_theirs(tmp_path: Path) -> None:
    workspace = shop(tmp_path / "w")
    write_notebook(workspace, "Nightly", 'notebookutils.notebook.run("Run All")')
    write_notebook(workspace, "Dimensions", '[notebookutils.notebook.run(n) for n in ["Load_DimDate"]]')

    made = definitions(source=workspace)

    everything = {"DimDate", "DimStore", "FactSales"}
    assert members(made) == {"Run_All": everything, "Nightly": everything, "Dimensions": {"DimDate"}}


def test_a_job_can_be_configured(tmp_path: Path) -> None:
    jobs = {
        "small": {
            "notebooks": ["Load_DimDate", "DimStore"],
            "max_concurrent": 1,
            "max_runtime_seconds": 60.0,
        },
    }
    made = definitions(source=shop(tmp_path / "w"), jobs=jobs)

    assert members(made)["small"] == {"DimDate", "DimStore"}
    assert made.resolve_job_def("small").tags["dagster/max_runtime"] == "60"


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        pytest.param(["load_dim*"], {"DimDate", "DimStore"}, id="notebooks"),
        pytest.param(["Dimensions/*", "Load_FactSales"], {"DimDate", "DimStore", "FactSales"}, id="path"),
        pytest.param(["Fact*"], {"FactSales"}, id="assets"),
        pytest.param(["North*"], {"NorthStore"}, id="entries"),
    ],
)
def test_a_job_may_name_its_notebooks_by_patterns(
    tmp_path: Path, patterns: list[str], found: set[str]
) -> None:
    notebooks = {"North_Store": {"notebook": "Run All"}}
    made = definitions(
        source=shop(tmp_path / "w"), notebooks=notebooks, jobs={"nightly": {"notebooks": patterns}}
    )

    assert members(made)["nightly"] == found


def test_a_notebook_that_others_make_part_of_themselves_is_no_asset(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    write_notebook(workspace, "Helpers", copy_table("landing.settings", "settings"))
    write_notebook(workspace, "Load_A", "%run Helpers", copy_table("settings", "a"))

    assert "Helpers" not in order(definitions(source=workspace, external_tables=False))


def test_a_notebook_of_which_too_little_is_known_is_not_left_out_in_silence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workspace = shop(tmp_path / "w")
    write_notebook(workspace, "Load_Odd", "import odd\nodd.load(spark)")
    with caplog.at_level(logging.WARNING):
        made = definitions(source=workspace)

    assert "Odd" not in order(made)
    assert "not known whether these notebooks write tables" in caplog.text
    assert "Say it under `lineage` (`writers`), name them under `notebooks`" in caplog.text
    assert "Load_Odd: cell 1, line 20: what `odd.load` reads and writes is not known here" in caplog.text
    assert "Odd" in order(definitions(source=workspace, notebooks={"Load_Odd": {}}))


def test_settings_of_the_lineage_are_advised_only_where_they_help(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workspace = shop(tmp_path / "w")
    write_notebook(workspace, "Load_Half", 'spark.table("landing.a").write.saveAsTable(')

    definitions(source=workspace)

    assert "Load_Half: cell 1, line 19: the cell is not valid Python" in caplog.text
    assert "under `lineage`" not in caplog.text


def test_broken_notebooks_are_told_with_their_own_reason_and_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    workspace = shop(tmp_path / "w")
    contents = {
        "Latin": "é".encode("latin-1"),
        "Wide": "# Fabric notebook source".encode("utf-16"),
        "Empty": b"",
    }
    for name, content in contents.items():
        write_notebook(workspace, f"Load_{name}")
        (workspace / f"Load_{name}.Notebook" / "notebook-content.py").write_bytes(content)

    for _ in range(2):  # as Dagster does when it loads a code location
        definitions(source=workspace, notebooks={"Load_Wide": {}})

    path = "Notebook/notebook-content.py:1"
    assert [record.getMessage().partition("; ")[0] for record in caplog.records] == [
        "notebook Load_Wide is broken, so not all that it reads and writes is known: "
        f"Load_Wide.{path}: the source is not UTF-8 text",
        "notebook Load_Empty is broken, so it is no asset: "
        f"Load_Empty.{path}: not a notebook: the first line is not '# Fabric notebook source'",
        f"notebook Load_Latin is broken, so it is no asset: Load_Latin.{path}: the source is not UTF-8 text",
    ]


def test_a_notebook_that_would_run_twice_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    workspace = shop(tmp_path / "w")
    calls = 'notebookutils.notebook.run("Load_DimStore")'
    write_notebook(workspace, "Load_Twice", calls, copy_table("dim_store", "twice"))

    definitions(source=workspace)

    assert "notebook Load_Twice runs Load_DimStore, which is an asset too" in caplog.text


def test_declared_writers_and_lookups_count(tmp_path: Path) -> None:
    workspace = shop(tmp_path / "w")
    cell = """
        from house import load_fact
        load_fact(spark.sql("SELECT store_key, date_key FROM landing.orders"), "fact_orders")
    """
    write_notebook(workspace, "Load_FactOrders", cell)
    lineage = {
        "writers": [{"call": "load_fact", "table": "curated.{1}"}],
        "lookups": [
            {"call": "load_fact", "column": "(?P<dimension>[a-z]+)_key", "table": "curated.dim_{dimension}"}
        ],
    }

    made = order(definitions(source=workspace, lineage=lineage))

    assert made["FactOrders"] >= {"DimStore", "DimDate"}


def test_one_asset_for_each_table(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    write_notebook(workspace, "Load_Both", copy_table("landing.a", "a"), copy_table("landing.b", "b"))
    write_notebook(workspace, "Load_C", copy_table("b", "c"))
    for assets in ({"assets": "tables"}, {"notebooks": {"Load_Both": {"assets": "tables"}}}):
        made = definitions(source=workspace, **assets)
        after = order(made)
        assert {"curated/a", "curated/b"} <= set(after)
        assert after["curated/c" if "curated/c" in after else "C"] == {"curated/b"}
        both = made.resolve_assets_def(dg.AssetKey(["curated", "a"]))
        assert both.keys == {dg.AssetKey(["curated", "a"]), dg.AssetKey(["curated", "b"])}
        assert specs(made)["curated/b"].metadata["dagster/table_name"] == "curated.b"


def test_two_notebooks_with_one_key_are_refused(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    write_notebook(workspace, "Load_DimStore", copy_table("landing.a", "a"))
    write_notebook(workspace, "load_dim_store", copy_table("landing.b", "b"))

    with pytest.raises(dg.DagsterInvalidDefinitionError) as refused:
        definitions(source=workspace)

    assert "'Load_DimStore'" in str(refused.value)
    assert "'load_dim_store'" in str(refused.value)
    assert "DimStore" in order(
        definitions(source=workspace, notebooks={"load_dim_store": {"name": "old/DimStore"}})
    )


def test_a_cycle_is_refused_and_can_be_broken(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    write_notebook(workspace, "Load_A", copy_table("c", "a"))
    write_notebook(workspace, "Load_B", copy_table("a", "b"))
    write_notebook(workspace, "Load_C", copy_table("b", "c"))

    with pytest.raises(dg.DagsterInvalidDefinitionError) as refused:
        definitions(source=workspace)

    for step in ("Load_A -> (curated.a) -> Load_B", "lineage: {ignore: [{upstream: Load_", "deps: [Load_"):
        assert step in str(refused.value)
    ignored = definitions(
        source=workspace, lineage={"ignore": [{"upstream": "Load_C", "downstream": "Load_A"}]}
    )
    assert order(ignored)["A"] == set()
    turned = definitions(source=workspace, notebooks={"Load_C": {"deps": ["Load_A"]}})
    assert (order(turned)["A"], order(turned)["C"]) == (set(), {"A", "B"})


def test_configured_dependencies_can_make_no_cycle_either(tmp_path: Path) -> None:
    notebooks = {"Load_DimStore": {"deps": ["Load_DimDate"]}, "Load_DimDate": {"deps": ["DimStore"]}}

    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"\(configured\)"):
        definitions(source=shop(tmp_path / "w"), notebooks=notebooks)


def test_without_a_source_the_configuration_names_all(tmp_path: Path) -> None:
    made = definitions(notebooks={"Load_A": {}, "Load_B": {"deps": ["Load_A", {"asset": "elsewhere/C"}]}})

    assert order(made)["B"] == {"A", "elsewhere/C"}
    assert not (tmp_path / "cache").exists()


def test_a_notebook_can_be_several_assets(tmp_path: Path) -> None:
    notebooks = {
        "north": {"notebook": "Load_DimStore", "arguments": {"region": "north"}},
        "south": {"notebook": "Load_DimStore", "arguments": {"region": "south"}},
    }
    made = order(definitions(source=shop(tmp_path / "w"), notebooks=notebooks))

    assert made["FactSales"] == {"North", "South", "DimDate"}
    assert "DimStore" not in made


def test_the_same_table_name_in_two_lakehouses_is_two_tables(tmp_path: Path) -> None:
    workspace = tmp_path / "w"
    write_notebook(workspace, "Load_A", copy_table("landing.x", "t"), lakehouse="one")
    write_notebook(workspace, "Load_B", copy_table("t", "u"), lakehouse="two")

    assert order(definitions(source=workspace))["B"] == {"two/t"}


def test_a_translator_of_the_users_own(tmp_path: Path) -> None:
    from fabric_assets import FabricWorkspaceComponent, NotebookData, NotebookTranslator

    class Mine(NotebookTranslator):
        def get_asset_spec(self, notebook: NotebookData) -> dg.AssetSpec:
            spec = super().get_asset_spec(notebook)
            return spec.replace_attributes(key=["mine", *spec.key.path], owners=["team:finance"])

    class MyComponent(FabricWorkspaceComponent):
        layer: str = "none"

        def get_translator(self) -> NotebookTranslator:
            return Mine(self.keys.rules())

    attributes = {"source": str(shop(tmp_path / "w")), "layer": "gold"}
    made = MyComponent.from_attributes_dict(attributes=attributes)

    found = specs(dg.build_defs_for_component(made))
    assert found["mine/DimStore"].owners == ["team:finance"]
    assert made.layer == "gold"


def test_loading_reads_only_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fabric_assets.lineage import notebook

    workspace = shop(tmp_path / "w")
    definitions(source=workspace)

    def refuse(*_: object) -> None:
        raise AssertionError("analyzed again")

    monkeypatch.setattr(notebook, "analyze_notebook", refuse)
    assert "FactSales" in order(definitions(source=workspace))
    assert component(source=workspace).source == str(workspace)
