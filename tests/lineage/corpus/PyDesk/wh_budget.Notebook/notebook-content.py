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

# Budget from the warehouse, energy from the lake, result back to the warehouse.

# CELL ********************

# MAGIC %%tsql -artifact desk_wh -type Warehouse -bind budget
# MAGIC SELECT [year], [month], SUM(amount) AS amount
# MAGIC FROM dbo.budget
# MAGIC WHERE [year] >= 2024
# MAGIC GROUP BY [year], [month]

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

import pandas as pd
import polars as pl

energy = pl.read_delta("/lakehouse/default/Tables/energy_by_weather").to_pandas()
merged = budget.merge(energy, how="left", left_on="month", right_on="month")
over = merged[merged["price"] > merged["amount"]]

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

# MAGIC %%tsql -artifact desk_wh -type Warehouse
# MAGIC DELETE FROM dbo.budget_check;
# MAGIC INSERT INTO dbo.budget_check ([year], [month], checked_at)
# MAGIC SELECT DISTINCT b.[year], b.[month], SYSUTCDATETIME()
# MAGIC FROM dbo.budget AS b;

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }
