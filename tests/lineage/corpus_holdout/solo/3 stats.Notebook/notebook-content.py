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

posts = spark.read.load('Tables/posts')
users = spark.read.load('Tables/users')
posts.registerTempTable('p')
users.createTempView('u')

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

q = 'select u.city, count(*) n, '
q += 'avg(p.words) words '
q += 'from p join u on p.userId = u.id '
q += 'group by u.city'
res = spark.sql(q)
res.write.mode('overwrite').saveAsTable('stats')

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
