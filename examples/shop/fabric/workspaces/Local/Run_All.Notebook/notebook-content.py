# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "a04a64b5-6476-5ad1-a4b7-d869777ff41b",
# META       "default_lakehouse_name": "Curated",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "007d172c-da84-507f-bcda-faab71e25aef"
# META         },
# META         {
# META           "id": "a04a64b5-6476-5ad1-a4b7-d869777ff41b"
# META         }
# META       ]
# META     }
# META   }
# META }

# MARKDOWN ********************

# # Run_All
# 
# Loads everything, one notebook after the other: what the graph replaces.

# CELL ********************

for name in [
    "Load_Stores",
    "Load_Orders",
    "Load_DimStore",
    "Load_DimDate",
    "Load_FactSales",
    "Load_SalesByCity",
    "Load_Targets",
]:
    notebookutils.notebook.run(name, 600)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
