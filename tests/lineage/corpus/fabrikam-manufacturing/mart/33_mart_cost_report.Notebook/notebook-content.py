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

workspace_id = "7d0c9a52-54b1-4d3b-8c0e-0d2e6f9b1a01"
lakehouse_id = "b437edd5-6b25-5708-ac5e-49c2c27558e6"
base = f"abfss://{workspace_id}@onelake.dfs.fabric.microsoft.com/{lakehouse_id}/Tables"

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

costs = spark.read.format("delta").load(f"{base}/mart/material_cost")
oee = spark.read.format("delta").load(base + "/mart/oee_daily")
display(costs.groupBy("MTART").sum("cost"))
display(oee.orderBy("day", ascending=False).limit(100))

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
