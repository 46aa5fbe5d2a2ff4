# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "007d172c-da84-507f-bcda-faab71e25aef",
# META       "default_lakehouse_name": "Base",
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

# # Load_Orders
# 
# A line for each sold article.

# PARAMETERS CELL ********************

days = 60

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

from pyspark.sql import functions as F

orders = spark.range(days * 40).select(
    F.col("id").alias("order_id"),
    F.expr("cast(id % 4 + 1 as int)").alias("store_id"),
    F.expr("date_add(date'2026-01-01', cast(id / 40 as int))").alias("order_date"),
    F.expr("cast(id % 7 + 1 as int)").alias("quantity"),
    F.expr("cast(id % 90 + 10 as double)").alias("price"),
)
orders.write.mode("overwrite").saveAsTable("orders")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
