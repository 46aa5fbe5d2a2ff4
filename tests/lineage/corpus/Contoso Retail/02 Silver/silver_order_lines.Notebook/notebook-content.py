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

# CELL ********************

# MAGIC %%sql
# MAGIC CREATE OR REPLACE TABLE order_lines AS
# MAGIC SELECT
# MAGIC     o.order_id,
# MAGIC     pos + 1              AS line_number,
# MAGIC     item.product_id      AS product_id,
# MAGIC     item.quantity        AS quantity,
# MAGIC     item.price           AS price,
# MAGIC     o.order_date
# MAGIC FROM orders o
# MAGIC LATERAL VIEW OUTER posexplode(o.items) exploded AS pos, item
# MAGIC WHERE o.status <> 'cancelled'

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC OPTIMIZE order_lines ZORDER BY (product_id)

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC SELECT count(*) FROM order_lines WHERE quantity < 0

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }
