# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "bbd7a255-2639-5f2f-87e7-2f281baf1e67",
# META       "default_lakehouse_name": "base",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "bbd7a255-2639-5f2f-87e7-2f281baf1e67"
# META         },
# META         {
# META           "id": "bc23dad1-e310-58a2-869d-9c79b1617b31"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

from northwind_lake import lake

targets = spark.read.csv("Files/northwind/targets.csv", header=True).join(spark.table("base.stores"), "store_id")
lake.upsert(targets, target="curated.sales_targets", keys=["store_id", "year"])

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
