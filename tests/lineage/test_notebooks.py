"""Notebooks together: %run, configuration, lakehouses, sources in other formats."""

import json
from pathlib import Path

import pytest

from fabric_assets.lineage import (
    Item,
    LineageConfig,
    LineageConfigError,
    WorkspaceSource,
    analyze,
    analyze_folder,
)
from fabric_assets.lineage.results import NotebookLineage
from tests.lineage.case_files import analyzed, git_text, shown

HELPER = [
    "LAKE = 'gold'",
    "def load_dimension(df, destination_table, lakehouse=LAKE):\n"
    "    df.write.mode('overwrite').saveAsTable(f'{lakehouse}.dim_{destination_table}')",
]


def _by_name(notebooks: tuple[NotebookLineage, ...]) -> dict[str, NotebookLineage]:
    return {notebook.name: notebook for notebook in notebooks}


def test_follows_functions_that_come_by_run() -> None:
    lineage = analyzed(
        {
            "Helper": HELPER,
            "Load": ["%run Helper", "load_dimension(df=spark.table('src'), destination_table='store')"],
            "Load2": ["%run Helper", "load_dimension(spark.table('src'), 'city', lakehouse='other')"],
        }
    )
    notebooks = _by_name(lineage.notebooks)
    assert shown(notebooks["Helper"]) == {"reads": [], "writes": [], "calls": []}
    assert shown(notebooks["Load"]) == {
        "reads": ["lake.src"],
        "writes": ["gold.dim_store"],
        "calls": ["Helper"],
    }
    assert shown(notebooks["Load2"])["writes"] == ["other.dim_city"]
    assert all(not notebook.unresolved for notebook in lineage.notebooks)


def test_run_is_transitive_takes_parameters_and_counts_for_the_caller() -> None:
    lineage = analyzed(
        {
            "Inner": ["# parameters\nsource = 'a'", "df = spark.table(source)"],
            "Outer": ['%run Inner {"source": "b"}', "view = df"],
            "Top": ["%run folder/Outer", "view.write.saveAsTable('out')"],
        }
    )
    notebooks = _by_name(lineage.notebooks)
    assert shown(notebooks["Inner"])["reads"] == ["lake.a"]
    assert shown(notebooks["Top"]) == {
        "reads": ["lake.b"],
        "writes": ["lake.out"],
        "calls": ["Inner", "Outer"],
    }


def test_notebooks_that_run_each_other_end() -> None:
    lineage = analyzed({"A": ["%run B", "spark.table('x')"], "B": ["%run A", "spark.table('y')"]})
    assert [shown(n)["reads"] for n in lineage.notebooks] == [["lake.x", "lake.y"], ["lake.x", "lake.y"]]


def test_a_missing_helper_is_a_gap_with_its_place() -> None:
    notebook = analyzed({"N": ["x = 1", "\n%run Missing"]}).notebooks[0]
    assert [(gap.cell, gap.line) for gap in notebook.unresolved] == [(2, 18)]
    assert "no notebook of that name" in notebook.unresolved[0].reason


def test_declared_writers_and_lookups() -> None:
    config = {
        "writers": [{"call": "load_dimension", "table": "{destination_lakehouse}.dim_{destination_table}"}],
        "lookups": [
            {
                "call": "load_fact",
                "column": "(?P<dimension>[a-z]+)(_[a-z]+)?_key",
                "table": "curated.dim_{dimension}",
            }
        ],
    }
    lineage = analyzed(
        {
            "Dim": [
                "from etl import load_dimension",
                "load_dimension(df=spark.table('s'), destination_lakehouse='Curated', destination_table='store')",
            ],
            "Fact": [
                "from etl import load_fact",
                "df = spark.sql('SELECT store_key, store_billing_key, product_key, amount FROM staged')",
                "load_fact(df, 'fact_sales')",
            ],
            "Dynamic": [
                "load_dimension(spark.range(1), destination_lakehouse='x', destination_table=input())"
            ],
        },
        config,
    )
    notebooks = _by_name(lineage.notebooks)
    assert shown(notebooks["Dim"])["writes"] == ["curated.dim_store"]
    assert shown(notebooks["Fact"])["reads"] == ["curated.dim_product", "curated.dim_store", "lake.staged"]
    assert not notebooks["Fact"].unresolved
    assert len(notebooks["Dynamic"].unresolved) == 1
    assert [(e.upstream, e.downstream) for e in lineage.graph.edges] == [("Dim", "Fact")]


def test_positional_arguments_of_a_declared_writer_are_named_by_its_signature() -> None:
    config = {"writers": [{"call": "save", "table": "gold.{name}"}]}
    lineage = analyzed({"N": ["def save(df, name): other(df)", "save(spark.range(1), 'x')"]}, config)
    assert shown(lineage.notebooks[0])["writes"] == ["gold.x"]


def test_names_in_a_schema_enabled_lakehouse_are_one_table() -> None:
    items = (Item("Lake", has_schemas=True),)
    cells = ["spark.table('t'); spark.table('dbo.t'); spark.table('Lake.dbo.t')"]
    cells += ["spark.read.load('Tables/dbo/t'); spark.table('sales.t')"]
    notebook = analyzed({"N": cells}, items=items).notebooks[0]
    assert shown(notebook)["reads"] == ["lake.dbo.t", "lake.sales.t"]


def test_a_schema_that_another_notebook_names_settles_a_name_of_two_parts() -> None:
    lineage = analyzed(
        {
            "A": ["spark.range(1).write.save('Tables/sales/orders')"],
            "B": ["spark.table('sales.orders')", "spark.table('crm.orders')"],
        }
    )
    assert [(e.upstream, e.downstream, str(e.table)) for e in lineage.graph.edges] == [
        ("A", "B", "lake.sales.orders")
    ]
    assert "crm.orders" in shown(_by_name(lineage.notebooks)["B"])["reads"]


def test_lakehouses_given_by_guid_are_named() -> None:
    guid = "11111111-2222-3333-4444-555555555555"
    items = (Item("Bronze", ids=(guid,)),)
    path = f"abfss://00000000-0000-0000-0000-000000000000@onelake.dfs.fabric.microsoft.com/{guid}/Tables/x"
    notebook = analyzed({"N": [f"spark.read.load({path!r})"]}, items=items).notebooks[0]
    assert shown(notebook)["reads"] == ["bronze.x"]


def test_equal_names_in_other_lakehouses_and_workspaces_stay_apart() -> None:
    other = "abfss://Elsewhere@onelake.dfs.fabric.microsoft.com/Lake.Lakehouse/Tables/t"
    lineage = analyzed(
        {
            "W1": ["spark.range(1).write.saveAsTable('t')"],
            "W2": ["spark.range(1).write.saveAsTable('gold.t')"],
            "W3": [f"spark.range(1).write.save('{other}')"],
            "R": ["spark.table('t')"],
        }
    )
    assert [(e.upstream, e.downstream) for e in lineage.graph.edges] == [("W1", "R")]
    assert lineage.graph.races == ()


def test_without_a_default_lakehouse_a_bare_name_is_a_gap_and_no_dependency() -> None:
    cells = {"W": ["spark.range(1).write.saveAsTable('t')"], "R": ["spark.table('t')"]}
    lineage = analyzed(cells, lakehouse="")
    assert lineage.graph.edges == ()
    assert "no default lakehouse" in lineage.notebooks[0].unresolved[0].reason
    lineage = analyzed(cells, {"default_lakehouse": "Lake"}, lakehouse="")
    assert len(lineage.graph.edges) == 1


def test_configure_sets_the_default_lakehouse() -> None:
    cells = ['%%configure -f\n{"defaultLakehouse": {"name": "Gold"}}', "spark.table('t')"]
    assert shown(analyzed({"N": cells}).notebooks[0])["reads"] == ["gold.t"]


def test_frozen_cells_do_not_count(tmp_path: Path) -> None:
    text = git_text(["spark.table('a')", "spark.table('b')"]).decode()
    text += '\n# METADATA ********************\n\n# META {\n# META   "frozen": true\n# META }\n'
    source = WorkspaceSource.from_definitions({"N": {"notebook-content.py": text.encode()}})
    assert shown(analyze(source).notebooks[0])["reads"] == ["lake.a"]


def test_reads_ipynb_scala_and_sql_notebooks_in_nested_folders(tmp_path: Path) -> None:
    notebook = {
        "nbformat": 4,
        "metadata": {
            "kernelspec": {"name": "synapse_pyspark"},
            "trident": {"lakehouse": {"default_lakehouse_name": "Lake"}},
        },
        "cells": [
            {"cell_type": "markdown", "source": ["# x"]},
            {"cell_type": "code", "source": ["df = spark.table('a')\n", "spark.table(unknown())"]},
            {"cell_type": "code", "source": "%%sql\nSELECT * FROM b"},
        ],
    }
    files = {
        "area/One.Notebook/notebook-content.ipynb": json.dumps(notebook).encode(),
        "area/deep/Two.Notebook/notebook-content.scala": (
            b'// Fabric notebook source\n\n// CELL ********************\n\nval x = spark.table("a")\n'
        ),
        "area/deep/Three.Notebook/notebook-content.sql": (
            b'-- Fabric notebook source\n\n-- METADATA ********************\n\n-- META {"dependencies": '
            b'{"lakehouse": {"default_lakehouse_name": "Lake"}}}\n\n-- CELL ********************\n\nSELECT * FROM c\n'
        ),
        "Broken.Notebook/notebook-content.py": b"\xff\xfe",
        "Broken.Notebook/.platform": b'{"metadata": {"displayName": "Really broken"}}',
        "loose.ipynb": b"{",
    }
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    notebooks = _by_name(analyze_folder(tmp_path).notebooks)
    assert shown(notebooks["One"])["reads"] == ["lake.a", "lake.b"]
    assert [(gap.cell, gap.line) for gap in notebooks["One"].unresolved] == [(2, 2), (2, 2)]
    assert "Scala" in notebooks["Two"].unresolved[0].reason
    assert shown(notebooks["Three"])["reads"] == ["lake.c"]
    assert "UTF-8" in notebooks["Really broken"].unresolved[0].reason
    assert "JSON" in notebooks["loose"].unresolved[0].reason


_ONE, _OTHER = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"


@pytest.mark.parametrize(
    ("writer", "reader", "is_edge"),
    [
        pytest.param("", "", True, id="both-leave-it-out"),
        pytest.param(_ONE, _ONE, True, id="both-name-the-same"),
        pytest.param("", "00000000-0000-0000-0000-000000000000", True, id="zeros-mean-the-own"),
        pytest.param("", _ONE, False, id="one-names-another"),
        pytest.param(_OTHER, _ONE, False, id="two-others"),
    ],
)
def test_lakehouses_of_one_name_in_two_workspaces_are_two(writer: str, reader: str, is_edge: bool) -> None:
    parts = {
        "A": {
            "notebook-content.py": git_text(
                ["spark.range(1).write.saveAsTable('t')"], "Gold", workspace=writer
            )
        },
        "B": {"notebook-content.py": git_text(["spark.table('t')"], "Gold", workspace=reader)},
        "C": {"notebook-content.py": git_text(["spark.table('t')"], "Gold", workspace=reader)},
    }
    edges = analyze(WorkspaceSource.from_definitions(parts)).graph.edges
    assert [(edge.upstream, edge.downstream) for edge in edges] == (
        [("A", "B"), ("A", "C")] if is_edge else []
    )


def test_a_workspace_is_the_own_if_it_is_named_with_a_lakehouse_that_lies_here() -> None:
    guid = "99999999-9999-9999-9999-999999999999"
    named = git_text(["spark.table('t')"], "Gold", workspace=_ONE).replace(
        b'"default_lakehouse_name"', f'"default_lakehouse": "{guid}", "default_lakehouse_name"'.encode()
    )
    left_out = git_text(["spark.range(1).write.saveAsTable('t')"], "Gold")
    parts = {"A": {"notebook-content.py": left_out}, "B": {"notebook-content.py": named}}
    assert not analyze(WorkspaceSource.from_definitions(parts)).graph.edges
    source = WorkspaceSource.from_definitions(parts, (Item("Gold", (guid,)),))
    assert [(edge.upstream, edge.downstream) for edge in analyze(source).graph.edges] == [("A", "B")]
    elsewhere = WorkspaceSource.from_definitions(parts, (Item("Gold"),), ("here", _OTHER))
    assert not analyze(elsewhere).graph.edges


