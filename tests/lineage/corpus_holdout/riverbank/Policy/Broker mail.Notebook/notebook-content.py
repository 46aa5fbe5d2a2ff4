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

path = "abfss://riverbank-brokers@onelake.dfs.fabric.microsoft.com/risk.Lakehouse/Tables/policy/letters"
df = spark.read.format("delta").load(path)
df.selectExpr("name", "postcode", "current_date() AS sent_on").write.mode("append").saveAsTable("policy.letters")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
