# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "37448485-89d0-5894-8989-6a516c288d69",
# META       "default_lakehouse_name": "Landing",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "37448485-89d0-5894-8989-6a516c288d69"
# META         },
# META         {
# META           "id": "e3257251-ec00-5978-bfbe-2c236dc2c02c"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

def land(name, **options):
    global landed
    landed += 1
    path = f"Files/in/{name}"
    if options.pop("json", False):
        df = spark.read.json(path)
    else:
        df = spark.read.options(**options).csv(path)
    df.write.mode("overwrite").saveAsTable(name)


landed = 0
jobs = [("orders", {"json": True}), ("customers", {"header": True}), ("prices", {"header": True, "sep": ";"})]
for name, options in jobs:
    land(name, **options)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
