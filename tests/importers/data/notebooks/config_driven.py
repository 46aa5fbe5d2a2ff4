# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   }
# META }

# CELL ********************

import json

CONFIG = json.loads('''
{
  "dimensions": [
    {"entity": "Customer", "key": "customer_id", "retries": 1},
    {"entity": "Product", "key": "product_id"}
  ],
  "facts": {"Sales": ["Customer", "Product"], "Stock": ["Product"]}
}
''')

# CELL ********************

# MAGIC %%sql
# MAGIC -- notebookutils.notebook.run("NotFromSql")
# MAGIC SELECT 1

# CELL ********************

names = {d["entity"]: "Load_Dim" + d["entity"] for d in CONFIG["dimensions"]}
activities = [
    {
        "name": names[d["entity"]],
        "path": "Load_Dimension",
        "args": {"entity": d["entity"], "key": d.get("key"), "started": datetime.utcnow().isoformat()},
        "retry": d.get("retries", 0),
    }
    for d in CONFIG["dimensions"]
]
for fact, dims in CONFIG["facts"].items():
    activities.append(
        {
            "name": "Load_Fact%s" % fact,
            "path": "Load_Fact{}".format(fact),
            "dependencies": [names[d] for d in dims],
            "workspace": spark.conf.get("trident.workspace.id"),
        }
    )
if spark.catalog.tableExists("gold.audit"):
    activities.append({"name": "Audit", "path": "nb_audit", "dependencies": ["Load_FactSales"]})

mssparkutils.notebook.runMultiple({"activities": activities, "timeoutInSeconds": 2 * 60 * 60})
