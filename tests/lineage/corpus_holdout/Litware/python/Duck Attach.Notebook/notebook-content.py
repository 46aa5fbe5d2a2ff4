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

import duckdb
from deltalake import DeltaTable, write_deltalake

customers = DeltaTable("/lakehouse/default/Tables/sales/customers").to_pyarrow_dataset()
con = duckdb.connect()
con.register("customers", customers)
con.execute("ATTACH '/lakehouse/default/Tables/sales/activity' AS activity (TYPE delta)")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

top = con.execute("""
    SELECT c.name, sum(a.orders) AS orders
    FROM activity a JOIN customers c USING (customer_id)
    GROUP BY c.name ORDER BY orders DESC LIMIT 100
""").fetch_arrow_table()
write_deltalake("/lakehouse/default/Tables/python/top_customers", top, mode="overwrite")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }
