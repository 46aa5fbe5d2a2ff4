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

# CELL ********************

spark.table(spark.conf.get("pipeline.table")).show()

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

with open("/lakehouse/default/Files/sql/report.sql") as f:
    spark.sql(f.read()).show()

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

spark.read.load(path="Tables/account_copy/", format="delta").show()

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
