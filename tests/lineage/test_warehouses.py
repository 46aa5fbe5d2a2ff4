"""T-SQL notebooks with the sources of warehouses beside them, as Fabric's Git folders hold them."""

from pathlib import Path

import pytest

from fabric_assets.lineage import Lineage, analyze_folder
from fabric_assets.lineage.sql_routines import routine_of
from tests.lineage.case_files import git_text, shown

LOAD = """CREATE   PROCEDURE [dw].[usp_load] @From DATE = NULL, @Debug BIT = 0
AS
BEGIN
    SET NOCOUNT ON;
    BEGIN TRY
        BEGIN TRANSACTION
        DELETE FROM [dw].[fact] WHERE day >= @From;
        INSERT INTO dw.fact (id, name)
        SELECT o.id, c.name FROM stg.orders AS o JOIN dw.customer AS c ON c.id = o.customer
        EXEC dw.usp_log 'fact', @@ROWCOUNT
        COMMIT TRANSACTION
    END TRY
    BEGIN CATCH
        IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;
        THROW;
    END CATCH
END
GO
"""
LOG = "CREATE PROC dw.usp_log (@Table VARCHAR(128), @Rows INT) AS\nINSERT INTO log VALUES (@Table, @Rows);"
COPY = """-- copies one table
CREATE PROCEDURE usp_copy @Name SYSNAME, @To SYSNAME = N'stg' WITH EXECUTE AS OWNER AS
DECLARE @sql NVARCHAR(MAX) = N'INSERT INTO ' + @To + '.' + QUOTENAME(@Name) + N' SELECT * FROM Lake.dbo.' + @Name;
EXEC (@sql)
"""
VIEW = "CREATE VIEW [dw].[v_fact] AS\nSELECT f.id, f.name AS customer FROM dw.fact AS f\nGO\n"
TOP = (
    "SET ANSI_NULLS ON\nGO\n"
    "CREATE VIEW dw.v_top (a, b) AS WITH x AS (SELECT * FROM dw.v_fact)\nSELECT id, customer FROM x"
)
FUNCTION = "CREATE FUNCTION dbo.f_recent (@n INT) RETURNS TABLE AS RETURN (SELECT TOP (@n) * FROM dw.v_fact);"


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    """A folder with the warehouse ``WH``."""
    files = {
        "dw/StoredProcedures/usp_load.sql": LOAD,
        "dw/StoredProcedures/usp_log.sql": LOG,
        "dbo/StoredProcedures/usp_copy.sql": COPY,
        "dw/Views/v_fact.sql": VIEW,
        "dw/Views/v_top.sql": TOP,
        "dbo/Functions/f_recent.sql": FUNCTION,
        "dw/Tables/fact.sql": "CREATE TABLE [dw].[fact] ([id] INT NULL);",
    }
    for path, text in files.items():
        file = tmp_path / "WH.Warehouse" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path


def lineage_of(folder: Path, *cells: str, name: str = "N") -> Lineage:
    """The lineage of a notebook with these cells in the folder."""
    place = folder / f"{name}.Notebook"
    place.mkdir()
    (place / "notebook-content.py").write_bytes(git_text([*cells]))
    return analyze_folder(folder)


def test_a_procedure_is_followed_into_those_that_it_calls(warehouse: Path) -> None:
    (notebook,) = lineage_of(warehouse, "%%tsql -artifact WH -type Warehouse\nEXEC dw.usp_load").notebooks
    assert shown(notebook) == {
        "reads": ["wh.dw.customer", "wh.stg.orders"],
        "writes": ["wh.dbo.log", "wh.dw.fact"],
        "calls": [],
    }
    assert not notebook.unresolved


@pytest.mark.parametrize("call", ["usp_copy @Name = 'x'", "dbo.usp_copy 'x', N'stg'", "WH.dbo.usp_copy 'x'"])
def test_names_are_built_from_the_arguments_of_the_call(warehouse: Path, call: str) -> None:
    (notebook,) = lineage_of(warehouse, f"%%tsql -artifact WH -type Warehouse\nEXEC {call}").notebooks
    assert shown(notebook) == {"reads": ["lake.x"], "writes": ["wh.stg.x"], "calls": []}
    assert not notebook.unresolved


def test_an_argument_that_is_not_known_is_a_gap(warehouse: Path) -> None:
    cell = "%%tsql -artifact WH -type Warehouse\nSELECT @n = name FROM cfg\nEXEC usp_copy @Name = @n"
    (notebook,) = lineage_of(warehouse, cell).notebooks
    assert shown(notebook) == {"reads": ["wh.dbo.cfg"], "writes": [], "calls": []}
    assert {"@n" in gap.reason for gap in notebook.unresolved} == {True}


def test_what_comments_and_texts_name_is_not_what_they_define(warehouse: Path) -> None:
    other = warehouse / "WH.Warehouse" / "dw" / "StoredProcedures" / "a.sql"
    other.write_text(
        "CREATE PROC dw.a AS -- CREATE PROCEDURE dw.usp_log is elsewhere\nEXEC ('CREATE VIEW dw.v_fact AS SELECT 1')"
    )
    cell = "%%tsql -artifact WH -type Warehouse\nEXEC dw.usp_log 'a', 1; SELECT * FROM dw.v_fact"
    (notebook,) = lineage_of(warehouse, cell).notebooks
    assert shown(notebook) == {"reads": ["wh.dw.fact", "wh.dw.v_fact"], "writes": ["wh.dbo.log"], "calls": []}


def test_views_are_seen_through_also_from_spark_and_python(warehouse: Path) -> None:
    sources = (
        "%%tsql -artifact WH -type Warehouse\nSELECT * INTO mart.t FROM dw.v_top",
        "spark.read.synapsesql('WH.dw.v_top')",
        "notebookutils.data.connect_to_artifact('WH', None, 'Warehouse').query('SELECT * FROM dw.v_top')",
    )
    expected = ["wh.dw.fact", "wh.dw.v_fact", "wh.dw.v_top"]
    for number, source in enumerate(sources):
        lineage = lineage_of(warehouse, source, name=f"N{number}")
        assert shown(lineage.notebooks[number])["reads"] == expected


def test_functions_are_followed_and_columns_come_from_the_tables_behind_views(warehouse: Path) -> None:
    cell = """%%tsql -artifact WH -type Warehouse
INSERT INTO t SELECT * FROM u OUTER APPLY dbo.f_recent(u.n) AS f
CREATE TABLE w AS SELECT customer FROM dw.v_fact"""
    (notebook,) = lineage_of(warehouse, cell).notebooks
    assert shown(notebook)["reads"] == ["wh.dbo.u", "wh.dw.fact", "wh.dw.v_fact"]
    (columns,) = notebook.column_lineage.values()
    assert [(str(table), name) for table, name in columns["customer"]] == [("wh.dw.fact", "name")]


def test_a_changed_procedure_is_not_taken_from_the_cache(warehouse: Path, tmp_path: Path) -> None:
    lineage_of(warehouse, "%%tsql -artifact WH -type Warehouse\nEXEC dw.usp_log 'a', 1")
    cache = tmp_path / "cache"
    (before,) = analyze_folder(warehouse, cache_folder=cache).notebooks
    procedure = warehouse / "WH.Warehouse" / "dw" / "StoredProcedures" / "usp_log.sql"
    procedure.write_text(LOG.replace("INTO log", "INTO audit"))
    (after,) = analyze_folder(warehouse, cache_folder=cache).notebooks
    assert [shown(notebook)["writes"] for notebook in (before, after)] == [["wh.dbo.log"], ["wh.dbo.audit"]]


def test_procedures_of_different_schemas_and_system_procedures_are_told_apart(warehouse: Path) -> None:
    cell = "%%tsql -artifact WH -type Warehouse\nEXEC stg.usp_load; EXEC sp_help 'x'; EXEC sp_load_all"
    (notebook,) = lineage_of(warehouse, cell).notebooks
    assert [gap.reason.partition(" does")[0] for gap in notebook.unresolved] == [
        "what the stored procedure sp_load_all",
        "what the stored procedure stg.usp_load",
    ]


