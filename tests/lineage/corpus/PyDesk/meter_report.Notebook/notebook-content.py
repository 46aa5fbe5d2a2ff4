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

# MARKDOWN ********************

# The archive has a table of the same name.

# CELL ********************

import polars as pl

workspace = "PyDesk"
archive = f"abfss://{workspace}@onelake.dfs.fabric.microsoft.com/archive.Lakehouse/Tables"
now = pl.read_delta("/lakehouse/default/Tables/meters")
before = pl.read_delta(f"{archive}/meters", storage_options={"bearer_token": notebookutils.credentials.getToken("storage"), "use_fabric_endpoint": "true"})

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

weather = pl.read_delta("/lakehouse/default/Tables/weather")
both = pl.concat([before, now], how="diagonal").join(weather, left_on="day", right_on="day")
# the SQLContext knows the frame by the name "meters"; that is no table
ctx = pl.SQLContext(meters=both.lazy())
per_day = ctx.execute("SELECT day, sum(kwh) AS kwh FROM meters GROUP BY day", eager=True)
per_day.write_csv("/lakehouse/default/Files/reports/meters.csv")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }
