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

# Gemeinsame Klassen. Wird mit `%run NB_Basis` geladen, schreibt selbst nichts.

# CELL ********************

from __future__ import annotations

import functools
import json
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from delta.tables import DeltaTable
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

def zeitmessung(func):
    """Dekorator: wie lange hat es gedauert?"""

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        start = time.monotonic()
        try:
            return func(*args, **kwargs)
        finally:
            print(f"{func.__name__}: {time.monotonic() - start:.1f} s")

    return wrapper


def lakehouse_pfad(name: str) -> str:
    """abfss-Pfad des Ordners Tables eines Lakehouse in diesem Workspace."""
    details = notebookutils.lakehouse.get(name)
    return details.get("properties", {}).get("abfsPath") + "/Tables"

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

class Schicht:
    """Eine Schicht der Architektur: liest und schreibt Tabellen eines Lakehouse."""

    def __init__(self, lakehouse: str, praefix: str = ""):
        self.lakehouse = lakehouse
        self.praefix = praefix

    def name(self, tabelle: str) -> str:
        return f"{self.lakehouse}.{self.praefix}{tabelle}"

    def lies(self, tabelle: str) -> DataFrame:
        return spark.table(self.name(tabelle))

    def schreibe(self, df: DataFrame, tabelle: str, modus: str = "overwrite") -> None:
        df.write.format("delta").mode(modus).saveAsTable(self.name(tabelle))

    def mische(self, df: DataFrame, tabelle: str, schluessel: list[str]) -> None:
        ziel = DeltaTable.forName(spark, self.name(tabelle))
        bedingung = " and ".join([f"z.{s} = q.{s}" for s in schluessel])
        ziel.alias("z").merge(df.alias("q"), bedingung).whenMatchedUpdateAll().whenNotMatchedInsertAll().execute()


ROH = Schicht("lh_roh")
KERN = Schicht("lh_kern", praefix="k_")
MART = Schicht("lh_mart", praefix="m_")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
