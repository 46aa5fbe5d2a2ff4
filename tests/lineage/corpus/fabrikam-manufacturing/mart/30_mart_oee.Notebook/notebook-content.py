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

# MAGIC %%sql
# MAGIC -- OEE = availability x performance x quality
# MAGIC CREATE OR REPLACE TABLE mart.oee_daily AS
# MAGIC WITH machine AS (
# MAGIC     SELECT machine_id, line, ideal_cycle_seconds FROM refined.machine WHERE active
# MAGIC ),
# MAGIC readings AS (
# MAGIC     SELECT s.machine_id, r.reading_at, r.value
# MAGIC     FROM raw.sensor_readings r
# MAGIC     JOIN refined.sensor s ON s.sensor_id = r.sensor_id AND s.kind = 'state'
# MAGIC ),
# MAGIC per_day AS (
# MAGIC     SELECT machine_id, to_date(reading_at) AS day,
# MAGIC            avg(CASE WHEN value = 1 THEN 1.0 ELSE 0.0 END) AS availability
# MAGIC     FROM readings
# MAGIC     GROUP BY machine_id, to_date(reading_at)
# MAGIC )
# MAGIC SELECT c.day, m.machine_id, m.line, coalesce(p.availability, 0) AS availability
# MAGIC FROM shared_ref.dbo.calendar AS c
# MAGIC CROSS JOIN machine AS m
# MAGIC LEFT JOIN per_day AS p ON p.day = c.day AND p.machine_id = m.machine_id
# MAGIC WHERE c.day BETWEEN date_sub(current_date(), 90) AND current_date()

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }
