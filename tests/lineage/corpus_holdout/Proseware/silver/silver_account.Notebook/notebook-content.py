# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "ea22a15c-b836-55c9-8fc8-fd272751e5b5",
# META       "default_lakehouse_name": "lh_silver_dev",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "ea22a15c-b836-55c9-8fc8-fd272751e5b5"
# META         },
# META         {
# META           "id": "15f0e6e7-2c7a-59ce-9274-0d20d0535ab8"
# META         },
# META         {
# META           "id": "93f3b46b-2c8c-5446-a756-dea3f5f72465"
# META         }
# META       ]
# META     }
# META   }
# META }

# PARAMETERS CELL ********************

target_table = None

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

target_table = target_table or "account"
sql = (
    "SELECT a.*, c.iso2 "
    "FROM lh_bronze_dev.crm_account a "
    "LEFT JOIN country c ON c.name = trim(BOTH ' ' FROM a.country) "
    "WHERE extract(YEAR FROM a.created) > 2010 AND a.note IS DISTINCT FROM 'from lh_bronze_dev.nowhere; select 1'"
)
spark.sql(sql).write.mode("overwrite").saveAsTable(target_table)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
