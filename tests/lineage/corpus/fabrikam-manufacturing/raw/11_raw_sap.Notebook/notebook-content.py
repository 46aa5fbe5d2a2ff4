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

# MARKDOWN ********************

# SAP extraction over JDBC. The SAP tables MARA, AUFK, RESB are no tables of the lakehouse.

# PARAMETERS CELL ********************

jdbc_url = "jdbc:sap://sap-prd.fabrikam.example:30015"
tables = ["MARA", "AUFK", "RESB"]

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

user = notebookutils.credentials.getSecret("https://fabrikam-kv.vault.azure.net/", "sap-user")
password = notebookutils.credentials.getSecret("https://fabrikam-kv.vault.azure.net/", "sap-password")

reader = (
    spark.read.format("jdbc")
    .option("url", jdbc_url)
    .option("user", user)
    .option("password", password)
    .option("fetchsize", 10000)
)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

for t in tables:
    sap = reader.option("dbtable", f"(SELECT * FROM SAPHANADB.{t} WHERE MANDT = '100') q").load()
    target = "raw.sap_" + t.lower()
    sap.write.mode("overwrite").option("overwriteSchema", "true").saveAsTable(target)
    print(target, sap.count())

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
