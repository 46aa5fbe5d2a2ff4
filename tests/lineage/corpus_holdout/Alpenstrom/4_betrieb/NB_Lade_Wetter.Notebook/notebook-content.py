# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "dbe52c94-06f3-54bb-b573-372e7a525b00",
# META       "default_lakehouse_name": "lh_roh",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "dbe52c94-06f3-54bb-b573-372e7a525b00"
# META         },
# META         {
# META           "id": "0105708a-78a0-5c92-b702-8c4934740d9d"
# META         },
# META         {
# META           "id": "f83d92dd-c9b8-5cb1-be87-caebfc4840b4"
# META         }
# META       ]
# META     }
# META   }
# META }

# PARAMETERS CELL ********************

stadt = "wien"

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

df = spark.read.json(f"Files/wetter/{stadt}/*.json")
df.write.mode("append").saveAsTable(f"lh_roh.wetter_{stadt}")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
