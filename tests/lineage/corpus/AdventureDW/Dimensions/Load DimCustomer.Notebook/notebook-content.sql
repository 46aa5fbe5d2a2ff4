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

DROP TABLE IF EXISTS etl.StageCustomer;
CREATE TABLE etl.StageCustomer AS
SELECT CustomerID, MAX(CustomerName) AS CustomerName, MAX(Region) AS Region
FROM staging.dbo.sales_header
GROUP BY CustomerID;

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }

-- CELL ********************

UPDATE d
SET d.CustomerName = s.CustomerName,
    d.Region = s.Region
FROM dbo.DimCustomer AS d
INNER JOIN etl.StageCustomer AS s ON s.CustomerID = d.CustomerID
WHERE d.CustomerName <> s.CustomerName OR d.Region <> s.Region;

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }

-- CELL ********************

INSERT INTO dbo.DimCustomer (CustomerKey, CustomerID, CustomerName, Region)
SELECT (SELECT ISNULL(MAX(CustomerKey), 0) FROM dbo.DimCustomer) + ROW_NUMBER() OVER (ORDER BY s.CustomerID),
       s.CustomerID, s.CustomerName, s.Region
FROM etl.StageCustomer s
WHERE NOT EXISTS (SELECT 1 FROM dbo.DimCustomer d WHERE d.CustomerID = s.CustomerID);

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }
