# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "0fd31de5-dca1-5e37-bd51-95da8fa99a5a",
# META       "default_lakehouse_name": "Bronze",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "0fd31de5-dca1-5e37-bd51-95da8fa99a5a"
# META         },
# META         {
# META           "id": "2811b36d-5ced-5326-9630-21a2890ae020"
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

from pyspark.sql import functions as F

df = (
    spark.read.format("csv")
    .option("header", "true")
    .option("sep", ";")
    .load("Files/crm/customers_*.csv")
)
df = df.toDF(*[c.strip().lower().replace(" ", "_") for c in df.columns])

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

df.dropDuplicates(["customer_id"]).write.mode("overwrite").format("delta").save("Tables/customers")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# quick look
# display(spark.table("Silver.customers").limit(10))
display(df.limit(10))

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
