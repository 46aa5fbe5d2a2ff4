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

# PARAMETERS CELL ********************

lookback_days = 3

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

orders = read_table(SILVER, "orders").where(F.col("order_date") >= F.date_sub(F.current_date(), lookback_days))
lines = read_table(SILVER, "order_lines")
rates = read_table(SILVER, "currencies").select("code", "rate")

dim_customer = spark.table("Gold.dim_customer").where("is_current")
dim_product = spark.table("Gold.dim_product")
dim_store = spark.table("Gold.dim_store")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

fact = (
    lines.join(orders, ["order_id", "order_date"])
    .join(rates, F.col("currency") == F.col("code"), "left")
    .join(dim_customer.select("customer_id", "customer_key"), "customer_id", "left")
    .join(F.broadcast(dim_product.select("product_id", "product_key")), "product_id", "left")
    .join(F.broadcast(dim_store.select("store_id", "store_key")), "store_id", "left")
    .withColumn("amount", F.col("quantity") * F.col("price") * F.coalesce("rate", F.lit(1)))
    .select("order_date", "customer_key", "product_key", "store_key", "quantity", "amount")
)
fact.cache()

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

(
    fact.write.format("delta")
    .mode("overwrite")
    .option("replaceWhere", f"order_date >= date_sub(current_date(), {lookback_days})")
    .partitionBy("order_date")
    .saveAsTable("Gold.fact_sales")
)
log_load("gold_fact_sales", "fact_sales", fact.count())
fact.unpersist()

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
