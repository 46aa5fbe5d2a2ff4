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

steps = {
    "spend_base": """
        SELECT i.supplier_id, i.invoice_date, i.amount FROM clean.invoice i
    """,
    "spend_named": """
        SELECT s.name, year(b.invoice_date) AS year, b.amount
        FROM spend_base b JOIN clean.supplier s ON s.supplier_id = b.supplier_id
    """,
    "spend_year": "SELECT name, year, sum(amount) AS amount FROM spend_named GROUP BY name, year",
}

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

for view, query in steps.items():
    spark.sql(query).createOrReplaceTempView(view)

if spark.table("mart.invoice_counts").first()["n"] > 0:
    spark.table("spend_year").write.mode("overwrite").saveAsTable("mart.spend")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
