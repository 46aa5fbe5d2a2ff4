# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "e3257251-ec00-5978-bfbe-2c236dc2c02c",
# META       "default_lakehouse_name": "Curated",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "e3257251-ec00-5978-bfbe-2c236dc2c02c"
# META         },
# META         {
# META           "id": "37448485-89d0-5894-8989-6a516c288d69"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

class Check:
    def __init__(self, session, table):
        self.session, self.table_name = session, table

    def table(self, name):
        return name.upper()

    def sql(self, text):
        return text


check = Check(spark, "Curated.report_final")
check.table("Curated.orders")
check.sql("DELETE FROM Curated.orders")
df = check.session.read.table(check.table_name)
df.write.mode("overwrite").saveAsTable("{lh}.report_checked".format(lh="Curated"))

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
