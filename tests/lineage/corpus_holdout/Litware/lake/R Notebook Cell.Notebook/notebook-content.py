# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "8f91d808-a197-5a68-971f-6d30d255aecf",
# META       "default_lakehouse_name": "lake",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "8f91d808-a197-5a68-971f-6d30d255aecf"
# META         },
# META         {
# META           "id": "6e1dd833-2a34-588a-955f-0974550b51e9"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

display(spark.table("sales.activity").groupBy("day").count())

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sparkr
# MAGIC library(SparkR)
# MAGIC df <- tableToDF("sales.customers")

# METADATA ********************

# META {
# META   "language": "r",
# META   "language_group": "synapse_pyspark"
# META }