def test_a_warehouse_as_default_does_not_say_in_which_workspace_lakehouses_lie(tmp_path: Path) -> None:
    lake = "11111111-0000-0000-0000-00000000000a"
    spark = git_text(["spark.range(1).write.saveAsTable('t')"], workspace=lake)
    tsql = b"""-- Fabric notebook source
-- METADATA ********************
-- META {"kernel_info": {"name": "sqldatawarehouse"}, "dependencies": {"warehouse": {
-- META "default_warehouse": "22222222-0000-0000-0000-00000000000b", "default_warehouse_name": "WH"}}}
-- CELL ********************
SELECT * INTO x FROM Lake.dbo.t
"""
    for name, data in (("A.Notebook/notebook-content.py", spark), ("B.Notebook/notebook-content.sql", tsql)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(data)
    (edge,) = analyze_folder(tmp_path).graph.edges
    assert (edge.upstream, edge.downstream, str(edge.table)) == ("A", "B", "lake.t")


def test_the_body_of_a_routine_is_found_behind_what_stands_before_it() -> None:
    found = routine_of(
        "CREATE OR ALTER PROC [a b].[c] @x AS INT, @y VARCHAR(5) = 'q', @z INT = 3 OUTPUT AS SELECT 1 AS one"
    )
    assert found is not None
    assert (found.name, found.body) == ("[a b].[c]", " SELECT 1 AS one")
    assert found.parameters == (("@x", None), ("@y", "q"), ("@z", None))
    assert routine_of("CREATE TABLE t (a INT)") is None
    assert routine_of("CREATE PROCEDURE broken") is None


TSQL = """-- Fabric notebook source
-- METADATA ********************
-- META {{"kernel_info": {{"name": "sqldatawarehouse"}}, "dependencies": {{"warehouse": {{"default_warehouse": "{guid}",
-- META "known_warehouses": [{{"id": "{guid}", "type": "{kind}"}}]}}}}}}
-- CELL ********************
{text}
"""
GUID = "33333333-0000-0000-0000-00000000000{}"


def _tsql_folder(folder: Path, stores: list[str], *notebooks: tuple[str, str, str]) -> Lineage:
    for store in stores:
        (folder / store).mkdir()
    for number, (guid, kind, text) in enumerate(notebooks):
        place = folder / f"N{number}.Notebook"
        place.mkdir()
        (place / "notebook-content.sql").write_text(TSQL.format(guid=guid, kind=kind, text=text))
    return analyze_folder(folder)


def test_the_only_warehouse_is_the_one_that_a_default_names_by_its_guid(tmp_path: Path) -> None:
    lineage = _tsql_folder(
        tmp_path,
        ["WH.Warehouse", "Lake.Lakehouse"],
        (GUID.format(1), "Datawarehouse", "SELECT * INTO t FROM Lake.dbo.x"),
        (GUID.format(2), "Lakewarehouse", "SELECT * FROM x; SELECT * FROM WH.dbo.t"),
    )
    assert [shown(notebook)["reads"] for notebook in lineage.notebooks] == [
        ["lake.x"],
        ["lake.x", "wh.dbo.t"],
    ]
    assert [shown(notebook)["writes"] for notebook in lineage.notebooks] == [["wh.dbo.t"], []]
    assert not any(notebook.unresolved for notebook in lineage.notebooks)


def test_a_default_that_may_be_one_of_several_is_a_gap(tmp_path: Path) -> None:
    lineage = _tsql_folder(
        tmp_path, ["A.Warehouse", "B.Warehouse"], (GUID.format(1), "Datawarehouse", "SELECT * FROM t")
    )
    (gap,) = lineage.notebooks[0].unresolved
    assert GUID.format(1) in gap.reason
    assert "`lakehouses`" in gap.reason


def test_procedures_that_another_notebook_creates_are_followed(tmp_path: Path) -> None:
    create = (
        "CREATE OR ALTER PROC stg.load AS INSERT INTO t SELECT * FROM s\nGO\nCREATE VIEW v AS SELECT * FROM s"
    )
    lineage = _tsql_folder(
        tmp_path,
        ["WH.Warehouse"],
        (GUID.format(1), "Datawarehouse", create),
        (GUID.format(1), "Datawarehouse", "EXEC stg.load"),
        (GUID.format(1), "Datawarehouse", "SELECT * FROM v"),
    )
    assert [shown(n)["reads"] for n in lineage.notebooks] == [["wh.dbo.s"], ["wh.dbo.s"], ["wh.dbo.v"]]
    assert [shown(n)["writes"] for n in lineage.notebooks] == [["wh.dbo.v"], ["wh.dbo.t"], []]
    assert not any(notebook.unresolved for notebook in lineage.notebooks)


def test_an_artifact_is_one_of_the_own_workspace_wherever_the_default_lakehouse_lies(tmp_path: Path) -> None:
    place = tmp_path / "N.Notebook"
    place.mkdir()
    cells = [
        "%%tsql -artifact WH -type Warehouse\nSELECT * INTO a FROM b",
        "%%tsql -artifact WH -type Warehouse -workspace Other\nSELECT * FROM c",
        "notebookutils.data.connect_to_artifact('WH').query('SELECT * FROM d')",
        "notebookutils.data.connect_to_artifact('WH', 'Other', 'Warehouse').query('SELECT * FROM e')",
        "spark.table('t')",
    ]
    (place / "notebook-content.py").write_bytes(git_text(cells, workspace="Shared"))
    for name in ("WH.Warehouse", "Lake.Lakehouse", "M.Notebook"):
        (tmp_path / name).mkdir()
    (tmp_path / "M.Notebook" / "notebook-content.py").write_bytes(git_text(["spark.table('t')"]))
    _, notebook = analyze_folder(tmp_path).notebooks
    assert shown(notebook)["reads"] == [
        "lake.t@shared",
        "wh.dbo.b",
        "wh.dbo.c@other",
        "wh.dbo.d",
        "wh.dbo.e@other",
    ]
    assert shown(notebook)["writes"] == ["wh.dbo.a"]
