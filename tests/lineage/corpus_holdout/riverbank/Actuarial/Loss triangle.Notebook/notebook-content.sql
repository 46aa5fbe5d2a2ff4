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

CREATE OR REPLACE TABLE actuarial.triangle AS
SELECT * FROM (
    SELECT year(c.reported) AS accident_year,
           year(p.paid_on) - year(c.reported) AS development_year,
           p.amount
    FROM claims.payment p
    INNER JOIN claims.claim c ON c.claim_id = p.claim_id
)
PIVOT (
    sum(amount) FOR development_year IN (0 AS d0, 1 AS d1, 2 AS d2, 3 AS d3)
)

-- METADATA ********************

-- META {
-- META   "language": "sparksql",
-- META   "language_group": "synapse_pyspark"
-- META }
