# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "4d8f799e-50cc-5438-9f10-781938b99973",
# META       "default_lakehouse_name": "risk",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "4d8f799e-50cc-5438-9f10-781938b99973"
# META         },
# META         {
# META           "id": "55a025ac-c544-5f1a-95a3-3e2ddc322e3b"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

sql = """
WITH RECURSIVE_SEED AS (
  SELECT h.holder_id, h.postcode FROM policy.holder h
), pairs AS (
  SELECT a.holder_id AS left_id, b.holder_id AS right_id
  FROM RECURSIVE_SEED a JOIN RECURSIVE_SEED b ON a.postcode = b.postcode AND a.holder_id < b.holder_id
)
SELECT pairs.left_id, pairs.right_id, count(*) AS claims
FROM pairs, policy.policy policy, claims.claim claim
WHERE policy.holder_id IN (pairs.left_id, pairs.right_id) AND claim.policy_id = policy.policy_id
GROUP BY ALL
"""
spark.sql(sql).filter("claims > 3").write.mode("overwrite").saveAsTable("risk.fraud.candidate")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
