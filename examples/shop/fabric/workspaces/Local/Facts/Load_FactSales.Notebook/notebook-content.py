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

# # Load_FactSales
# 
# Orders with the keys of their dimensions.

# CELL ********************

orders = spark.table("Base.orders")
stores = spark.table("Curated.dim_store")
dates = spark.table("Curated.dim_date")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

sales = (
    orders.join(stores, "store_id")
    .join(dates, orders.order_date == dates.date_key)
    .selectExpr("order_id", "store_key", "date_key", "quantity", "quantity * price AS amount")
)
sales.write.mode("overwrite").saveAsTable("fact_sales")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

import json

notebookutils.notebook.exit(json.dumps({"row_count": spark.table("Curated.fact_sales").count()}))

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
