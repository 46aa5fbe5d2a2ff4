# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "b437edd5-6b25-5708-ac5e-49c2c27558e6",
# META       "default_lakehouse_name": "mfg_lake",
# META       "default_lakehouse_workspace_id": "7d0c9a52-54b1-4d3b-8c0e-0d2e6f9b1a01",
# META       "known_lakehouses": [
# META         {
# META           "id": "b437edd5-6b25-5708-ac5e-49c2c27558e6"
# META         },
# META         {
# META           "id": "903159a8-4b59-5c02-a464-6c7ef5ff6d55"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

%run 01_framework

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# PARAMETERS CELL ********************

entities = [
    {"source": "mfg_lake.raw.machines", "target": "mfg_lake.refined.machine", "keys": ["machine_id"]},
    {"source": "mfg_lake.raw.sensors", "target": "mfg_lake.refined.sensor", "keys": ["sensor_id"], "filter": "sensor_id IS NOT NULL"},
]

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

entities.append({
    "source": f"{RAW}.sap_mara",
    "target": f"{REFINED}.material",
    "keys": ["MATNR"],
    "columns": ["MATNR", "MTART", "MEINS"],
})
entities.append({"source": f"{RAW}.sap_aufk", "target": f"{REFINED}.production_order", "keys": ["AUFNR"]})

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

failed = {}
for cfg in entities:
    try:
        load_entity(cfg)
    except Exception as e:
        failed[cfg["target"]] = str(e)
if failed:
    raise RuntimeError(f"not loaded: {failed}")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
