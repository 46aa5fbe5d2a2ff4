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

# MARKDOWN ********************

# Finance has a lakehouse with the same name as ours. `mart.material_cost` over there is not the one that we write here.

# CELL ********************

finance = "abfss://fabrikam-finance@onelake.dfs.fabric.microsoft.com"
costs = spark.read.format("delta").load(f"{finance}/mfg_lake.Lakehouse/Tables/mart/material_cost")
centers = spark.read.format("delta").load(f"{finance}/ledger.Lakehouse/Tables/dbo/cost_centers")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

flow = spark.table("mart.material_flow")
material = spark.table("refined.material").select("MATNR", "MTART")
result = (
    flow.join(costs, "material_id", "left")
    .join(material, flow.material_id == material.MATNR)
    .join(centers, "cost_center")
)
result.write.mode("overwrite").saveAsTable("mart.material_cost")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