def test_two_workspaces_below_one_folder_stay_apart(tmp_path: Path) -> None:
    for workspace in ("sales", "finance"):
        for name, cell in {
            "Write": "spark.range(1).write.saveAsTable('t')",
            "Read": "spark.table('t')",
        }.items():
            folder = tmp_path / workspace / f"{name}.Notebook"
            folder.mkdir(parents=True)
            (folder / "notebook-content.py").write_bytes(git_text([cell]))
    graph = analyze_folder(tmp_path).graph
    assert [(e.upstream, e.downstream) for e in graph.edges] == [
        ("finance/Write", "finance/Read"),
        ("sales/Write", "sales/Read"),
    ]
    assert graph.races == ()


def test_column_lineage_where_it_is_plain() -> None:
    notebook = analyzed(
        {
            "N": [
                "%%sql\nCREATE TABLE t1 AS SELECT o.id, o.a + o.b AS c, upper(x.name) AS n, now() AS ts, "
                "rank() OVER () AS r "
                "FROM orders o JOIN (SELECT id, name FROM names) x ON o.id = x.id",
                "from pyspark.sql import functions as F\n"
                "df = spark.table('src').select('id', F.col('a').alias('b'), (F.col('x') + F.col('y')).alias('z'))\n"
                "df = df.withColumn('w', F.upper('b')).withColumnRenamed('id', 'key')\n"
                "df.write.saveAsTable('t2')",
            ]
        }
    ).notebooks[0]
    lineage = {
        str(table): {name: sorted(f"{t}.{c}" for t, c in pairs) for name, pairs in columns.items()}
        for table, columns in notebook.column_lineage.items()
    }
    assert lineage == {
        "lake.t1": {
            "id": ["lake.orders.id"],
            "c": ["lake.orders.a", "lake.orders.b"],
            "n": ["lake.names.name"],
        },
        "lake.t2": {
            "b": ["lake.src.a"],
            "z": ["lake.src.x", "lake.src.y"],
            "w": ["lake.src.a"],
            "key": ["lake.src.id"],
        },
    }


def test_the_shipped_workspace() -> None:
    import fabric_assets.local as local

    folder = Path(str(local.__file__)).parent / "sample" / "workspaces" / "Local"
    lineage = analyze_folder(folder)
    written = {n.name: [str(t) for t in n.writes] for n in lineage.notebooks if n.writes}
    assert written == {
        "AquaVilla_LoadDimCalendar": ["curated.dim_calendar"],
        "AquaVilla_LoadDimCustomer": ["curated.dim_customer"],
        "AquaVilla_LoadDimEmployee": ["curated.dim_employee"],
        "AquaVilla_LoadFactSales": ["curated.fact_sales"],
    }
    assert not any(notebook.unresolved for notebook in lineage.notebooks)


def test_configuration_errors_name_the_place() -> None:
    for values, text in [
        ({"writer": []}, "unknown key 'writer'"),
        ({"writers": [{"call": "x"}]}, "entry 1 of writers: 'table' is missing"),
        ({"lookups": [{"call": "x", "column": "(", "table": "t"}]}, "not a regular expression"),
        ({"allow": [{"table": "t"}]}, "'reason' is missing"),
    ]:
        with pytest.raises(LineageConfigError, match=r"lineage|lookups") as caught:
            LineageConfig.from_mapping(values)
        assert text in str(caught.value)


def test_a_lakehouse_of_the_own_workspace_that_has_only_a_guid_is_a_gap() -> None:
    guid = "6a0b6a54-0000-0000-0000-00000000000a"
    path = f"abfss://{{}}@onelake.dfs.fabric.microsoft.com/{guid}/Tables/x"
    here = f"spark.read.load('{path.format('Home')}')\nspark.read.load('{path.format('Home')}')"
    source = {
        name: {"notebook-content.py": git_text([cell])}
        for name, cell in (("A", here), ("B", f"spark.read.load('{path.format('Elsewhere')}')"))
    }
    lineage = analyze(WorkspaceSource.from_definitions(source, (Item("Lake"),), ["Home"]))
    (gap,) = lineage.notebooks[0].unresolved
    assert guid in gap.reason
    assert not lineage.notebooks[1].unresolved
