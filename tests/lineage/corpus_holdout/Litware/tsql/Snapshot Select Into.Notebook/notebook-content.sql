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

DROP TABLE IF EXISTS snap.orders_today;
SELECT o.*, c.name, r.region
INTO snap.orders_today
FROM dbo.orders o
JOIN lake.sales.customers c ON c.customer_id = o.customer_id
OUTER APPLY (SELECT TOP (1) region FROM files_lh.dbo.regions x WHERE x.code = c.region_code) r;

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }
