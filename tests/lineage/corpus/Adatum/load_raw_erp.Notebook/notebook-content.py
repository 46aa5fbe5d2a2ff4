# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "2a961085-5d9b-56aa-ba65-75923e97010c",
# META       "default_lakehouse_name": "raw",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "2a961085-5d9b-56aa-ba65-75923e97010c"
# META         },
# META         {
# META           "id": "bf00fdb4-cd10-59ca-b535-5c78fd154dc0"
# META         },
# META         {
# META           "id": "ef5c74af-c815-5f94-b3d2-6262ed384def"
# META         }
# META       ]
# META     }
# META   }
# META }

# PARAMETERS CELL ********************

schema_name = "dbo"
tables = "Invoice,InvoiceLine,Supplier"

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

import re
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
url = "jdbc:sqlserver://erp.adatum.example;databaseName=ERP"


def snake(name):
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

mapping = {"Invoice": "invoice", "InvoiceLine": "invoice_line", "Supplier": "supplier"}
for source, target in mapping.items():
    sql = f"SELECT * FROM {schema_name}.{source}"
    df = spark.read.format("jdbc").option("url", url).option("query", sql).load()
    df.write.mode("overwrite").format("delta").saveAsTable("erp_" + target)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
