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

# MARKDOWN ********************

# # Orders from the web shop
# Incremental load of `Files/shop/orders/*.json` into Bronze.orders. Not from Silver.orders!

# PARAMETERS CELL ********************

source_folder = "Files/shop/orders"
full_load = False

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

%run nb_utils

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

since = get_watermark("orders")
raw = spark.read.option("multiLine", True).json(f"{source_folder}/*.json")
if not full_load:
    raw = raw.filter(F.col("modified_at") > F.lit(since))
raw = raw.withColumn("_file", F.input_file_name())
print(f"loading orders since {since} into Bronze.orders")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

raw.write.format("delta").mode("append").option("mergeSchema", "true").saveAsTable("orders")
rows = raw.count()
newest = raw.agg(F.max("modified_at")).first()[0]
if newest is not None:
    set_watermark("orders", newest)
log_load("bronze_orders", "orders", rows)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
