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

from pyspark.sql import functions as F

connection = notebookutils.credentials.getSecret("https://greengrid.vault.azure.net/", "eventhub")
config = {"eventhubs.connectionString": sc._jvm.org.apache.spark.eventhubs.EventHubsUtils.encrypt(connection)}

raw = spark.readStream.format("eventhubs").options(**config).load()
events = raw.select(F.col("body").cast("string").alias("json"), "enqueuedTime", "partition")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

query = (
    events.writeStream.format("delta")
    .outputMode("append")
    .option("checkpointLocation", "Files/checkpoints/events")
    .trigger(availableNow=True)
    .toTable("events")
)
query.awaitTermination()

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
