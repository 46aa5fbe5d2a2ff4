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

%run TW_00_common

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

def only_valid(df: DataFrame) -> DataFrame:
    return df.filter(F.col("deleted_at").isNull())


TABLES = [
    dict(source="crm_contact", target="stage.contact", keys=["id"], transform=only_valid),
    dict(source="crm_deal", target="stage.deal", keys=["id"]),
    dict(source="web_session", target="stage.session", mode="append"),
]

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

for table in TABLES:
    process(**table)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
