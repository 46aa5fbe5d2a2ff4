import json
import uuid
from pathlib import Path

import pytest
from deltalake import DeltaTable, write_deltalake

from fabric_assets.local.execution import LakehouseRef
from tests.local.engine_home import EngineHome

ONELAKE = "abfss://Local@onelake.dfs.fabric.microsoft.com"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> EngineHome:
    return EngineHome(tmp_path_factory.mktemp("spark") / "home")


def _notebook(home: EngineHome, name: str, *cells: str) -> None:
    home.add(
        name, HELPERS, *cells, "notebookutils.notebook.exit(json.dumps(found))", kernel="synapse_pyspark"
    )


HELPERS = """
import json
found = {}

def rows(sql):
    return [list(row.values()) for row in spark.sql(sql).toArrow().to_pylist()]

def error_of(call):
    try:
        call()
    except Exception as error:
        return f'{type(error).__name__}: {error}'
"""


def test_tables_of_all_lakehouses_are_there_and_case_does_not_matter(home: EngineHome) -> None:
    import polars as pl

    write_deltalake(
        str(home.lakehouse("Base") / "Tables" / "Raw_Orders"),
        pl.DataFrame({"Id": [1, 2], "Ort": ["Köln", "Ulm"]}),
    )
    _notebook(
        home,
        "Names",
        """
found['qualified'] = [rows(f'SELECT ID FROM {name} ORDER BY id')
                      for name in ('Base.Raw_Orders', 'base.raw_orders', 'BASE.RAW_ORDERS', '`Base`.`raw_Orders`')]
found['joined'] = rows('''
    WITH Orders AS (SELECT * FROM base.raw_orders)  -- Base.Nothing
    SELECT o.Ort, Raw_Orders.Id FROM ORDERS o, BASE.Raw_Orders WHERE o.id = raw_orders.id ORDER BY 2''')
spark.table('Base.RAW_orders').write.mode('overwrite').saveAsTable('Curated.Dim_Order')
found['plain'] = [rows('SELECT count(*) FROM Dim_Order'), spark.table('DIM_ORDER').count(),
                  spark.read.table('curated.dim_order').count()]
found['exists'] = [spark.catalog.tableExists('Dim_Order'), spark.catalog.tableExists('CURATED.dim_order'),
                   spark.catalog.tableExists('nothing')]
spark.table('dim_order').createOrReplaceTempView('New_Orders')
spark.sql('CREATE OR REPLACE TEMP VIEW Next_Orders AS SELECT * FROM NEW_ORDERS')
found['views'] = rows('SELECT count(*) FROM next_orders')
found['lists'] = [sorted(row[1] for row in rows('SHOW TABLES IN Base') if not row[2]),
                  sorted(table.name for table in spark.catalog.listTables('Curated') if not table.isTemporary)]
spark.sql('USE Base')
found['used'] = rows('SELECT count(*) FROM raw_orders')
spark.sql('USE Curated')
""",
        """
%%sql
CREATE OR REPLACE TABLE Curated.Dim_Order AS SELECT Id, Ort, 'neu; neu' AS Extra FROM dim_order;
INSERT INTO Dim_Order (Id, Ort, Extra) VALUES (3, 'Bonn', NULL);
MERGE INTO Curated.DIM_ORDER AS t USING (SELECT 3 AS id, 'Kiel' AS ort UNION ALL SELECT 4, 'Jena') AS s
  ON t.Id = s.id WHEN MATCHED THEN UPDATE SET Ort = s.ort
  WHEN NOT MATCHED THEN INSERT (Id, Ort, Extra) VALUES (s.id, s.ort, 'x');
SELECT * FROM Dim_Order ORDER BY Id
""",
        "found['sqldf'] = [list(row) for row in _sqldf.collect()]\n"
        "found['gone'] = [rows('DROP TABLE IF EXISTS Curated.DIM_ORDER'), spark.catalog.tableExists('dim_order')]\n"
        "found['recreated'] = rows('CREATE TABLE dim_Order AS SELECT 1 AS Only') or rows('SELECT * FROM dim_order')",
    )
    executed = home.run("Names")
    found = executed.value
    assert found["qualified"] == [[[1], [2]]] * 4
    assert found["joined"] == [["Köln", 1], ["Ulm", 2]]
    assert found["plain"] == [[[2]], 2, 2]
    assert found["exists"] == [True, True, False]
    assert found["views"] == [[2]]
    assert found["lists"] == [["raw_orders"], ["dim_order"]]
    assert found["used"] == [[2]]
    expected = [[1, "Köln", "neu; neu"], [2, "Ulm", "neu; neu"], [3, "Kiel", None], [4, "Jena", "x"]]
    assert found["sqldf"] == expected
    assert found["gone"] == [[], False]
    assert found["recreated"] == [[1]]
    shown = "".join(executed.outputs(2)[0]["data"]["text/html"])
    assert "<td>Kiel</td>" in shown
    assert "<i>null</i>" in shown
    table = home.lakehouse("Curated") / "Tables" / "dim_order"
    assert DeltaTable(str(table)).to_pyarrow_table().to_pylist() == [{"Only": 1}]
    assert sorted(path.name for path in home.lakehouse("Curated").iterdir()) == ["Files", "Tables"]


def test_paths_of_fabric_lead_to_the_lakehouses(home: EngineHome) -> None:
    (home.lakehouse("Base") / "Files" / "in").mkdir()
    (home.lakehouse("Base") / "Files" / "in" / "a.csv").write_text("id;name\n1;Jörg\n", encoding="utf-8")
    _notebook(
        home,
        "Paths",
        f"""
base = '{ONELAKE}/Base.Lakehouse'
frame = spark.read.option('header', True).option('sep', ';').csv(base + '/Files/in')
found['csv'] = [list(row) for row in frame.collect()]
frame.write.format('delta').mode('overwrite').save('Tables/from_path')
found['path'] = rows('SELECT name FROM From_Path')
found['sql path'] = rows('SELECT name FROM delta.`Tables/from_path`')
frame.write.mode('overwrite').option('path', 'Files/out').format('parquet').save()
found['parquet'] = spark.read.parquet('/lakehouse/default/Files/out').count()
by_id = '{ONELAKE}/0a0a0a0a-0000-0000-0000-0000000000c0/Tables/from_path'
found['by id'] = spark.read.format('delta').load(by_id).count()
spark.sql("CREATE TABLE external USING delta LOCATION 'Files/external' AS SELECT 1 AS a")
found['external'] = rows('SELECT * FROM External')
found['unknown'] = error_of(lambda: spark.read.csv(base.replace('Base', 'Basis') + '/Files/x').count())
""",
    )
    found = home.run("Paths").value
    assert found["csv"] == [["1", "Jörg"]]
    assert found["path"] == found["sql path"] == [["Jörg"]]
    assert found["parquet"] == 1
    assert found["by id"] == 1
    assert found["external"] == [[1]]
    assert "'Basis.Lakehouse' was not found" in found["unknown"]
    assert "'Base'" in found["unknown"]
    assert (home.lakehouse("Curated") / "Files" / "external" / "_delta_log").is_dir()


def test_statements_that_the_embedded_spark_lacks(home: EngineHome) -> None:
    _notebook(
        home,
        "Care",
        """
spark.sql('CREATE TABLE Care_1 (a INT, b STRING) USING delta PARTITIONED BY (b)')
spark.sql("INSERT INTO care_1 VALUES (1, 'x')")
found['history'] = [row[2] for row in rows('DESCRIBE HISTORY Care_1')]
names = spark.sql('DESCRIBE DETAIL curated.Care_1').columns
found['detail'] = dict(zip(names, [str(value) for value in rows('DESCRIBE DETAIL curated.Care_1')[0]]))
found['columns'] = [row[0] for row in rows('DESCRIBE Care_1')]
spark.sql('OPTIMIZE care_1 ZORDER BY (a)')
spark.sql('VACUUM care_1')
spark.sql('REFRESH TABLE care_1')
spark.sql('SET spark.sql.shuffle.partitions = 4')
found['conf'] = spark.conf.get('spark.sql.shuffle.partitions')
spark.sql('TRUNCATE TABLE CARE_1')
found['left'] = rows('SELECT count(*) FROM Care_1')
spark.sql('ALTER TABLE care_1 RENAME TO Care_2')
found['renamed'] = [spark.catalog.tableExists('care_1'), spark.catalog.tableExists('CARE_2')]
spark.range(2).writeTo('Care_2').createOrReplace()
found['replaced'] = spark.table('care_2').columns
found['database'] = error_of(lambda: spark.sql('CREATE DATABASE other'))
found['use'] = error_of(lambda: spark.sql('USE Curatd'))
found['optimize'] = error_of(lambda: spark.sql('OPTIMIZE care_3'))
from pyspark.sql import SparkSession
found['same session'] = SparkSession.builder.getOrCreate() is spark
spark.sql('DROP TABLE care_2')
""",
    )
    found = home.run("Care").value
    assert len(found["history"]) >= 2
    assert found["detail"]["format"] == "delta"
    assert found["detail"]["partitionColumns"] == "['b']"
    assert found["columns"][:2] == ["a", "b"]
    assert found["conf"] == "4"
    assert found["left"] == [[0]]
    assert found["renamed"] == [False, True]
    assert found["replaced"] == ["id"]
    assert "a database is a lakehouse" in found["database"]
    assert "'Curatd' was not found; nearest: 'curated'" in found["use"]
    assert "nearest: 'care_2'" in found["optimize"]
    assert found["same session"] is True


def test_columns_made_from_constants_can_be_null_as_in_spark(home: EngineHome) -> None:
    _notebook(
        home,
        "Nulls",
        """
frame = spark.sql("SELECT 1 AS Id, 'x' AS Name")
frame.write.saveAsTable('Nulls_1')
frame.write.format('delta').save('Tables/nulls_2')
frame.writeTo('nulls_3').create()
spark.sql("CREATE TABLE nulls_4 AS SELECT 1 AS Id, 'x' AS Name")
frame.selectExpr('*', '2 AS more').write.mode('overwrite').option('overwriteSchema', 'true').saveAsTable('nulls_4')
for number in (1, 2, 3, 4):
    spark.sql(f'INSERT INTO nulls_{number} (Name) VALUES (NULL)')
    found[number] = rows(f'SELECT Id, NAME FROM nulls_{number} ORDER BY id NULLS FIRST')
    spark.sql(f'DROP TABLE nulls_{number}')
spark.sql('CREATE TABLE nulls_5 (a INT NOT NULL)')
found['declared'] = error_of(lambda: spark.sql('INSERT INTO nulls_5 VALUES (NULL)'))
""",
    )
    found = home.run("Nulls").value
    for number in "1234":
        assert found[number] == [[None, None], [1, "x"]]
    assert "NOT NULL constraint violated for column: a" in found["declared"]


def test_folders_with_blanks_and_umlauts_are_no_problem(tmp_path: Path) -> None:
    home = EngineHome(tmp_path / "Mein Projekt (ü%)")
    _notebook(
        home,
        "Blanks",
        """
spark.range(2).write.saveAsTable('t1')
spark.range(3).write.format('delta').save('Tables/t2')
spark.sql("CREATE TABLE t3 PARTITIONED BY (ort) AS SELECT 1 AS a, 'Köln / Süd' AS ort")
spark.range(4).write.format('delta').save('Files/Größen 1/x')
found['counts'] = [spark.table(name).count() for name in ('t1', 'T2', 't3', 'delta.`Files/Größen 1/x`')]
spark.range(1).coalesce(1).write.csv('Files/Größen 2')
found['csv'] = spark.read.csv('Files/Größen 2').count()
found['name'] = error_of(lambda: spark.sql('CREATE TABLE größe AS SELECT 1 AS a'))
""",
    )
    found = home.run("Blanks").value
    assert found["counts"] == [2, 3, 1, 4]
    assert found["csv"] == 1
    assert "letters a to z" in found["name"]
    assert DeltaTable(str(home.lakehouse("Curated") / "Tables" / "t3")).to_pyarrow_table().num_rows == 1
    assert [path.name for path in tmp_path.iterdir()] == ["Mein Projekt (ü%)"]


