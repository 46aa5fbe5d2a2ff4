# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {}
# META }

# CELL ********************

import json
from notebookutils import mssparkutils

claims = ["Load claims", "Load payments"]
for n in claims + ["Load policies"]:
    mssparkutils.notebook.run(n, 3600)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

mssparkutils.notebook.runMultiple({"activities": [
    {"name": "triangle", "path": "Loss triangle"},
    {"name": "reserves", "path": "Reserves", "dependencies": ["triangle"], "args": {"note": "SELECT * FROM claims.audit"}},
]})

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
