-- Fabric notebook source

-- METADATA ********************

-- META {
-- META   "kernel_info": {
-- META     "name": "synapse_pyspark"
-- META   },
-- META   "dependencies": {
-- META     "lakehouse": {
-- META       "default_lakehouse": "bc23dad1-e310-58a2-869d-9c79b1617b31",
-- META       "default_lakehouse_name": "curated",
-- META       "default_lakehouse_workspace_id": "",
-- META       "known_lakehouses": [
-- META         {
-- META           "id": "bc23dad1-e310-58a2-869d-9c79b1617b31"
-- META         },
-- META         {
-- META           "id": "bbd7a255-2639-5f2f-87e7-2f281baf1e67"
-- META         }
-- META       ]
-- META     }
-- META   }
-- META }

-- CELL ********************

SELECT st.country, p.category_name, sum(f.amount) AS amount
FROM fact_sales f
JOIN dim_store st ON st.dim_store_key = f.store_key
JOIN dim_product p ON p.dim_product_key = f.product_key
GROUP BY st.country, p.category_name

-- METADATA ********************

-- META {
-- META   "language": "sparksql",
-- META   "language_group": "synapse_pyspark"
-- META }

-- CELL ********************

SELECT st.store_id, year(f.sold_on) AS year, sum(f.amount) AS amount, max(t.target) AS target
FROM fact_sales f
JOIN dim_store st ON st.dim_store_key = f.store_key
LEFT JOIN sales_targets t ON t.store_id = st.store_id AND t.year = year(f.sold_on)
GROUP BY ALL

-- METADATA ********************

-- META {
-- META   "language": "sparksql",
-- META   "language_group": "synapse_pyspark"
-- META }

-- CELL ********************

-- MAGIC %%pyspark
-- MAGIC # keep the numbers for the mail
-- MAGIC print("SELECT * FROM curated.mail_queue")

-- METADATA ********************

-- META {
-- META   "language": "python",
-- META   "language_group": "synapse_pyspark"
-- META }
