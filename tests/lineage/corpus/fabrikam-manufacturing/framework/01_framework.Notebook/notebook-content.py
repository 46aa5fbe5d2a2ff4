# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "b437edd5-6b25-5708-ac5e-49c2c27558e6",
# META       "default_lakehouse_name": "mfg_lake",
# META       "default_lakehouse_workspace_id": "7d0c9a52-54b1-4d3b-8c0e-0d2e6f9b1a01",
# META       "known_lakehouses": [
# META         {
# META           "id": "b437edd5-6b25-5708-ac5e-49c2c27558e6"
# META         },
# META         {
# META           "id": "903159a8-4b59-5c02-a464-6c7ef5ff6d55"
# META         }
# META       ]
# META     }
# META   }
# META }

# MARKDOWN ********************

# The loader. `load_entity(cfg)` takes one entry of a metadata list.

# CELL ********************

%run 00_settings

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

from dataclasses import dataclass, field
from delta.tables import DeltaTable
from pyspark.sql import functions as F


def merge_into(df, target, keys):
    if not spark.catalog.tableExists(target):
        df.write.format("delta").saveAsTable(target)
        return
    condition = " AND ".join(f"t.{k} = s.{k}" for k in keys)
    (
        DeltaTable.forName(spark, target).alias("t")
        .merge(df.alias("s"), condition)
        .whenMatchedUpdateAll()
        .whenNotMatchedInsertAll()
        .execute()
    )

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

def load_entity(cfg):
    """cfg: source, target, keys, optionally filter and columns."""
    df = spark.table(cfg["source"])
    if cfg.get("filter"):
        df = df.where(cfg["filter"])
    if "columns" in cfg:
        df = df.select(*cfg["columns"])
    df = df.withColumn("_etl_ts", F.current_timestamp())
    merge_into(df, cfg["target"], cfg["keys"])

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
