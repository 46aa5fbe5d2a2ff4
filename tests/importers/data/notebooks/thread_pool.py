# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   }
# META }

# CELL ********************

from concurrent.futures import ThreadPoolExecutor, as_completed

import notebookutils as nu

notebooks = {"Load_A": {"day": 1}, "Load_B": {"day": 2}, "Load_C": {"day": 3}}


def run_one(item):
    name, arguments = item
    return nu.notebook.run(name, 1800, arguments)


nu.notebook.run("Before", 60)
with ThreadPoolExecutor(max_workers=2) as pool:
    futures = [pool.submit(run_one, item) for item in notebooks.items()]
    for future in as_completed(futures):
        print(future.result())
nu.notebook.run("After", 60)
