# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "a8fb07ea-ff50-5b55-bd37-1ea566f6b0e9",
# META       "default_lakehouse_name": "Silver",
# META       "default_lakehouse_workspace_id": "5b1e7c20-93d4-4f6a-8e55-c4a1d2b3f604",
# META       "known_lakehouses": [
# META         {
# META           "id": "a8fb07ea-ff50-5b55-bd37-1ea566f6b0e9"
# META         },
# META         {
# META           "id": "f0348052-85d7-53fe-afa1-1c14b3026fd9"
# META         },
# META         {
# META           "id": "15ef81f8-1272-5b34-8638-0ec60b18a1f2"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

# MAGIC %%spark
# MAGIC val ledger = spark.table("Bronze.ledger")
# MAGIC ledger.createOrReplaceTempView("ledger")

# METADATA ********************

# META {
# META   "language": "scala",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

spark.range(10).write.mode("overwrite").saveAsTable("Silver.ledger_checked")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
