# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "6dee7a36-7797-5caf-8770-2be1fcee5e94",
# META       "default_lakehouse_name": "LH",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "6dee7a36-7797-5caf-8770-2be1fcee5e94"
# META         },
# META         {
# META           "id": "cb9dc162-9a5f-557d-881c-0f9d0f513dda"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

import notebookutils
for n in ('1 get data', '2 clean', '3 stats'):
    notebookutils.notebook.run(n, 600)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
