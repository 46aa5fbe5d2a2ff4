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

# SCD2: a changed e-mail or country closes the row and opens a new one.

# CELL ********************

from delta.tables import *
from pyspark.sql.functions import *

target_table = "Gold.dim_customer"
source = spark.table("Silver.customers").withColumn("hash", sha2(concat_ws("|", "email", "country"), 256))

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

spark.sql(f"""
CREATE TABLE IF NOT EXISTS {target_table} (
    customer_key BIGINT, customer_id STRING, email STRING, country STRING, hash STRING,
    valid_from TIMESTAMP, valid_to TIMESTAMP, is_current BOOLEAN
) USING DELTA
""")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

current = spark.table(target_table).filter("is_current = true")
changed = (
    source.alias("s")
    .join(current.alias("c"), "customer_id")
    .where("s.hash <> c.hash")
    .selectExpr("NULL as merge_key", "s.*")
)
staged = changed.unionByName(source.selectExpr("customer_id as merge_key", "*"))
staged.createOrReplaceTempView("staged_customers")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC MERGE INTO Gold.dim_customer t
# MAGIC USING staged_customers s
# MAGIC ON t.customer_id = s.merge_key AND t.is_current = true
# MAGIC WHEN MATCHED AND t.hash <> s.hash THEN
# MAGIC   UPDATE SET is_current = false, valid_to = current_timestamp()
# MAGIC WHEN NOT MATCHED THEN
# MAGIC   INSERT (customer_key, customer_id, email, country, hash, valid_from, valid_to, is_current)
# MAGIC   VALUES (xxhash64(s.customer_id, current_timestamp()), s.customer_id, s.email, s.country, s.hash,
# MAGIC           current_timestamp(), NULL, true)

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }
