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

# # Load_DimDate
# 
# One row for each day of an order.

# CELL ********************

# MAGIC %%sql
# MAGIC CREATE OR REPLACE TABLE Curated.dim_date AS
# MAGIC SELECT DISTINCT order_date AS date_key, year(order_date) AS year, month(order_date) AS month
# MAGIC FROM Base.orders

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }
