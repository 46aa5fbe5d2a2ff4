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

# # Load_SalesByCity
# 
# Amount for each city and month.

# CELL ********************

# MAGIC %%sql
# MAGIC CREATE OR REPLACE TABLE Curated.sales_by_city AS
# MAGIC SELECT store.city, date.year, date.month, sum(sales.amount) AS amount
# MAGIC FROM Curated.fact_sales AS sales
# MAGIC JOIN Curated.dim_store AS store ON store.store_key = sales.store_key
# MAGIC JOIN Curated.dim_date AS date ON date.date_key = sales.date_key
# MAGIC GROUP BY store.city, date.year, date.month

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }
