# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "f83d92dd-c9b8-5cb1-be87-caebfc4840b4",
# META       "default_lakehouse_name": "lh_mart",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "f83d92dd-c9b8-5cb1-be87-caebfc4840b4"
# META         },
# META         {
# META           "id": "dbe52c94-06f3-54bb-b573-372e7a525b00"
# META         },
# META         {
# META           "id": "0105708a-78a0-5c92-b702-8c4934740d9d"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

%run NB_Basis

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

from functools import reduce

tabellen = [f"k_{t}" for t in "kunde vertrag tarif verbrauch".split()]
zaehlungen = [
    spark.table(f"lh_kern.{t}").agg(F.count("*").alias("zeilen")).withColumn("tabelle", F.lit(t))
    for t in tabellen
]
reduce(DataFrame.unionByName, zaehlungen).write.mode("append").saveAsTable("lh_mart.qualitaet")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
