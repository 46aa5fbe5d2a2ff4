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

checks = [
    ("orders without customer", "SELECT count(*) FROM silver.orders WHERE customer_id IS NULL"),
    ("customers twice", "SELECT count(*) - count(DISTINCT customer_id) FROM Silver.customers"),
    (
        "lines without order",
        """
        SELECT count(*)
        FROM Silver.order_lines l
        LEFT ANTI JOIN Silver.orders o ON o.order_id = l.order_id
        """,
    ),
]

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

results = []
for title, query in checks:
    bad = spark.sql(query).first()[0]
    results.append((title, bad, bad == 0))

df = spark.createDataFrame(results, ["check", "bad_rows", "passed"])
df.write.mode("append").saveAsTable("Control.dq_results")
assert df.filter("NOT passed").count() == 0, "see Control.dq_results"

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
