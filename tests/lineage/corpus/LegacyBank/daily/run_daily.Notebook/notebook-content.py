# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {}
# META }

# CELL ********************

# notebooks = ["Notebook 1", "old_fraud"]
notebooks = ["transactions_daily", "silver_transactions", "fraud_scoring", "fraud_flags"]
for nb in notebooks:
    print("run", nb)
    try:
        mssparkutils.notebook.run(nb, 3600, {"load_date": "2024-05-01"})
    except Exception as ex:
        print(f"{nb} failed: {ex}")
        raise

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
