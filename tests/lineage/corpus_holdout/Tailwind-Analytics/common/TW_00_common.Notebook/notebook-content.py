# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "f94748c7-49c4-53e6-9c7f-fdc87168b9de",
# META       "default_lakehouse_name": "warehouse_lh",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "f94748c7-49c4-53e6-9c7f-fdc87168b9de"
# META         },
# META         {
# META           "id": "49267a56-7f04-5210-804c-1027dd68c79a"
# META         },
# META         {
# META           "id": "545c32db-cdb5-57d0-b0f0-7e25978dd100"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

import os
from pyspark.sql import SparkSession, DataFrame
from pyspark.sql import functions as F

spark = SparkSession.builder.appName("tailwind").getOrCreate()
LANDING = os.path.join("abfss://Tailwind-Analytics@onelake.dfs.fabric.microsoft.com", "landing.Lakehouse", "Tables")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

def process(source: str, target: str, keys=None, transform=None, **options):
    df = spark.read.format("delta").load(os.path.join(LANDING, source))
    if transform is not None:
        df = transform(df)
    if keys:
        df = df.dropDuplicates(keys)
    schema, name = target.split(".")
    df.write.format("delta").mode(options.get("mode", "overwrite")).option("path", f"Tables/{schema}/{name}").saveAsTable(f"{schema}.{name}")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
