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

-- MARKDOWN ********************

-- DDL. Run once per environment.

-- CELL ********************

CREATE SCHEMA IF NOT EXISTS claims;
CREATE SCHEMA IF NOT EXISTS policy;

-- METADATA ********************

-- META {
-- META   "language": "sparksql",
-- META   "language_group": "synapse_pyspark"
-- META }

-- CELL ********************

CREATE TABLE IF NOT EXISTS claims.claim (
    claim_id BIGINT NOT NULL,
    policy_id BIGINT,
    holder STRING COMMENT 'copied from policy.holder at the time of the claim',
    reported DATE,
    reserve DECIMAL(18, 2)
) USING DELTA TBLPROPERTIES ('delta.autoOptimize.optimizeWrite' = 'true');

CREATE TABLE IF NOT EXISTS claims.payment (claim_id BIGINT, paid_on DATE, amount DECIMAL(18, 2)) USING DELTA;

-- METADATA ********************

-- META {
-- META   "language": "sparksql",
-- META   "language_group": "synapse_pyspark"
-- META }

-- CELL ********************

-- MAGIC %%pyspark
-- MAGIC for ddl in [
-- MAGIC     "CREATE TABLE IF NOT EXISTS policy.policy (policy_id BIGINT, holder_id BIGINT, product STRING, premium DECIMAL(18,2)) USING DELTA",
-- MAGIC     "CREATE TABLE IF NOT EXISTS policy.holder (holder_id BIGINT, name STRING, postcode STRING) USING DELTA",
-- MAGIC ]:
-- MAGIC     spark.sql(ddl)

-- METADATA ********************

-- META {
-- META   "language": "python",
-- META   "language_group": "synapse_pyspark"
-- META }
