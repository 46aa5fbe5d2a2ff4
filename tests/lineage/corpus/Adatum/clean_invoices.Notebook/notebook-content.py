# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "bf00fdb4-cd10-59ca-b535-5c78fd154dc0",
# META       "default_lakehouse_name": "clean",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "bf00fdb4-cd10-59ca-b535-5c78fd154dc0"
# META         },
# META         {
# META           "id": "2a961085-5d9b-56aa-ba65-75923e97010c"
# META         },
# META         {
# META           "id": "ef5c74af-c815-5f94-b3d2-6262ed384def"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

from pyspark.sql.functions import col, trim, when, lit


class InvoiceCleaner:
    source = "raw.erp_invoice"
    target = "clean.invoice"

    def __init__(self, spark, strict=True):
        self.spark = spark
        self.strict = strict
        self.rejected = None

    def extract(self):
        lines = self.spark.table("raw.erp_invoice_line")
        return self.spark.table(self.source).join(lines, "invoice_id")

    def transform(self, df):
        good = df.where(col("supplier_id").isNotNull())
        self.rejected = df.where(col("supplier_id").isNull())
        return good.withColumn("currency", when(trim(col("currency")) == "", lit("EUR")).otherwise(col("currency")))

    def load(self, df):
        df.write.format("delta").mode("overwrite").saveAsTable(self.target)
        self.rejected.write.format("delta").mode("append").saveAsTable(self.target + "_rejected")

    def run(self):
        self.load(self.transform(self.extract()))

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

InvoiceCleaner(spark).run()

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
