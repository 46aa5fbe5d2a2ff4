# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "91e2e10d-9a75-5496-8622-318e60f8f511",
# META       "default_lakehouse_name": "staging",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "91e2e10d-9a75-5496-8622-318e60f8f511"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

sources = {
    "sales_header": "Files/export/SalesOrderHeader.csv",
    "sales_detail": "Files/export/SalesOrderDetail.csv",
    "product": "Files/export/Product.csv",
}
for table_name, file in sources.items():
    spark.read.csv(file, header=True, inferSchema=True).write.mode("overwrite").format("delta").saveAsTable(table_name)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
