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

CREATE OR REPLACE TABLE claims.claim_old SHALLOW CLONE claims.claim;

-- METADATA ********************

-- META {
-- META   "language": "sparksql",
-- META   "language_group": "synapse_pyspark"
-- META }

-- CELL ********************

DROP TABLE IF EXISTS claims.claim_new;
CREATE TABLE claims.claim_new PARTITIONED BY (reported) AS SELECT * FROM delta.`Tables/claims/claim`;
SELECT 'old' AS version, count(*) FROM claims.claim VERSION AS OF 10
UNION ALL
SELECT 'new', count(*) FROM claims.claim_new;

-- METADATA ********************

-- META {
-- META   "language": "sparksql",
-- META   "language_group": "synapse_pyspark"
-- META }

-- CELL ********************

DESCRIBE EXTENDED claims.claim_new

-- METADATA ********************

-- META {
-- META   "language": "sparksql",
-- META   "language_group": "synapse_pyspark"
-- META }

-- CELL ********************

SHOW PARTITIONS claims.claim_new

-- METADATA ********************

-- META {
-- META   "language": "sparksql",
-- META   "language_group": "synapse_pyspark"
-- META }
