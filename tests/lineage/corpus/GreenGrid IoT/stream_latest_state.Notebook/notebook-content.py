# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "096c66c4-9b99-5a29-ac02-c7298bda6092",
# META       "default_lakehouse_name": "telemetry",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "096c66c4-9b99-5a29-ac02-c7298bda6092"
# META         },
# META         {
# META           "id": "d88229a8-1f1e-5986-b0c4-a4fc22fca65b"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

from delta.tables import DeltaTable
from pyspark.sql import Window, functions as F

spark.sql("CREATE TABLE IF NOT EXISTS serving.latest_state (device_id STRING, value DOUBLE, at TIMESTAMP) USING delta")


def upsert(batch, batch_id):
    newest = Window.partitionBy("device_id").orderBy(F.desc("at"))
    rows = batch.withColumn("n", F.row_number().over(newest)).where("n = 1").drop("n")
    state = DeltaTable.forName(batch.sparkSession, "serving.latest_state")
    (
        state.alias("t")
        .merge(rows.alias("s"), "t.device_id = s.device_id")
        .whenMatchedUpdateAll("s.at > t.at")
        .whenNotMatchedInsertAll()
        .execute()
    )

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

(
    spark.readStream.format("delta").load("Tables/readings")
    .writeStream.foreachBatch(upsert)
    .option("checkpointLocation", "Files/checkpoints/latest_state")
    .trigger(availableNow=True)
    .start()
    .awaitTermination()
)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
