# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "jupyter",
# META     "jupyter_kernel_name": "python3.11"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "628febed-838b-59e4-8e34-2d76074af089",
# META       "default_lakehouse_name": "lake",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "628febed-838b-59e4-8e34-2d76074af089"
# META         },
# META         {
# META           "id": "53425085-b3fa-5916-b48b-41aaf8578f17"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

import duckdb
import polars as pl

names = ["weather", "meters", "energy_by_weather"]
counts = {}
for n in names:
    sql = f"SELECT count(*) FROM delta_scan('/lakehouse/default/Tables/{n}')"
    counts[n] = duckdb.sql(sql).fetchone()[0]

stats = pl.DataFrame({"table": list(counts), "rows": list(counts.values())})
stats.write_delta("/lakehouse/default/Tables/table_stats", mode="append")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }
