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

import glob
import pandas as pd
import pyarrow as pa
from deltalake.writer import write_deltalake

parts = []
for file in sorted(glob.glob("/lakehouse/default/Files/energy/*.parquet")):
    parts.append(pd.read_parquet(file))
prices = pd.concat(parts, ignore_index=True)
table = pa.Table.from_pandas(prices)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

target = "energy_prices_raw"
write_deltalake(
    table_or_uri=f"/lakehouse/default/Tables/{target}",
    data=table,
    mode="overwrite",
    partition_by=["year"],
)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }
