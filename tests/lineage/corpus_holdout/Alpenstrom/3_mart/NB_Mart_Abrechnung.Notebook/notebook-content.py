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

class Abrechnung(Schicht):
    def __init__(self):
        super().__init__("lh_mart", "m_")

    def laden(self) -> None:
        verbrauch = KERN.lies("verbrauch")
        tarif = KERN.lies("tarif")
        vertrag = KERN.lies("vertrag").select("vertragsnummer", "tarif")
        ergebnis = verbrauch.join(vertrag, "vertragsnummer").join(tarif, "tarif")
        ergebnis = ergebnis.withColumn("betrag", F.round(F.col("kwh") * F.col("preis"), 2))
        self.schreibe(ergebnis, "abrechnung")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

def main() -> None:
    Abrechnung().laden()
    MART.schreibe(KERN.lies("kunde").drop("iban"), "kunde")


if __name__ == "__main__":
    main()

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
