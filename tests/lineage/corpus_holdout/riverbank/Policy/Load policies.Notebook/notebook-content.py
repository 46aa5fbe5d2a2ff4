# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "4d8f799e-50cc-5438-9f10-781938b99973",
# META       "default_lakehouse_name": "risk",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "4d8f799e-50cc-5438-9f10-781938b99973"
# META         },
# META         {
# META           "id": "55a025ac-c544-5f1a-95a3-3e2ddc322e3b"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

feed = spark.table("risk.landing.policy_feed")
products = spark.read.format("delta").load("abfss://riverbank@onelake.dfs.fabric.microsoft.com/lookup.Lakehouse/Tables/products")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

feed.createOrReplaceTempView("feed")
products.createOrReplaceTempView("products")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC INSERT OVERWRITE TABLE policy.holder
# MAGIC SELECT DISTINCT holder_id, holder_name AS name, postcode FROM feed

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC INSERT OVERWRITE TABLE policy.policy (policy_id, holder_id, product, premium)
# MAGIC SELECT f.policy_id, f.holder_id, coalesce(p.name, 'unknown') AS product, f.premium
# MAGIC FROM feed f LEFT JOIN products p ON p.code = f.product_code

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }
