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

# PARAMETERS CELL ********************

recreate = False

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC CREATE OR REPLACE TEMP VIEW product AS
# MAGIC SELECT product_id, product_name, category_name, unit_price, discontinued
# MAGIC FROM base.products

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

from northwind_lake import load_dimension

lakehouse = "curated"
load_dimension(df=spark.table("product"), destination_table="product", destination_lakehouse=lakehouse, recreate=recreate, business_key="product_id")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
