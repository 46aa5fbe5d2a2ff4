# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "5f162b67-f838-5648-818f-f97d5a7bab89",
# META       "default_lakehouse_name": "Gold",
# META       "default_lakehouse_workspace_id": "3a4f3c55-0b0e-4a43-9a51-0f2b6d1f9e77",
# META       "known_lakehouses": [
# META         {
# META           "id": "5f162b67-f838-5648-818f-f97d5a7bab89"
# META         }
# META       ]
# META     }
# META   }
# META }

# MARKDOWN ********************

# Attached to the lakehouse `Gold` of the merged bank's workspace, not to ours.

# CELL ********************

df = spark.read.table("accounts")
df.groupBy("account_id").sum("balance").write.mode("overwrite").saveAsTable("balances")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
