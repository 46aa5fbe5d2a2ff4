# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "2811b36d-5ced-5326-9630-21a2890ae020",
# META       "default_lakehouse_name": "Silver",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "2811b36d-5ced-5326-9630-21a2890ae020"
# META         },
# META         {
# META           "id": "0fd31de5-dca1-5e37-bd51-95da8fa99a5a"
# META         },
# META         {
# META           "id": "d23b2dce-8ef4-5924-97ae-3d414484dced"
# META         },
# META         {
# META           "id": "0e5273c7-dd1a-55d8-b5ca-8ede1b4407d6"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

src, dst = "Bronze", "Silver"

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

for name in ["products", "stores"]:
    spark.sql(f"""
        CREATE OR REPLACE TABLE {dst}.{name}
        USING DELTA
        AS
        WITH {name} AS (
            SELECT *, current_date() AS valid_on
            FROM {src}.{name}
        )
        SELECT DISTINCT * FROM {name}
    """)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC -- the CTE has the name of the table that is written, the table behind it is the one of Bronze
# MAGIC INSERT OVERWRITE TABLE Silver.currencies
# MAGIC WITH currencies AS (
# MAGIC     SELECT upper(code) AS code, name, CAST(rate AS DECIMAL(18, 6)) AS rate
# MAGIC     FROM bronze.currencies
# MAGIC )
# MAGIC SELECT code, name, max(rate) AS rate FROM currencies GROUP BY code, name

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }
