# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "903159a8-4b59-5c02-a464-6c7ef5ff6d55",
# META       "default_lakehouse_name": "shared_ref",
# META       "default_lakehouse_workspace_id": "7d0c9a52-54b1-4d3b-8c0e-0d2e6f9b1a01",
# META       "known_lakehouses": [
# META         {
# META           "id": "903159a8-4b59-5c02-a464-6c7ef5ff6d55"
# META         },
# META         {
# META           "id": "b437edd5-6b25-5708-ac5e-49c2c27558e6"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

spark.createDataFrame([("KG", 1.0), ("G", 0.001), ("T", 1000.0)], "unit string, to_kg double") \
    .write.mode("overwrite").saveAsTable("unit")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

calendar = spark.sql("""
    SELECT explode(sequence(DATE'2015-01-01', DATE'2035-12-31', INTERVAL 1 DAY)) AS day
""").selectExpr("day", "weekofyear(day) AS week", "year(day) AS year")
calendar.write.mode("overwrite").format("delta").save("Tables/dbo/calendar")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
