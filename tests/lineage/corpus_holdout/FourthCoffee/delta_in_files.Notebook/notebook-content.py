# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "e3257251-ec00-5978-bfbe-2c236dc2c02c",
# META       "default_lakehouse_name": "Curated",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "e3257251-ec00-5978-bfbe-2c236dc2c02c"
# META         },
# META         {
# META           "id": "37448485-89d0-5894-8989-6a516c288d69"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

from delta.tables import DeltaTable

path = "Files/delta/orders"
spark.range(3).write.format("delta").mode("overwrite").save(path)
DeltaTable.forPath(spark, path).delete("id = 1")
abfss = "abfss://FourthCoffee@onelake.dfs.fabric.microsoft.com/Curated.Lakehouse/Files/Tables/orders"
snapshot = spark.read.format("delta").load(abfss)
snapshot.write.mode("overwrite").save("Tables/snapshot")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
