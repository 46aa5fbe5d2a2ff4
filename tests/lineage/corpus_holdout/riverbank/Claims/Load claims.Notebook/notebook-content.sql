-- Fabric notebook source

-- METADATA ********************

-- META {
-- META   "kernel_info": {
-- META     "name": "synapse_pyspark"
-- META   },
-- META   "dependencies": {
-- META     "lakehouse": {
-- META       "default_lakehouse": "4d8f799e-50cc-5438-9f10-781938b99973",
-- META       "default_lakehouse_name": "risk",
-- META       "default_lakehouse_workspace_id": "",
-- META       "known_lakehouses": [
-- META         {
-- META           "id": "4d8f799e-50cc-5438-9f10-781938b99973"
-- META         },
-- META         {
-- META           "id": "55a025ac-c544-5f1a-95a3-3e2ddc322e3b"
-- META         }
-- META       ]
-- META     }
-- META   }
-- META }

-- CELL ********************

-- late corrections win
WITH latest AS (
    SELECT f.*, row_number() OVER (PARTITION BY claim_id ORDER BY extracted_at DESC) AS n
    FROM landing.claim_feed f
)
MERGE INTO claims.claim AS claim
USING (SELECT claim_id, policy_id, holder, reported, reserve FROM latest WHERE n = 1) AS feed
ON claim.claim_id = feed.claim_id
WHEN MATCHED THEN UPDATE SET
    claim.policy_id = feed.policy_id, claim.holder = feed.holder, claim.reserve = feed.reserve
WHEN NOT MATCHED THEN INSERT (claim_id, policy_id, holder, reported, reserve)
    VALUES (feed.claim_id, feed.policy_id, feed.holder, feed.reported, feed.reserve)

-- METADATA ********************

-- META {
-- META   "language": "sparksql",
-- META   "language_group": "synapse_pyspark"
-- META }
