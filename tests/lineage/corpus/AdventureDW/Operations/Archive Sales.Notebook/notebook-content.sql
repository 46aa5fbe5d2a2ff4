-- Fabric notebook source

-- METADATA ********************

-- META {
-- META   "kernel_info": {
-- META     "name": "sqldatawarehouse"
-- META   },
-- META   "dependencies": {
-- META     "warehouse": {
-- META       "default_warehouse": "1b5c7a4d-d7d3-55fa-b186-1d2956c620d2",
-- META       "known_warehouses": [
-- META         {
-- META           "id": "62416235-59d6-5d8f-aec8-09a2bae9d32b",
-- META           "type": "Datawarehouse"
-- META         },
-- META         {
-- META           "id": "1b5c7a4d-d7d3-55fa-b186-1d2956c620d2",
-- META           "type": "Datawarehouse"
-- META         },
-- META         {
-- META           "id": "91e2e10d-9a75-5496-8622-318e60f8f511",
-- META           "type": "Lakewarehouse"
-- META         }
-- META       ]
-- META     }
-- META   }
-- META }

-- CELL ********************

-- the archive has a FactSales of its own
INSERT INTO dbo.FactSales
SELECT * FROM dw.dbo.FactSales WHERE OrderDate < '2020-01-01';

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }

-- CELL ********************

IF OBJECT_ID('dbo.FactSales2019') IS NULL
BEGIN
    CREATE TABLE dbo.FactSales2019 AS
    SELECT * FROM [dw].[dbo].[FactSales] WHERE YEAR(OrderDate) = 2019;
END

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }
