# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "a04a64b5-6476-5ad1-a4b7-d869777ff41b",
# META       "default_lakehouse_name": "Curated",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "007d172c-da84-507f-bcda-faab71e25aef"
# META         },
# META         {
# META           "id": "a04a64b5-6476-5ad1-a4b7-d869777ff41b"
# META         }
# META       ]
# META     }
# META   }
# META }

# MARKDOWN ********************

# # Load_Targets
# 
# A target for each city.

# CELL ********************

# MAGIC %%sql
# MAGIC CREATE OR REPLACE TABLE Curated.targets AS
# MAGIC SELECT city, 100000 AS target
# MAGIC FROM Curated.dim_store

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }
