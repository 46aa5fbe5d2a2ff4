# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {}
# META }

# CELL ********************

schritte = {
    "NB_Roh_Zaehler": [],
    "NB_Roh_Stammdaten": [],
    "NB_Kern_Stammdaten": ["NB_Roh_Stammdaten"],
    "NB_Kern_Verbrauch": ["NB_Roh_Zaehler", "NB_Kern_Stammdaten"],
    "NB_Kern_Netz": ["NB_Roh_Stammdaten"],
    "NB_Mart_Abrechnung": ["NB_Kern_Verbrauch"],
    "NB_Mart_Kennzahlen": ["NB_Mart_Abrechnung", "NB_Kern_Netz"],
}
dag = {
    "activities": [
        {"name": n, "path": n, "timeoutPerCellInSeconds": 1800, "dependencies": d} for n, d in schritte.items()
    ],
    "concurrency": 3,
}
ergebnis = notebookutils.notebook.runMultiple(dag)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
