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

import polars as pl

TABLES = "/lakehouse/default/Tables"
raw = pl.scan_delta(f"{TABLES}/weather_raw")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

clean = (
    raw.filter(pl.col("temperature").is_not_null())
    .with_columns(pl.col("day").str.to_date(), pl.col("temperature").cast(pl.Float64))
    .unique(subset=["city", "day"], keep="last")
    .collect()
)
clean.write_delta(f"{TABLES}/weather", mode="overwrite", delta_write_options={"schema_mode": "overwrite"})
print(clean.shape, "rows written to weather, see also weather_history")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }
