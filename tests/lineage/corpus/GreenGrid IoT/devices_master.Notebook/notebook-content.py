# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "096c66c4-9b99-5a29-ac02-c7298bda6092",
# META       "default_lakehouse_name": "telemetry",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "096c66c4-9b99-5a29-ac02-c7298bda6092"
# META         },
# META         {
# META           "id": "d88229a8-1f1e-5986-b0c4-a4fc22fca65b"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

import pandas as pd

pdf = pd.read_excel("/lakehouse/default/Files/master/devices.xlsx", sheet_name="devices")
pdf.columns = [c.strip().lower() for c in pdf.columns]
spark.createDataFrame(pdf).write.mode("overwrite").format("delta").saveAsTable("telemetry.devices")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
