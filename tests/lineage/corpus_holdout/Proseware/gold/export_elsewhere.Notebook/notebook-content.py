# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "93f3b46b-2c8c-5446-a756-dea3f5f72465",
# META       "default_lakehouse_name": "lh_gold_dev",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "93f3b46b-2c8c-5446-a756-dea3f5f72465"
# META         },
# META         {
# META           "id": "15f0e6e7-2c7a-59ce-9274-0d20d0535ab8"
# META         },
# META         {
# META           "id": "ea22a15c-b836-55c9-8fc8-fd272751e5b5"
# META         }
# META       ]
# META     }
# META   }
# META }

# MARKDOWN ********************

# Reads one table; all the rest belongs to other systems.

# CELL ********************

import sqlite3
import pyodbc
import pandas as pd
from snowflake.snowpark import Session

fact = spark.table("fact_absence")
fact.write.format("jdbc").option("url", "jdbc:sqlserver://x").option("dbtable", "dbo.dim_person").mode("append").save()

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

session = Session.builder.configs({"account": "xy12345"}).create()
remote = session.table("lh_gold_dev.dim_account")
session.sql("DELETE FROM lh_gold_dev.owner").collect()

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

conn = pyodbc.connect("DSN=erp")
cursor = conn.cursor()
cursor.execute("INSERT INTO lh_silver_dev.person SELECT * FROM lh_silver_dev.account")
old = pd.read_sql("SELECT * FROM lh_gold_dev.audit_report", conn)
with sqlite3.connect("/tmp/local.db") as db:
    db.execute("CREATE TABLE matched AS SELECT 1")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

import joblib
import sempy.fabric as fabric

model = joblib.load("/lakehouse/default/Files/models/absence.joblib")
budget = fabric.read_table("HR model", "dim_account")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
