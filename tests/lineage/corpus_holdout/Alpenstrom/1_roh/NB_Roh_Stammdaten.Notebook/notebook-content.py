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

# CELL ********************

%run NB_Basis

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

@dataclass
class Quelle:
    datei: str
    tabelle: str
    trenner: str = ";"


QUELLEN = [
    Quelle("kunden.csv", "kunden"),
    Quelle("vertraege.csv", "vertraege"),
    Quelle(datei="tarife.txt", tabelle="tarife", trenner="\t"),
    Quelle("netzgebiete.csv", tabelle="netzgebiete"),
]

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

@zeitmessung
def lade(quelle: Quelle) -> int:
    df = spark.read.option("header", True).option("sep", quelle.trenner).csv(f"Files/sap/{quelle.datei}")
    ROH.schreibe(df, quelle.tabelle)
    return df.count()


with ThreadPoolExecutor(max_workers=4) as pool:
    laeufe = {pool.submit(lade, q): q for q in QUELLEN}
    for lauf in as_completed(laeufe):
        print(laeufe[lauf].tabelle, lauf.result(), "Zeilen")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
