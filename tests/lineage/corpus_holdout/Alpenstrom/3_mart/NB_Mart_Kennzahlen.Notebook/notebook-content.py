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

zeitraeume = dict(tag="day", monat="month", jahr="year")
vorlage = """
CREATE OR REPLACE TABLE lh_mart.kennzahlen_%s AS
SELECT date_trunc('%s', a.ablesedatum) AS zeitraum, n.bezirk,
       sum(a.betrag) AS umsatz, count(DISTINCT a.vertragsnummer) AS vertraege
FROM lh_mart.m_abrechnung a
JOIN lh_mart.m_kunde k ON k.kundennummer = a.kundennummer
JOIN lh_kern.k_netzgebiet n ON n.plz = k.plz
GROUP BY 1, 2
"""
_ = [spark.sql(vorlage % (name, einheit)) for name, einheit in zeitraeume.items()]

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
