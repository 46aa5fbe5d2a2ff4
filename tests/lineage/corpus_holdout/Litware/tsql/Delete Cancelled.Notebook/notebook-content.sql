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

DELETE o
FROM dbo.orders AS o
INNER JOIN dbo.cancelled AS c ON c.order_id = o.order_id;

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }

-- CELL ********************

DECLARE @n INT;
SELECT @n = COUNT(*) FROM dbo.orders;
IF @n > 0
    INSERT INTO dbo.order_log (at, n, note) VALUES (SYSUTCDATETIME(), @n, 'SELECT * FROM dbo.notes');
ELSE
    PRINT 'nothing in dbo.archive';

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }
