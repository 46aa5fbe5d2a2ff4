# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "d23b2dce-8ef4-5924-97ae-3d414484dced",
# META       "default_lakehouse_name": "Gold",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "d23b2dce-8ef4-5924-97ae-3d414484dced"
# META         },
# META         {
# META           "id": "0fd31de5-dca1-5e37-bd51-95da8fa99a5a"
# META         },
# META         {
# META           "id": "2811b36d-5ced-5326-9630-21a2890ae020"
# META         },
# META         {
# META           "id": "0e5273c7-dd1a-55d8-b5ca-8ede1b4407d6"
# META         }
# META       ]
# META     }
# META   }
# META }

# MARKDOWN ********************

# OPTIMIZE and VACUUM every Sunday.

# CELL ********************

tables = [
    "Gold.fact_sales",
    "Gold.dim_customer",
    "Silver.orders",
]
for table in tables:
    print(f"OPTIMIZE {table}")
    spark.sql(f"OPTIMIZE {table}")
    spark.sql(f"VACUUM {table} RETAIN 168 HOURS")
    display(spark.sql(f"DESCRIBE HISTORY {table} LIMIT 3"))
    spark.sql(f"ANALYZE TABLE {table} COMPUTE STATISTICS")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC SHOW TABLES IN Gold

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }
