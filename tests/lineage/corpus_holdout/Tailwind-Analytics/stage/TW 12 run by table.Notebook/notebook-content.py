# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "545c32db-cdb5-57d0-b0f0-7e25978dd100",
# META       "default_lakehouse_name": "ops",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "545c32db-cdb5-57d0-b0f0-7e25978dd100"
# META         },
# META         {
# META           "id": "49267a56-7f04-5210-804c-1027dd68c79a"
# META         },
# META         {
# META           "id": "f94748c7-49c4-53e6-9c7f-fdc87168b9de"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

jobs = spark.table("ops.jobs").where("enabled").orderBy("priority").collect()
for job in jobs:
    notebookutils.notebook.run(job["notebook"], 600)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
