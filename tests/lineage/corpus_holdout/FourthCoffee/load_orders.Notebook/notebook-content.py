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

fallback = False
orders = spark.table("orders") if not fallback else spark.read.format("delta").load("Tables/orders")
prices = spark.sql("""
    SELECT product_id, price FROM prices
""")


def helper():
    inner = spark.table("Landing.never")

    def deeper():
        return spark.table("Landing.never_ever")


orders.join(prices, "product_id").write.format("delta").mode("overwrite").saveAsTable("Curated.orders")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
