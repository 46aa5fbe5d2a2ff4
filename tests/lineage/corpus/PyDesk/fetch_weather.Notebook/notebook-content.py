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

# PARAMETERS CELL ********************

city = "Graz"
days = 7

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

import requests
import pandas as pd
from deltalake import write_deltalake

url = f"https://api.weather.example/v1/forecast?city={city}&days={days}"
payload = requests.get(url, timeout=30).json()
frame = pd.json_normalize(payload["daily"])
frame["city"] = city

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

write_deltalake("/lakehouse/default/Tables/weather_raw", frame, mode="append", schema_mode="merge")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }
