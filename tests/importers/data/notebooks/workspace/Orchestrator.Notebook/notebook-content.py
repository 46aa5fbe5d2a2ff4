# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   }
# META }

# CELL ********************

%run Config

# CELL ********************

%run Missing_Helpers

# CELL ********************

DAG = {"activities": [activity_of(e) for e in ("orders", "items")], "timeoutInSeconds": 3600}
notebookutils.notebook.runMultiple(DAG)
log_result(DAG)
