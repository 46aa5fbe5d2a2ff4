# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "0fd31de5-dca1-5e37-bd51-95da8fa99a5a",
# META       "default_lakehouse_name": "Bronze",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "0fd31de5-dca1-5e37-bd51-95da8fa99a5a"
# META         },
# META         {
# META           "id": "2811b36d-5ced-5326-9630-21a2890ae020"
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

# MARKDOWN ********************

# Small reference files. One table a file.

# CELL ********************

%run nb_utils

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

files = {
    "products": {"path": "Files/erp/products.csv", "sep": ","},
    "stores": {"path": "Files/erp/stores.csv", "sep": ";"},
    "currencies": {"path": "Files/finance/currencies.csv", "sep": ","},
}

for table, settings in files.items():
    data = (
        spark.read.option("header", True)
        .option("sep", settings["sep"])
        .option("inferSchema", True)
        .csv(settings["path"])
    )
    write_table(data, BRONZE, table)
    log_load("bronze_reference", table, data.count())

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
