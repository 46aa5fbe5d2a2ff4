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

# CELL ********************

%run NB_Basis

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

zaehler, staende = (ROH.lies(t) for t in ("zaehler", "zaehlerstaende"))
vertrag = KERN.lies("vertrag")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

from pyspark.sql.window import Window

je_zaehler = Window.partitionBy("zaehlernummer").orderBy("ablesedatum")
verbrauch = (
    staende.join(zaehler, "zaehlernummer")
    .withColumn("kwh", F.col("stand") - F.lag("stand").over(je_zaehler))
    .join(vertrag, "vertragsnummer", "left")
)
# NB: KERN.schreibe(verbrauch, "verbrauch_alt") gibt es nicht mehr
KERN.schreibe(verbrauch, "verbrauch")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
