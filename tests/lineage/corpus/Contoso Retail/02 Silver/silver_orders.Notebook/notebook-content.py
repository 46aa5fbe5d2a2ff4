# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "2811b36d-5ced-5326-9630-21a2890ae020",
# META       "default_lakehouse_name": "Silver",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "2811b36d-5ced-5326-9630-21a2890ae020"
# META         },
# META         {
# META           "id": "0fd31de5-dca1-5e37-bd51-95da8fa99a5a"
# META         },
# META         {
# META           "id": "d23b2dce-8ef4-5924-97ae-3d414484dced"
# META         },
# META         {
# META           "id": "0e5273c7-dd1a-55d8-b5ca-8ede1b4407d6"
# META         }
# META       ]
# META     }
# META   }
# META }

# MARKDOWN ********************

# # Clean orders
# De-duplicates `Bronze.orders` by order number and merges the newest state.

# CELL ********************

# MAGIC %%sql
# MAGIC CREATE TABLE IF NOT EXISTS Silver.orders (
# MAGIC     order_id BIGINT,
# MAGIC     customer_id STRING,
# MAGIC     store_id INT,
# MAGIC     order_date DATE,
# MAGIC     status STRING,
# MAGIC     currency STRING,
# MAGIC     items ARRAY<STRUCT<product_id: STRING, quantity: INT, price: DECIMAL(18, 2)>>,
# MAGIC     modified_at TIMESTAMP
# MAGIC ) USING DELTA
# MAGIC PARTITIONED BY (order_date)

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC CREATE OR REPLACE TEMPORARY VIEW orders_ranked AS
# MAGIC SELECT
# MAGIC     *,
# MAGIC     ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY modified_at DESC) AS rn
# MAGIC FROM bronze.orders
# MAGIC WHERE order_id IS NOT NULL

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC -- newest state only
# MAGIC CREATE OR REPLACE TEMP VIEW orders_newest AS
# MAGIC SELECT order_id, customer_id, store_id, CAST(order_date AS DATE) AS order_date, lower(trim(status)) AS status,
# MAGIC        currency, items, modified_at
# MAGIC FROM orders_ranked
# MAGIC WHERE rn = 1

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC MERGE INTO silver.orders AS t
# MAGIC USING orders_newest AS s
# MAGIC ON t.order_id = s.order_id
# MAGIC WHEN MATCHED AND s.modified_at > t.modified_at THEN UPDATE SET *
# MAGIC WHEN NOT MATCHED THEN INSERT *

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

print("silver.orders merged from bronze.orders_archive and others")  # an old message, the archive is gone

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