def test_lakehouses_with_schemas_and_of_other_workspaces(home: EngineHome) -> None:
    sales = LakehouseRef("Local", "Sales", str(uuid.uuid4()))
    shared = LakehouseRef("Shared Data", "Common", str(uuid.uuid4()))
    home.extra_lakehouses = (sales, shared)
    (home.home.lakehouse("Local", "Sales") / "Tables" / "dbo").mkdir(parents=True)
    (home.home.lakehouse("Shared Data", "Common") / "Tables").mkdir(parents=True)
    _notebook(
        home,
        "Schemas",
        """
%%configure -f
{"defaultLakehouse": {"name": {"parameterName": "lakehouse", "defaultValue": "Sales"}}, "conf": {"spark.x.y": "1"},
 "mountPoints": []}
""",
        """
spark.sql('CREATE SCHEMA IF NOT EXISTS Silver')
spark.sql('CREATE TABLE silver.Orders AS SELECT 1 AS a')
spark.sql('CREATE TABLE plain AS SELECT 2 AS a')
spark.range(3).write.saveAsTable('`Shared Data`.Common.Third')
found['names'] = [rows(f'SELECT * FROM {name}') for name in
    ('Silver.orders', 'Sales.SILVER.Orders', 'Local.Sales.silver.ORDERS', 'plain', 'dbo.Plain', 'sales.plain')]
found['other'] = rows('SELECT count(*) FROM `shared data`.COMMON.third')
found['context'] = notebookutils.runtime.context['defaultLakehouseName']
""",
    )
    executed = home.run("Schemas")
    found = executed.value
    assert found["names"] == [[[1]], [[1]], [[1]], [[2]], [[2]], [[2]]]
    assert found["other"] == [[3]]
    assert found["context"] == "Sales"
    assert "without effect locally: mountPoints" in executed.text(1)
    tables = home.home.lakehouse("Local", "Sales") / "Tables"
    assert (tables / "silver" / "orders" / "_delta_log").is_dir()
    assert (tables / "dbo" / "plain" / "_delta_log").is_dir()
    assert (home.home.lakehouse("Shared Data", "Common") / "Tables" / "third" / "_delta_log").is_dir()
    home.extra_lakehouses = ()


def test_a_notebook_in_sql_with_other_languages(home: EngineHome) -> None:
    path = home.home.workspaces / "Local" / "Sql.Notebook" / "notebook-content.sql"
    path.parent.mkdir(parents=True)
    metadata = json.dumps(
        {
            "kernel_info": {"name": "synapse_pyspark"},
            "dependencies": {"lakehouse": {"default_lakehouse_name": "curated"}},
        }
    )
    path.write_text(
        f"-- Fabric notebook source\n\n-- METADATA ********************\n\n-- META {metadata}\n\n"
        "-- CELL ********************\n\nCREATE OR REPLACE TABLE from_sql AS SELECT 'ß' AS s;\n"
        "SELECT s FROM From_Sql\n\n"
        "-- CELL ********************\n\n-- MAGIC %%pyspark\n-- MAGIC value = _sqldf.collect()[0].s\n\n"
        "-- CELL ********************\n\n-- MAGIC %%pyspark\n-- MAGIC import json\n"
        "-- MAGIC notebookutils.notebook.exit(json.dumps([value, spark.table('from_sql').count()]))\n",
        encoding="utf-8",
    )
    home.notebooks["Sql"] = path
    assert home.run("Sql").value == ["ß", 1]
