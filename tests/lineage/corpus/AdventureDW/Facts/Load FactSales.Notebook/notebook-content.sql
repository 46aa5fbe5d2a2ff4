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

DECLARE @from DATE = DATEADD(DAY, -7, CAST(GETDATE() AS DATE));

DELETE FROM dbo.FactSales WHERE OrderDate >= @from;

WITH lines AS (
    SELECT h.CustomerID, CAST(h.OrderDate AS DATE) AS OrderDate, d.ProductNumber, d.OrderQty, d.LineTotal
    FROM staging.dbo.sales_header AS h
    JOIN staging.dbo.sales_detail AS d ON d.SalesOrderID = h.SalesOrderID
    WHERE h.OrderDate >= @from
)
INSERT INTO dbo.FactSales (OrderDate, CustomerKey, ProductKey, Quantity, Amount)
SELECT l.OrderDate,
       ISNULL(c.CustomerKey, -1),
       ISNULL(p.ProductKey, -1),
       SUM(l.OrderQty),
       SUM(l.LineTotal)
FROM lines AS l
LEFT JOIN dbo.DimCustomer AS c ON c.CustomerID = l.CustomerID
LEFT JOIN dbo.DimProduct AS p ON p.ProductNumber = l.ProductNumber
GROUP BY l.OrderDate, c.CustomerKey, p.ProductKey;

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }

-- CELL ********************

/* rows a day, for the log:
   SELECT OrderDate, COUNT(*) FROM dbo.FactSalesLog GROUP BY OrderDate */
PRINT 'FactSales is loaded from staging.dbo.sales_header_archive';

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }
