# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "jupyter",
# META     "jupyter_kernel_name": "python3.11"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "8f91d808-a197-5a68-971f-6d30d255aecf",
# META       "default_lakehouse_name": "lake",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "8f91d808-a197-5a68-971f-6d30d255aecf"
# META         },
# META         {
# META           "id": "6e1dd833-2a34-588a-955f-0974550b51e9"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

import polars as pl

conn = notebookutils.data.connect_to_artifact("wh")
log = conn.query("SELECT TOP 10 * FROM dbo.order_log ORDER BY at DESC")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

orders = %tsql SELECT order_id, amount FROM [wh].[dbo].[orders];

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

top = pl.scan_delta("/lakehouse/default/Tables/python/top_customers")
summary = top.select(pl.len().alias("customers")).with_columns(pl.lit(len(orders)).alias("orders"))
summary.sink_delta("/lakehouse/default/Tables/python/order_summary", mode="append")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }
