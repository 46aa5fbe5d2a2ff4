# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   }
# META }

# PARAMETERS CELL ********************

year = 2026
months = 3
full_reload = False

# CELL ********************

NOTEBOOK = "nb_process_month"
COMMON = {"year": year, "mode": "full" if full_reload else "delta"}


def activity(month: int, **extra) -> dict:
    return {
        "name": f"Process_{year}_{month:02d}",
        "path": NOTEBOOK,
        "timeoutPerCellInSeconds": 60 * 10,
        "args": {**COMMON, "month": month},
        **extra,
    }


def create_fan_out_dag(partitions):
    activities = []
    for position, partition in enumerate(partitions):
        if partition == 2:
            activities.append(activity(partition, retry=2, retryIntervalInSeconds=15))
            continue
        activities.append(activity(partition))
    activities += [
        {
            "name": "Aggregate",
            "path": "nb_aggregate",
            "dependencies": [a["name"] for a in activities],
            "args": {"months": ",".join(str(p) for p in partitions)},
        }
    ]
    return {"activities": activities, "concurrency": min(25, len(partitions))}


dag = create_fan_out_dag(range(1, months + 1))
if full_reload:
    dag["activities"].append({"name": "Vacuum", "path": "nb_vacuum", "dependencies": ["Aggregate"]})

# CELL ********************

from notebookutils import mssparkutils as utils

utils.notebook.runMultiple(dag)
