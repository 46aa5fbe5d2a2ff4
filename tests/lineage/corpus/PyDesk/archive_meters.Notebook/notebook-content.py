# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "jupyter",
# META     "jupyter_kernel_name": "python3.11"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "53425085-b3fa-5916-b48b-41aaf8578f17",
# META       "default_lakehouse_name": "archive",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "53425085-b3fa-5916-b48b-41aaf8578f17"
# META         },
# META         {
# META           "id": "628febed-838b-59e4-8e34-2d76074af089"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

from deltalake import DeltaTable, write_deltalake

lake = notebookutils.lakehouse.get("lake")
source_path = f"{lake.properties['abfsPath']}/Tables/meters"

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

source = DeltaTable(source_path)
old = source.to_pyarrow_table(filters=[("year", "<", "2024")])
write_deltalake("/lakehouse/default/Tables/meters", old, mode="append")
source.delete("year < '2024'")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }
