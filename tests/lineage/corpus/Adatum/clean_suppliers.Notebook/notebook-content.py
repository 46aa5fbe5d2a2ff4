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

def get_df(table: str, lakehouse: str = "raw"):
    return spark.sql("SELECT * FROM {}.{}".format(lakehouse, table))


def put_df(df, table: str, *, lakehouse: str = "clean"):
    full_name = ".".join([lakehouse, table])
    df.writeTo(full_name).using("delta").tableProperty("delta.enableChangeDataFeed", "true").createOrReplace()


put_df(get_df("erp_supplier").dropDuplicates(["supplier_id"]), "supplier")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
