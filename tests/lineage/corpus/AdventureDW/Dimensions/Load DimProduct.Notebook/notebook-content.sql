-- Fabric notebook source

-- METADATA ********************

-- META {
-- META   "kernel_info": {
-- META     "name": "sqldatawarehouse"
-- META   },
-- META   "dependencies": {
-- META     "warehouse": {
-- META       "default_warehouse": "62416235-59d6-5d8f-aec8-09a2bae9d32b",
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

-- full load, the table is small
TRUNCATE TABLE dbo.DimProduct;

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }

-- CELL ********************

INSERT INTO dbo.DimProduct (ProductKey, ProductNumber, [Name], Category)
SELECT ROW_NUMBER() OVER (ORDER BY p.ProductNumber) AS ProductKey,
       p.ProductNumber,
       p.[Name],
       ISNULL(p.Category, 'n/a')
FROM [staging].[dbo].[product] AS p;

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }

-- CELL ********************

SELECT TOP (10) * FROM dbo.DimProduct;

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }
