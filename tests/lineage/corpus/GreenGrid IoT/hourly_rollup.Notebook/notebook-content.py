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

spark.catalog.setCurrentDatabase("serving")
last = spark.sql("SELECT coalesce(max(hour), timestamp'2020-01-01') FROM hourly").first()[0]

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

hourly = spark.sql(
    f"""
    SELECT device_id, date_trunc('hour', at) AS hour, avg(value) AS value, count(*) AS n
    FROM telemetry.readings
    WHERE at >= '{last}'
    GROUP BY device_id, date_trunc('hour', at)
    """
)
hourly.createOrReplaceGlobalTempView("hourly_new")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC MERGE INTO serving.hourly AS hourly
# MAGIC USING global_temp.hourly_new AS n
# MAGIC ON hourly.device_id = n.device_id AND hourly.hour = n.hour
# MAGIC WHEN MATCHED THEN UPDATE SET hourly.value = n.value, hourly.n = n.n
# MAGIC WHEN NOT MATCHED THEN INSERT *

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }
