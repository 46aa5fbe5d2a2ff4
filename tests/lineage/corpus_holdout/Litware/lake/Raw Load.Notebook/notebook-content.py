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

import itertools

formats = ["csv"]
tables = ["customers", "visits"]
for fmt, name in itertools.product(formats, tables):
    df = spark.read.format(fmt).option("header", "true").load(f"abfss://Litware@onelake.dfs.fabric.microsoft.com/files_lh.Lakehouse/Files/in/{name}.{fmt}")
    spark.sql(f"DROP TABLE IF EXISTS raw.{name}")
    df.write.saveAsTable(f"lake.raw.{name}")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
