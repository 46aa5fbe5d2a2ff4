-- Fabric notebook source

-- METADATA ********************

-- META {
-- META   "kernel_info": {
-- META     "name": "synapse_pyspark"
-- META   },
-- META   "dependencies": {
-- META     "lakehouse": {
-- META       "default_lakehouse": "8f91d808-a197-5a68-971f-6d30d255aecf",
-- META       "default_lakehouse_name": "lake",
-- META       "default_lakehouse_workspace_id": "",
-- META       "known_lakehouses": [
-- META         {
-- META           "id": "8f91d808-a197-5a68-971f-6d30d255aecf"
-- META         },
-- META         {
-- META           "id": "6e1dd833-2a34-588a-955f-0974550b51e9"
-- META         }
-- META       ]
-- META     }
-- META   }
-- META }

-- CELL ********************

CREATE MATERIALIZED LAKE VIEW IF NOT EXISTS sales.customers
(
    CONSTRAINT has_id CHECK (customer_id IS NOT NULL) ON MISMATCH DROP
)
COMMENT 'from raw.customers_old'
AS
SELECT customer_id, trim(name) AS name, region_code FROM raw.customers

-- METADATA ********************

-- META {
-- META   "language": "sparksql",
-- META   "language_group": "synapse_pyspark"
-- META }

-- CELL ********************

CREATE OR REPLACE MATERIALIZED LAKE VIEW sales.visits_by_customer AS
SELECT c.customer_id, count(v.visit_id) AS visits
FROM sales.customers c LEFT JOIN raw.visits v ON v.customer_id = c.customer_id
GROUP BY c.customer_id

-- METADATA ********************

-- META {
-- META   "language": "sparksql",
-- META   "language_group": "synapse_pyspark"
-- META }
