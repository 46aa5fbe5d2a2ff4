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

# All CSV files of one extract; the list is the contract with the source system.

# PARAMETERS CELL ********************

extract = "2024-06-30"

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

from northwind_lake import spark_csv

FILES = {"customers": "Customers", "stores": "Stores", "products": "Products", "sales": "Sales"}
for table, file in FILES.items():
    df = spark.read.options(header=True, inferSchema=True).csv(f"Files/northwind/{extract}/{file}.csv")
    df.write.mode("overwrite").saveAsTable("base." + table)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
