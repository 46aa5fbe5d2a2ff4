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

# CELL ********************

from delta.tables import DeltaTable
import pyspark.sql.functions as F

TARGET = "Tables/mart/dim_machine"
tracked = ["line", "hall", "ideal_cycle_seconds", "active"]

src = spark.table("mfg_lake.refined.machine").withColumn("row_hash", F.sha2(F.concat_ws("~", *tracked), 256))

if DeltaTable.isDeltaTable(spark, TARGET):
    dim = DeltaTable.forPath(spark, TARGET)
    existing = dim.toDF().where("is_current")
    changes = src.join(existing, "machine_id", "left").where(existing.row_hash.isNull() | (existing.row_hash != src.row_hash)).select(src["*"])
    (
        dim.alias("d")
        .merge(changes.alias("c"), "d.machine_id = c.machine_id AND d.is_current")
        .whenMatchedUpdate(set={"is_current": F.lit(False), "valid_to": F.current_timestamp()})
        .execute()
    )
    mode = "append"
else:
    changes, mode = src, "overwrite"

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

(
    changes.withColumn("valid_from", F.current_timestamp())
    .withColumn("valid_to", F.lit(None).cast("timestamp"))
    .withColumn("is_current", F.lit(True))
    .write.format("delta").mode(mode).save(TARGET)
)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
