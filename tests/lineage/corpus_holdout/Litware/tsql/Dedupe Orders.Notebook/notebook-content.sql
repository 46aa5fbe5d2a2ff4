-- Fabric notebook source

-- METADATA ********************

-- META {
-- META   "kernel_info": {
-- META     "name": "sqldatawarehouse"
-- META   },
-- META   "dependencies": {
-- META     "warehouse": {
-- META       "default_warehouse": "f423b886-3df1-5317-afa6-211f16470e76",
-- META       "known_warehouses": [
-- META         {
-- META           "id": "f423b886-3df1-5317-afa6-211f16470e76",
-- META           "type": "Datawarehouse"
-- META         },
-- META         {
-- META           "id": "8f91d808-a197-5a68-971f-6d30d255aecf",
-- META           "type": "Lakewarehouse"
-- META         },
-- META         {
-- META           "id": "6e1dd833-2a34-588a-955f-0974550b51e9",
-- META           "type": "Lakewarehouse"
-- META         }
-- META       ]
-- META     }
-- META   }
-- META }

-- CELL ********************

WITH ranked AS (
    SELECT *, ROW_NUMBER() OVER (PARTITION BY order_id ORDER BY loaded_at DESC) AS rn
    FROM stg.orders
)
DELETE FROM ranked WHERE rn > 1;

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }

-- CELL ********************

SELECT order_id, MAX(loaded_at) AS loaded_at INTO #newest FROM stg.orders GROUP BY order_id;

INSERT INTO dbo.orders (order_id, amount)
SELECT s.order_id, s.amount
FROM stg.orders AS s
INNER JOIN #newest AS n ON n.order_id = s.order_id AND n.loaded_at = s.loaded_at;

DROP TABLE #newest;

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }
