from pathlib import Path

import pytest

from fabric_assets.local.engine.kernel.context import KernelContext
from fabric_assets.local.engine.kernel.session import KernelSession
from fabric_assets.local.engine.kernel.spark_names import TableName, TableNames
from fabric_assets.local.engine.kernel.spark_sql import SqlLocalizer
from fabric_assets.local.engine.kernel.sql_text import split_statements, tokens_of


@pytest.fixture
def session(tmp_path: Path) -> KernelSession:
    lakehouses = tuple(
        {"workspace": "Local", "name": name, "item_id": name * 2, "folder": str(tmp_path / name)}
        for name in ("Base", "Curated")
    )
    for table in ("Curated/Tables/dim_x", "Curated/Tables/Dim_Y", "Base/Tables/raw"):
        (tmp_path / table / "_delta_log").mkdir(parents=True)
    context = KernelContext("1", "Local", "2", "N", "3", "synapse_pyspark", "x", lakehouses, "CuratedCurated")
    return KernelSession(context, tmp_path)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        pytest.param("SELECT * FROM Dim_X", "SELECT * FROM dim_x", id="plain"),
        pytest.param("SELECT * FROM DIM_Y y", "SELECT * FROM dim_y y", id="folder in upper case"),
        pytest.param("select Dim_X.Dim_X from Dim_X", "select Dim_X.Dim_X from dim_x", id="columns stay"),
        pytest.param(
            "SELECT 'Base.Raw', a AS Dim_X FROM t", "SELECT 'Base.Raw', a AS Dim_X FROM t", id="text stays"
        ),
        pytest.param("SELECT 1 -- FROM Dim_X\n", "SELECT 1 -- FROM Dim_X\n", id="comment stays"),
        pytest.param("SELECT * FROM Base . RAW r", "SELECT * FROM base.raw r", id="blanks around the dot"),
        pytest.param("FROM a JOIN `Base`.`Raw` ON 1=1", "FROM a JOIN base.raw ON 1=1", id="quoted"),
        pytest.param(
            "SELECT 1 FROM Dim_X, Base.Raw r, (SELECT 1)",
            "SELECT 1 FROM dim_x, base.raw r, (SELECT 1)",
            id="list",
        ),
        pytest.param("SELECT f(Dim_X, Dim_Y) FROM t", "SELECT f(Dim_X, Dim_Y) FROM t", id="arguments"),
        pytest.param("SELECT * FROM Dim_X(3)", "SELECT * FROM Dim_X(3)", id="table function"),
        pytest.param(
            "SELECT EXTRACT(YEAR FROM Orderdate)", "SELECT EXTRACT(YEAR FROM Orderdate)", id="extract"
        ),
        pytest.param(
            "WITH Dim_X AS (SELECT 1) SELECT * FROM DIM_X",
            "WITH Dim_X AS (SELECT 1) SELECT * FROM Dim_X",
            id="cte wins",
        ),
        pytest.param(
            "WITH A (x) AS (SELECT 1), B AS (SELECT * FROM a) SELECT * FROM b",
            "WITH A (x) AS (SELECT 1), B AS (SELECT * FROM A) SELECT * FROM B",
            id="ctes without case",
        ),
        pytest.param("CREATE TABLE New_T (Dim_X INT)", "CREATE TABLE new_t (Dim_X INT)", id="create"),
        pytest.param(
            "CREATE TABLE t USING Delta AS SELECT 1", "CREATE TABLE t USING Delta AS SELECT 1", id="format"
        ),
        pytest.param(
            "INSERT INTO BASE.Raw (A) VALUES (1)", "INSERT INTO base.raw (A) VALUES (1)", id="insert"
        ),
        pytest.param(
            "INSERT OVERWRITE TABLE Dim_X SELECT 1", "INSERT OVERWRITE TABLE dim_x SELECT 1", id="overwrite"
        ),
        pytest.param("DELETE FROM Dim_X WHERE a", "DELETE FROM dim_x WHERE a", id="delete"),
        pytest.param("UPDATE Dim_X SET Dim_Y = 1", "UPDATE dim_x SET Dim_Y = 1", id="update"),
        pytest.param(
            "MERGE INTO Dim_X t USING Base.RAW s ON t.a = s.a",
            "MERGE INTO dim_x t USING base.raw s ON t.a = s.a",
            id="merge",
        ),
        pytest.param("SELECT * FROM Unknown", "SELECT * FROM Unknown", id="unknown"),
        pytest.param(
            "SELECT * FROM Elsewhere.Dim_X", "SELECT * FROM Elsewhere.Dim_X", id="unknown lakehouse"
        ),
        pytest.param(
            "SELECT a FROM t ORDER BY a DESC, Dim_X", "SELECT a FROM t ORDER BY a DESC, Dim_X", id="order by"
        ),
        pytest.param("SELECT a FROM t GROUP BY a, Dim_X", "SELECT a FROM t GROUP BY a, Dim_X", id="group by"),
    ],
)
def test_only_names_of_tables_are_changed(session: KernelSession, sql: str, expected: str) -> None:
    assert _localizer(session).localize(sql) == expected


def test_paths_are_put_right(session: KernelSession) -> None:
    localizer = _localizer(session)
    folder = session.default_lakehouse.folder if session.default_lakehouse else None
    assert (
        localizer.localize("SELECT * FROM delta.`Tables/dim_x`")
        == f"SELECT * FROM delta.`{folder}/Tables/dim_x`"
    )
    assert (
        localizer.localize("CREATE TABLE t LOCATION 'Files/t'")
        == f"CREATE TABLE t LOCATION '{folder}/Files/t'"
    )
    assert localizer.localize("SELECT 'Files/t'") == "SELECT 'Files/t'"


def test_temporary_views_have_no_case_and_win_over_tables(session: KernelSession) -> None:
    localizer = _localizer(session)
    created = localizer.localize("CREATE OR REPLACE TEMPORARY VIEW Dim_X AS SELECT * FROM Base.Raw")
    assert created == "CREATE OR REPLACE TEMPORARY VIEW dim_x AS SELECT * FROM base.raw"
    assert localizer.localize("SELECT * FROM DIM_X") == "SELECT * FROM dim_x"


def test_every_table_that_is_named_is_reported(session: KernelSession) -> None:
    named: list[str] = []
    localizer = SqlLocalizer(
        TableNames(session), lambda path, creates: path, lambda table: named.append(table.sql)
    )
    localizer.localize("SELECT * FROM Dim_X JOIN BASE.raw LEFT JOIN Dim_Z")
    assert named == ["curated.dim_x", "base.raw", "curated.dim_z"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'it''s', \"x\"\"y\", `a``b`, r'\\', 'a\\'b' -- end",
        "/* open comment",
        "SELECT 'open string",
        "SELECT ä_1, 1.5e3, $x, :p, {y} FROM ünï",
        "",
    ],
)
def test_tokens_joined_are_the_text(sql: str) -> None:
    assert "".join(token.text for token in tokens_of(sql)) == sql


def test_statements_are_split_at_semicolons_outside_of_text() -> None:
    sql = "\nSELECT ';' AS a; -- one;\n\nSELECT /* ; */ `;` ;; ;\n-- only a comment"
    assert split_statements(sql) == ["SELECT ';' AS a", "-- one;\n\nSELECT /* ; */ `;`"]


def _localizer(session: KernelSession) -> SqlLocalizer:
    def ignore(table: TableName) -> None:
        del table

    return SqlLocalizer(TableNames(session), lambda path, creates: session.local_path(path), ignore)
