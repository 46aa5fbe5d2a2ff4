# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {}
# META }

# CELL ********************

# mssparkutils.notebook.run("gold_fact_sales", 1800)   too slow for ad hoc
mssparkutils.notebook.runMultiple(["gold_dim_customer", "gold_dims_small"])

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

result = mssparkutils.notebook.run("dq_" + "checks", 300, {"strict": True})
print(result)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
