# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "a8fb07ea-ff50-5b55-bd37-1ea566f6b0e9",
# META       "default_lakehouse_name": "Silver",
# META       "default_lakehouse_workspace_id": "5b1e7c20-93d4-4f6a-8e55-c4a1d2b3f604",
# META       "known_lakehouses": [
# META         {
# META           "id": "a8fb07ea-ff50-5b55-bd37-1ea566f6b0e9"
# META         },
# META         {
# META           "id": "f0348052-85d7-53fe-afa1-1c14b3026fd9"
# META         },
# META         {
# META           "id": "15ef81f8-1272-5b34-8638-0ec60b18a1f2"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

src = "Bronze.transactions"
tx = spark.table(src)
src = "Silver.accounts"      # same variable, other table
acc = spark.table(src)
dest = "Silver.transactions"

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

'''
old version:
tx = spark.table("Bronze.transactions_v1")
tx.write.saveAsTable("Silver.transactions_v1")
'''
joined = tx.join(acc, "account_id", "left")
ok = joined.where("iban IS NOT NULL")
bad = joined.where("iban IS NULL")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

ok.write.mode("append").insertInto(dest)
dest = dest.replace("transactions", "rejects")
bad.write.mode("append").option("mergeSchema", "true").saveAsTable(dest)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC -- UPDATE with a subquery
# MAGIC UPDATE transactions
# MAGIC SET flagged = true
# MAGIC WHERE transaction_id IN (SELECT transaction_id FROM fraud_flags WHERE score > 0.9)

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }
