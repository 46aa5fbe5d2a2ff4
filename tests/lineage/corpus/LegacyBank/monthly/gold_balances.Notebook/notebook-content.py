# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "15ef81f8-1272-5b34-8638-0ec60b18a1f2",
# META       "default_lakehouse_name": "Gold",
# META       "default_lakehouse_workspace_id": "5b1e7c20-93d4-4f6a-8e55-c4a1d2b3f604",
# META       "known_lakehouses": [
# META         {
# META           "id": "15ef81f8-1272-5b34-8638-0ec60b18a1f2"
# META         },
# META         {
# META           "id": "f0348052-85d7-53fe-afa1-1c14b3026fd9"
# META         },
# META         {
# META           "id": "a8fb07ea-ff50-5b55-bd37-1ea566f6b0e9"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

accounts = spark.sql("select account_id, opened_on from Silver.accounts")
accounts.createOrReplaceTempView("accounts")
transactions = spark.sql("select account_id, amount, booked_on from `Silver`.`transactions`")
transactions.createOrReplaceTempView("transactions")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC CREATE OR REPLACE TABLE balances AS
# MAGIC SELECT accounts.account_id, sum(transactions.amount) AS balance, max(booked_on) AS balances_date
# MAGIC FROM accounts
# MAGIC LEFT JOIN transactions ON transactions.account_id = accounts.account_id
# MAGIC GROUP BY accounts.account_id

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }
