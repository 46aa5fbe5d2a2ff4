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

COPY INTO etl.StoreImport (StoreID, StoreName, City)
FROM 'https://advstore.blob.core.windows.net/export/stores.csv'
WITH (FILE_TYPE = 'CSV', FIRSTROW = 2);

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }

-- CELL ********************

MERGE dbo.DimStore AS tgt
USING (
    SELECT StoreID, MAX(StoreName) AS StoreName, MAX(City) AS City
    FROM etl.StoreImport
    GROUP BY StoreID
) AS src
ON tgt.StoreID = src.StoreID
WHEN MATCHED THEN UPDATE SET StoreName = src.StoreName, City = src.City
WHEN NOT MATCHED BY TARGET THEN INSERT (StoreID, StoreName, City) VALUES (src.StoreID, src.StoreName, src.City);

-- METADATA ********************

-- META {
-- META   "language": "sql",
-- META   "language_group": "sqldatawarehouse"
-- META }
