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

%run 00_settings

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

resb = spark.read.format("delta").load(table_path(LAKE, "raw", "sap_resb"))
orders = spark.read.load(table_path(LAKE, "refined", "production_order"))
material = spark.read.format("delta").load("Tables/refined/material")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

out = (
    resb.alias("r")
    .join(orders.alias("o"), resb.AUFNR == orders.AUFNR)
    .join(material.alias("m"), "MATNR")
    .selectExpr("r.RSNUM AS reservation_id", "o.AUFNR AS order_id", "m.MATNR AS material_id", "r.BDMNG AS quantity")
)
out.write.format("delta").mode("overwrite").save(table_path(LAKE, "refined", "reservation"))

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
