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

from pyspark.sql import functions as F, types as T

schema = T.StructType([
    T.StructField("device_id", T.StringType()),
    T.StructField("table", T.StringType()),
    T.StructField("value", T.DoubleType()),
    T.StructField("at", T.TimestampType()),
])
devices = spark.read.table("devices")
stream = (
    spark.readStream.table("telemetry.events")
    .withColumn("e", F.from_json("json", schema))
    .select("e.*")
    .withWatermark("at", "10 minutes")
    .join(F.broadcast(devices), "device_id")
)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

(
    stream.writeStream.format("delta")
    .option("checkpointLocation", "Files/checkpoints/readings")
    .trigger(availableNow=True)
    .start("Tables/readings")
    .awaitTermination()
)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
