# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "jupyter",
# META     "jupyter_kernel_name": "python3.11"
# META   }
# META }

# PARAMETERS CELL ********************

recreate = False

# CELL ********************

dimensions = ["DimCalendar", "DimCustomer"]
for dimension in dimensions:
    notebookutils.notebook.run(f"AquaVilla_Load{dimension}", 300, {"recreate": recreate})

# CELL ********************

path = notebookutils.notebook.run("ExportSales", timeout_seconds=900, arguments={"format": "csv"}, workspace="fe0a6e2a-a909-4aa3-a698-0a651de790aa")
try:
    notebookutils.notebook.run("SendFile", 120, {"path": path, "recreate": recreate})
except Exception as error:
    notebookutils.notebook.run("Alert", 60, {"error": str(error)})
    raise
results = notebookutils.notebook.runMultiple(["Check_A", "Check_B"])
notebookutils.notebook.run("Summary", 60, {"a": results["Check_A"]["exitVal"]})
notebookutils.notebook.run("ExportSales", 900, {"format": "parquet"})
notebookutils.notebook.exit("done")
notebookutils.notebook.run("NeverReached")
