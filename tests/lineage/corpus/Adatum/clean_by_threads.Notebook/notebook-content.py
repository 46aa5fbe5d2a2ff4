# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "bf00fdb4-cd10-59ca-b535-5c78fd154dc0",
# META       "default_lakehouse_name": "clean",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "bf00fdb4-cd10-59ca-b535-5c78fd154dc0"
# META         },
# META         {
# META           "id": "2a961085-5d9b-56aa-ba65-75923e97010c"
# META         },
# META         {
# META           "id": "ef5c74af-c815-5f94-b3d2-6262ed384def"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

from concurrent.futures import ThreadPoolExecutor

def count_table(name):
    spark.sql(f"CREATE OR REPLACE TABLE mart.{name}_counts AS SELECT count(*) AS n, current_date() AS day FROM clean.{name}")
    return name

with ThreadPoolExecutor(4) as executor:
    for done in executor.map(count_table, ["invoice", "supplier"]):
        print(done, "counted")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
