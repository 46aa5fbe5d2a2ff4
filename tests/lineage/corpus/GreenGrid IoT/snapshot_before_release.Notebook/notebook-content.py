# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "d88229a8-1f1e-5986-b0c4-a4fc22fca65b",
# META       "default_lakehouse_name": "serving",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "d88229a8-1f1e-5986-b0c4-a4fc22fca65b"
# META         },
# META         {
# META           "id": "096c66c4-9b99-5a29-ac02-c7298bda6092"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC CREATE OR REPLACE TABLE serving.hourly_backup SHALLOW CLONE serving.hourly

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

src = "Tables/alerts"
dst = "Tables/alerts_backup"
if notebookutils.fs.exists(dst):
    notebookutils.fs.rm(dst, recurse=True)
notebookutils.fs.cp(src, dst, recurse=True)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
