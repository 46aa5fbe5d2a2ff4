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

from deltalake import DeltaTable
import polars as pl

readings = pl.read_csv("/lakehouse/default/Files/meters/today.csv", separator=";", try_parse_dates=True)

dt = DeltaTable("/lakehouse/default/Tables/meters")
(
    dt.merge(
        source=readings.to_arrow(),
        predicate="t.meter_id = s.meter_id AND t.read_at = s.read_at",
        source_alias="s",
        target_alias="t",
    )
    .when_matched_update_all()
    .when_not_matched_insert_all()
    .execute()
)
dt.optimize.compact()
dt.vacuum(retention_hours=168, dry_run=False)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }
