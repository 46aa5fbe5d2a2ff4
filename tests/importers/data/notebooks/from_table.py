# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   }
# META }

# CELL ********************

notebookutils.notebook.run("Prepare", 300)

# CELL ********************

rows = spark.sql("SELECT * FROM meta.notebooks WHERE active = 1").collect()
activities = [{"name": "Start", "path": "Start"}]
for row in rows:
    activities.append({"name": row["name"], "path": row["path"]})
    notebookutils.notebook.run(row["path"], 60)
DAG = {"activities": activities}
notebookutils.notebook.runMultiple(DAG)

# CELL ********************

this is a cell that is no Python

# CELL ********************

table = spark.table("meta.last").first()[0]
notebookutils.notebook.run("Finish", 600, {"table": table, "count": 3})
notebookutils.notebook.run(table)
df.foreach(lambda r: notebookutils.notebook.run(r.name))
