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
from deltalake import write_deltalake

con = duckdb.connect()
con.sql("INSTALL delta; LOAD delta;")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

con.execute("""
    CREATE OR REPLACE TABLE prices AS
    SELECT CAST(day AS DATE) AS day, avg(price) AS price
    FROM delta_scan('/lakehouse/default/Tables/energy_prices_raw')
    GROUP BY 1
""")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

weather = con.sql("SELECT * FROM delta_scan('/lakehouse/default/Tables/weather') WHERE city = 'Graz'")
result = con.sql("""
    SELECT w.day, w.temperature, p.price
    FROM weather w
    JOIN prices p USING (day)
    ORDER BY day
""").arrow()
write_deltalake("/lakehouse/default/Tables/energy_by_weather", result, mode="overwrite")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }
