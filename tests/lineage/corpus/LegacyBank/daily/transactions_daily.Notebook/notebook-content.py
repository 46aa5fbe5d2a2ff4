# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "f0348052-85d7-53fe-afa1-1c14b3026fd9",
# META       "default_lakehouse_name": "Bronze",
# META       "default_lakehouse_workspace_id": "5b1e7c20-93d4-4f6a-8e55-c4a1d2b3f604",
# META       "known_lakehouses": [
# META         {
# META           "id": "f0348052-85d7-53fe-afa1-1c14b3026fd9"
# META         },
# META         {
# META           "id": "a8fb07ea-ff50-5b55-bd37-1ea566f6b0e9"
# META         },
# META         {
# META           "id": "15ef81f8-1272-5b34-8638-0ec60b18a1f2"
# META         }
# META       ]
# META     }
# META   }
# META }

# PARAMETERS CELL ********************

load_date = "2024-01-01"

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

import logging
log = logging.getLogger("transactions")
path = f"Files/core/{load_date}/transactions.parquet"
df = spark.read.parquet(path)
log.info("insert into Bronze.transactions_error values ...")
log.info("select * from Bronze.nothing")
df.createOrReplaceTempView("transactions_new")
spark.sql("INSERT INTO transactions SELECT * FROM transactions_new")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

query = """SELECT * FROM Bronze.unused_query"""   # was used until 2022
help_text = "To reload: DELETE FROM Bronze.transactions_hist, then run again"
print(help_text)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

target = mssparkutils.widgets.get("target") if hasattr(mssparkutils, "widgets") else eval("settings.target")
df.limit(10).write.mode("append").saveAsTable(target)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
