# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "jupyter",
# META     "jupyter_kernel_name": "python3.11"
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

# CELL ********************

import polars as pl
from pathlib import Path

ROOT = "/lakehouse/default/Tables"
s = pl.scan_delta(f"{ROOT}/core/session").with_columns(pl.col("started_at").dt.date().alias("day"))
d = pl.scan_delta(ROOT + "/stage/deal").with_columns(pl.col("closed_at").dt.date().alias("day"))
daily = s.group_by("day").len().join(d.group_by("day").agg(pl.col("amount").sum()), on="day", how="full", coalesce=True)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

out = daily.collect(engine="streaming")
out.write_delta(f"{ROOT}/mart/daily", mode="overwrite")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }
