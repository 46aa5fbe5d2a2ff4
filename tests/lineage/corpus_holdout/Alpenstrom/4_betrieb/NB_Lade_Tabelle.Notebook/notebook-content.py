# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "0105708a-78a0-5c92-b702-8c4934740d9d",
# META       "default_lakehouse_name": "lh_kern",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "0105708a-78a0-5c92-b702-8c4934740d9d"
# META         },
# META         {
# META           "id": "dbe52c94-06f3-54bb-b573-372e7a525b00"
# META         },
# META         {
# META           "id": "f83d92dd-c9b8-5cb1-be87-caebfc4840b4"
# META         }
# META       ]
# META     }
# META   }
# META }

# MARKDOWN ********************

# Wird von der Pipeline je Tabelle mit dem Parameter `tabelle` aufgerufen.

# PARAMETERS CELL ********************

tabelle = ""

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

df = spark.read.csv(f"Files/adhoc/{tabelle}.csv", header=True)
df.write.mode("overwrite").saveAsTable(f"lh_kern.{tabelle}")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
