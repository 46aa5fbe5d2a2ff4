# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "007d172c-da84-507f-bcda-faab71e25aef",
# META       "default_lakehouse_name": "Base",
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

# # Load_Stores
# 
# The stores, from the point of sale.

# CELL ********************

cities = ["Aarhus", "Bergen", "Gothenburg", "Turku"]
stores = spark.createDataFrame([(number, city) for number, city in enumerate(cities, start=1)], "store_id int, city string")
stores.write.mode("overwrite").saveAsTable("stores")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
