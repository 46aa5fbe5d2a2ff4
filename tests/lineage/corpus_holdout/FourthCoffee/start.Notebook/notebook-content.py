# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {}
# META }

# CELL ********************

NOTEBOOKS = {"land": ["land_all"], "load": ["load_orders", "load_customers"], "after": ["partial_names"]}
for phase in NOTEBOOKS:
    dag = {"activities": []}
    for n in NOTEBOOKS[phase]:
        dag["activities"].append({"name": n, "path": n, "timeoutPerCellInSeconds": 600})
    notebookutils.notebook.runMultiple(dag)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
