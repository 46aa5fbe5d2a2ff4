import pytest

from fabric_assets.lineage import WorkspaceSource, analyze
from tests.lineage.case_files import Case, analyzed, load, shown


@pytest.mark.parametrize("case", load("spark.sql"))
def test_spark_sql_cell(case: Case) -> None:
    notebook = analyzed({"N": ["%%sql\n" + case.source]}).notebooks[0]
    expected = {"reads": case.reads, "writes": case.writes, "calls": []}
    got = {**shown(notebook), "calls": []}
    got = {key: [n.replace(".dbo.orders@", ".orders@") for n in value] for key, value in got.items()}
    assert got == expected, notebook.unresolved
    assert len(notebook.unresolved) == case.unresolved, notebook.unresolved


@pytest.mark.parametrize("case", load("tsql.sql"))
def test_tsql_notebook(case: Case) -> None:
    source = (
        "-- Fabric notebook source\n\n-- METADATA ********************\n\n"
        '-- META {"kernel_info": {"name": "sqldatawarehouse"}, "dependencies": {"warehouse": '
        '{"default_warehouse": "0e0e0e0e-0000-0000-0000-000000000001", "default_warehouse_name": "WH"}}}\n\n'
        f"-- CELL ********************\n\n{case.source}\n"
    )
    workspace = WorkspaceSource.from_definitions({"N": {"notebook-content.sql": source.encode()}})
    notebook = analyze(workspace).notebooks[0]
    assert shown(notebook) == {"reads": case.reads, "writes": case.writes, "calls": []}, notebook.unresolved
    assert len(notebook.unresolved) == case.unresolved, notebook.unresolved
