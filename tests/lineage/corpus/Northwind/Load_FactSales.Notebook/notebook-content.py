# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "bbd7a255-2639-5f2f-87e7-2f281baf1e67",
# META       "default_lakehouse_name": "base",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "bbd7a255-2639-5f2f-87e7-2f281baf1e67"
# META         },
# META         {
# META           "id": "bc23dad1-e310-58a2-869d-9c79b1617b31"
# META         }
# META       ]
# META     }
# META   }
# META }

# MARKDOWN ********************

# `load_fact` looks the keys up: every column `<dimension>_key` or `<dimension>_<role>_key` holds the business key
# and comes out with the surrogate key of `curated.dim_<dimension>`.

# CELL ********************

from northwind_lake import load_fact

df = spark.sql("""
SELECT
    s.sale_id,
    s.sold_on,
    s.store_id          AS store_key,
    s.billing_store_id  AS store_billing_key,
    s.product_id        AS product_key,
    s.customer_id       AS customer_key,
    s.quantity,
    s.quantity * s.unit_price AS amount
FROM base.sales AS s
""")
load_fact(df=df, destination_lakehouse="curated", destination_table="sales", key=["sale_id"])

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
