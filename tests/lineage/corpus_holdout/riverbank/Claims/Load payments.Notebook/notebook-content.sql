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

INSERT OVERWRITE claims.payment
SELECT claim_id, CAST(paid_on AS DATE), amount FROM landing.payments_2023
UNION ALL
SELECT claim_id, CAST(paid_on AS DATE), amount FROM landing.payments_2024
UNION ALL
(
    SELECT m.claim_id, m.paid_on, m.amount
    FROM (SELECT * FROM landing.payments_manual WHERE approved) AS m
    LEFT ANTI JOIN (VALUES (1), (2)) AS test_claims(claim_id) ON test_claims.claim_id = m.claim_id
)

-- METADATA ********************

-- META {
-- META   "language": "sparksql",
-- META   "language_group": "synapse_pyspark"
-- META }
