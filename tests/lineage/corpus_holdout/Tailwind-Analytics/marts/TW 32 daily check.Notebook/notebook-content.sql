-- Fabric notebook source

-- METADATA ********************

-- META {
-- META   "kernel_info": {
-- META     "name": "sqldatawarehouse"
-- META   },
-- META   "dependencies": {
-- META     "warehouse": {
-- META       "default_warehouse": "f94748c7-49c4-53e6-9c7f-fdc87168b9de",
-- META       "known_warehouses": [
-- META         {
-- META           "id": "f94748c7-49c4-53e6-9c7f-fdc87168b9de",
-- META           "type": "Lakewarehouse"
-- META         }
-- META       ]
-- META     }
-- META   }
-- META }

-- CELL ********************

SELECT TOP 100 * FROM mart.daily ORDER BY [day] DESC;

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }

-- CELL ********************

SELECT c.name, a.[count]
FROM [warehouse_lh].[core].[contact] AS c
JOIN [ops].[dbo].[contact_activity] AS a ON a.id = c.id
WHERE c.name NOT IN (SELECT name FROM (VALUES ('test'), ('demo')) AS t(name));

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }
