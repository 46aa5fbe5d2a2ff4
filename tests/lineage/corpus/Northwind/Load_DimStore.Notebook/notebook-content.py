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

# CELL ********************

import northwind_lake as nl

destination = "store"
stores = spark.table("base.stores").dropDuplicates(["store_id"])
nl.load_dimension(df=stores, destination_lakehouse="curated", destination_table=destination, business_key="store_id")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
