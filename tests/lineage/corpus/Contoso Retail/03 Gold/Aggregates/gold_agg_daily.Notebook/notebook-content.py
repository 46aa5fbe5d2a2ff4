# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "d23b2dce-8ef4-5924-97ae-3d414484dced",
# META       "default_lakehouse_name": "Gold",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "d23b2dce-8ef4-5924-97ae-3d414484dced"
# META         },
# META         {
# META           "id": "0fd31de5-dca1-5e37-bd51-95da8fa99a5a"
# META         },
# META         {
# META           "id": "2811b36d-5ced-5326-9630-21a2890ae020"
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
# MAGIC CREATE OR REPLACE TABLE Gold.agg_sales_daily
# MAGIC COMMENT 'one row a store and day; from fact_sales'
# MAGIC AS
# MAGIC WITH sales AS (
# MAGIC     SELECT order_date, store_key, sum(amount) AS amount, sum(quantity) AS quantity
# MAGIC     FROM fact_sales
# MAGIC     GROUP BY ALL
# MAGIC ),
# MAGIC fact_sales_filtered AS (SELECT * FROM sales WHERE amount <> 0)
# MAGIC SELECT s.order_date, d.store_name, s.amount, s.quantity
# MAGIC FROM fact_sales_filtered s
# MAGIC LEFT JOIN (SELECT store_key, store_name FROM dim_store) d USING (store_key)

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC CREATE OR REPLACE VIEW Gold.vw_top_stores AS
# MAGIC SELECT store_name, sum(amount) AS amount
# MAGIC FROM Gold.agg_sales_daily
# MAGIC GROUP BY store_name
# MAGIC ORDER BY amount DESC
# MAGIC LIMIT 10

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }
