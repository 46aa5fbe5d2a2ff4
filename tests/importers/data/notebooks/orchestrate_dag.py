# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {}
# META }

# MARKDOWN ********************

# # Orchestrates the nightly load

# CELL ********************

# Welcome to your new notebook
DAG = {
    "activities": [
        {
            "name": "Cricsheet Ingest", # activity name, must be unique
            "path": "Cricsheet Ingest", # notebook path
            "timeoutPerCellInSeconds": 1800, # max timeout for each cell
            "args": {"lakehouse": "raw", "useRootDefaultLakehouse": True},
        },
        {
            "name": "Cricsheet Build",
            "path": "Cricsheet Build Facts and Dimensions",
            "timeoutPerCellInSeconds": 1800,
            "dependencies": ["Cricsheet Ingest"],
            "args": {"raw": "raw", "clean": "clean"},
        },
    ],
    "timeoutInSeconds": 43200,
    "concurrency": 50,
}

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# notebookutils.notebook.runMultiple(["Commented", "Out"])
if notebookutils.notebook.validateDAG(DAG):
    results = mssparkutils.notebook.runMultiple(DAG, {"displayDAGViaGraphviz": False})
print("runMultiple(['NotThis'])")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
