# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "ef5c74af-c815-5f94-b3d2-6262ed384def",
# META       "default_lakehouse_name": "mart",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "ef5c74af-c815-5f94-b3d2-6262ed384def"
# META         },
# META         {
# META           "id": "2a961085-5d9b-56aa-ba65-75923e97010c"
# META         },
# META         {
# META           "id": "bf00fdb4-cd10-59ca-b535-5c78fd154dc0"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

definitions = spark.table("mart.report_definitions").collect()
for r in definitions:
    df = spark.sql(r["query"])
    df.write.mode("overwrite").csv(f"Files/reports/{r['name']}")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

display(spark.sql("SELECT * FROM mart.spend LIMIT 5"))

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
