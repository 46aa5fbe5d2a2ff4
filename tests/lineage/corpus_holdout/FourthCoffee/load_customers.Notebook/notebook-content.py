# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "37448485-89d0-5894-8989-6a516c288d69",
# META       "default_lakehouse_name": "Landing",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "37448485-89d0-5894-8989-6a516c288d69"
# META         },
# META         {
# META           "id": "e3257251-ec00-5978-bfbe-2c236dc2c02c"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

spark.table("customers").write.mode("overwrite").saveAsTable("Curated.customers")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC CREATE OR REPLACE TABLE Curated.`umsätze` AS
# MAGIC SELECT customer_id, sum(betrag) AS umsatz FROM customers GROUP BY customer_id

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }
