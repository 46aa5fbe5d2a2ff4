# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {}
# META }

# CELL ********************

DAG = {
    "activities": [
        {"name": "bronze_orders", "path": "bronze_orders", "timeoutPerCellInSeconds": 600, "args": {"full_load": False}},
        {"name": "customers", "path": "bronze_customers"},
        {"name": "reference", "path": "bronze_reference", "retry": 2, "retryIntervalInSeconds": 30},
    ],
    "timeoutInSeconds": 7200,
    "concurrency": 4,
}

for entity, upstream in [("orders", "bronze_orders"), ("customers", "customers"), ("reference", "reference")]:
    DAG["activities"].append({"name": f"silver_{entity}", "path": f"silver_{entity}", "dependencies": [upstream]})

DAG["activities"] += [
    {"name": "lines", "path": "silver_order_lines", "dependencies": ["silver_orders"]},
    {"name": "dim_customer", "path": "gold_dim_customer", "dependencies": ["silver_customers"]},
    {"name": "dims", "path": "gold_dims_small", "dependencies": ["silver_reference"]},
]

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

notebookutils.notebook.validateDAG(DAG)
notebookutils.notebook.runMultiple(DAG, {"displayDAGViaGraphviz": True})

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

for step in ["gold_fact_sales", "gold_agg_daily"]:
    notebookutils.notebook.run(step, 1800)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
