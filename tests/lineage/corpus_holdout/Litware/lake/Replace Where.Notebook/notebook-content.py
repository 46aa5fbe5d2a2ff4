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

orders = spark.read.format("delta").load("abfss://Litware@onelake.dfs.fabric.microsoft.com/wh.Warehouse/Tables/dbo/orders")
snapshot = spark.read.synapsesql("wh.snap.orders_today")
orders.join(snapshot, "order_id").createOrReplaceTempView("open_orders")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC INSERT INTO sales.activity
# MAGIC REPLACE WHERE day = current_date()
# MAGIC SELECT current_date() AS day, v.customer_id, v.visits, count(o.order_id) AS orders
# MAGIC FROM sales.visits_by_customer v
# MAGIC LEFT JOIN open_orders o ON o.customer_id = v.customer_id
# MAGIC GROUP BY ALL

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }
