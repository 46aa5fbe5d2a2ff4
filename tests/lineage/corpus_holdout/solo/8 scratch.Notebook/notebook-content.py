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

# df = spark.table('raw_users')
# df.write.saveAsTable('users2')
x = "DROP TABLE LH.users"
print(x)
if False:
    pass

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

def f(t='users'):
    '''
    f('posts') reads posts
    '''
    return spark.table(t)
f().show()

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

import logging
logging.warning("MERGE INTO LH.stats USING LH.posts ON 1=1")
txt = """
insert into LH.stats select * from LH.raw_comments
"""
len(txt.split())

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
