# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "0fd31de5-dca1-5e37-bd51-95da8fa99a5a",
# META       "default_lakehouse_name": "Bronze",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "0fd31de5-dca1-5e37-bd51-95da8fa99a5a"
# META         },
# META         {
# META           "id": "2811b36d-5ced-5326-9630-21a2890ae020"
# META         },
# META         {
# META           "id": "d23b2dce-8ef4-5924-97ae-3d414484dced"
# META         },
# META         {
# META           "id": "0e5273c7-dd1a-55d8-b5ca-8ede1b4407d6"
# META         }
# META       ]
# META     }
# META   }
# META }

# MARKDOWN ********************

# # Shared helpers
# Call with `%run nb_utils`. Nothing here touches a table until somebody calls a function.

# CELL ********************

from datetime import datetime
from pyspark.sql import DataFrame, functions as F
from delta.tables import DeltaTable

BRONZE = "Bronze"
SILVER = "Silver"
GOLD = "Gold"

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

def read_table(lakehouse: str, name: str) -> DataFrame:
    """Read lakehouse.name, e.g. read_table("Bronze", "orders")."""
    return spark.read.table(f"{lakehouse}.{name}")


def write_table(df: DataFrame, lakehouse: str, name: str, mode: str = "overwrite") -> None:
    """Overwrite (default) or append to lakehouse.name."""
    (
        df.withColumn("_loaded_at", F.current_timestamp())
        .write.format("delta")
        .mode(mode)
        .option("overwriteSchema", "true")
        .saveAsTable(f"{lakehouse}.{name}")
    )

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

def get_watermark(entity: str):
    row = (
        spark.table("Control.watermarks")
        .filter(F.col("entity") == entity)
        .agg(F.max("loaded_until"))
        .first()
    )
    return row[0] or datetime(1900, 1, 1)


def set_watermark(entity: str, until) -> None:
    updates = spark.createDataFrame([(entity, until)], "entity string, loaded_until timestamp")
    (
        DeltaTable.forName(spark, "Control.watermarks")
        .alias("t")
        .merge(updates.alias("s"), "t.entity = s.entity")
        .whenMatchedUpdateAll()
        .whenNotMatchedInsertAll()
        .execute()
    )


def log_load(notebook: str, table: str, rows: int) -> None:
    entry = spark.createDataFrame([(notebook, table, rows, datetime.now())], "notebook string, table string, rows long, at timestamp")
    entry.write.mode("append").saveAsTable("Control.load_log")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
