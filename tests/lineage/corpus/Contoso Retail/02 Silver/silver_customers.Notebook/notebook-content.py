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

from delta.tables import DeltaTable
from pyspark.sql import functions as F, Window

target = "Silver.customers"

w = Window.partitionBy("customer_id").orderBy(F.desc("changed_on"))
updates = (
    spark.table("Bronze.customers")
    .withColumn("rn", F.row_number().over(w))
    .where("rn = 1")
    .drop("rn")
    .withColumn("email", F.lower(F.trim("email")))
    .withColumn("country", F.coalesce("country", F.lit("unknown")))
)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

if not spark.catalog.tableExists(target):
    updates.limit(0).write.format("delta").saveAsTable(target)

dt = DeltaTable.forName(spark, target)
(
    dt.alias("t")
    .merge(updates.alias("u"), "t.customer_id = u.customer_id")
    .whenMatchedUpdate(
        condition="t.email <> u.email OR t.country <> u.country",
        set={"email": "u.email", "country": "u.country", "updated_at": "current_timestamp()"},
    )
    .whenNotMatchedInsert(values={c: f"u.{c}" for c in updates.columns})
    .execute()
)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

display(dt.history(5))

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
