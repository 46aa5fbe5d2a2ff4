# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {}
# META }

# CELL ********************

def activity(name, *dependencies):
    return {"name": name, "path": name, "timeoutPerCellInSeconds": 900, "dependencies": list(dependencies)}


dag = {
    "activities": [
        activity("10_raw_machines"),
        activity("11_raw_sap"),
        activity("22_reference_units"),
        activity("20_refined_all", "10_raw_machines", "11_raw_sap"),
        activity("21_refined_reservations", "20_refined_all"),
        activity("30_mart_oee", "20_refined_all", "22_reference_units"),
        activity("31_mart_material_flow", "21_refined_reservations", "22_reference_units"),
        activity("40_scd2_machine", "20_refined_all"),
    ]
}
notebookutils.notebook.runMultiple(dag)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

exit_value = notebookutils.notebook.run("32_mart_finance_costs", timeout_seconds=1200)
notebookutils.notebook.exit(exit_value)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
