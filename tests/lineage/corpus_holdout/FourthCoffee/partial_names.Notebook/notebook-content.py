# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "37448485-89d0-5894-8989-6a516c288d69",
# META       "default_lakehouse_name": "Landing",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "37448485-89d0-5894-8989-6a516c288d69"
# META         },
# META         {
# META           "id": "e3257251-ec00-5978-bfbe-2c236dc2c02c"
# META         }
# META       ]
# META     }
# META   }
# META }

# MARKDOWN ********************

# Values that are only known at run time, where they matter and where they do not.

# CELL ********************

from datetime import datetime
ids = [r[0] for r in spark.table("Curated.customers").select("id").collect()]
id_list = ", ".join(str(i) for i in ids)
columns = ", ".join(spark.table("Curated.orders").columns)
df = spark.sql(f"SELECT {columns} FROM Curated.orders WHERE customer_id IN ({id_list}) AND year = {datetime.now().year}")
df.write.mode("overwrite").saveAsTable("Curated.orders_open")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

stamp = datetime.now().strftime("%Y%m%d")
df.write.mode("overwrite").saveAsTable(f"Curated.orders_{stamp}")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

lakehouse = spark.conf.get("lakehouse")
spark.table(f"{lakehouse}.orders").show()

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

somewhere = notebookutils.fs.head("Files/target.txt")
spark.sql(f"INSERT INTO {somewhere} SELECT * FROM Curated.orders")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
