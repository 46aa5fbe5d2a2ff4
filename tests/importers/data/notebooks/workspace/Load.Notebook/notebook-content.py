# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   }
# META }

# PARAMETERS CELL ********************

entity = ""
environment = "dev"

# CELL ********************

df = spark.table(f"raw.{entity}")

# CELL ********************

df.write.mode("overwrite").saveAsTable(f"curated.{entity}")
