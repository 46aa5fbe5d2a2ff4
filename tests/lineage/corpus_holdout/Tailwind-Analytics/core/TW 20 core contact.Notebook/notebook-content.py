# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "f94748c7-49c4-53e6-9c7f-fdc87168b9de",
# META       "default_lakehouse_name": "warehouse_lh",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "f94748c7-49c4-53e6-9c7f-fdc87168b9de"
# META         },
# META         {
# META           "id": "49267a56-7f04-5210-804c-1027dd68c79a"
# META         },
# META         {
# META           "id": "545c32db-cdb5-57d0-b0f0-7e25978dd100"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

from pyspark.sql import SparkSession
from delta.tables import DeltaTable

session = SparkSession.builder.getOrCreate()
(
    DeltaTable.createIfNotExists(session)
    .tableName("core.contact")
    .addColumn("id", "BIGINT")
    .addColumn("name", "STRING")
    .addColumn("deals", "INT")
    .execute()
)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

view_name = "new_contacts"
session.read.table(tableName="stage.contact").createOrReplaceTempView(view_name)
deals = session.table("stage.deal").groupBy("contact_id").count()
deals.createOrReplaceTempView("deal_counts")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

merge = f"""
MERGE INTO core.contact t
USING (
  SELECT c.id, c.name, coalesce(d.count, 0) AS deals
  FROM {view_name} c LEFT JOIN deal_counts d ON d.contact_id = c.id
) s ON s.id = t.id
WHEN MATCHED THEN UPDATE SET *
WHEN NOT MATCHED THEN INSERT *
WHEN NOT MATCHED BY SOURCE THEN DELETE
"""
session.sql(merge)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
