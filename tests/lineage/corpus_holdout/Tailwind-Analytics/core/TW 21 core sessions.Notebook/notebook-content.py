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

# PARAMETERS CELL ********************

mode = "full"

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

if mode == "full":
    df = spark.table("stage.session")
else:
    df = spark.table("stage.session").where("started_at > current_date() - 1")
result = spark.sql(
    "SELECT s.*, c.name FROM {s} s LEFT JOIN core.contact c ON c.id = s.contact_id WHERE s.duration > :min",
    args={"min": 5},
    s=df,
)
result.write.saveAsTable(name="core.session", format="delta", mode="overwrite")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
