# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   }
# META }

# CELL ********************

ENVIRONMENT = "test"


def activity_of(entity):
    return {"name": f"Load_{entity}", "path": "Load", "args": {"entity": entity, "environment": ENVIRONMENT}, "timeoutPerCellInSeconds": 100}
