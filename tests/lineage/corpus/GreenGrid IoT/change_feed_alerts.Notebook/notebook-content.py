# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "d88229a8-1f1e-5986-b0c4-a4fc22fca65b",
# META       "default_lakehouse_name": "serving",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "d88229a8-1f1e-5986-b0c4-a4fc22fca65b"
# META         },
# META         {
# META           "id": "096c66c4-9b99-5a29-ac02-c7298bda6092"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

changes = (
    spark.read.format("delta")
    .option("readChangeFeed", "true")
    .option("startingVersion", 0)
    .table("serving.latest_state")
    .where("_change_type IN ('insert', 'update_postimage')")
)
limits = spark.table("thresholds")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

alerts = changes.join(limits, "device_id").where("value > upper_limit OR value < lower_limit")
baseline = spark.sql("SELECT device_id, avg(value) AS usual FROM serving.hourly TIMESTAMP AS OF date_sub(current_date(), 1) GROUP BY device_id")
alerts = alerts.join(baseline, "device_id", "left")
alerts.writeTo("serving.alerts").append()

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
