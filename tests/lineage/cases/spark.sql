-- reads: lake.orders
SELECT * FROM orders

-- reads: bronze.orders lake.customers
SELECT o.* FROM bronze.orders AS o JOIN customers c ON o.id = c.id

-- reads: lake.orders | writes: lake.daily
CREATE OR REPLACE TABLE daily USING DELTA AS SELECT day, count(*) AS n FROM orders GROUP BY day

-- reads: lake.orders | writes: lake.v_orders
CREATE OR REPLACE VIEW v_orders AS SELECT * FROM orders

-- writes: lake.plain
CREATE TABLE IF NOT EXISTS plain (id INT, name STRING) USING DELTA PARTITIONED BY (id)

-- reads: lake.src | writes: lake.target
INSERT INTO target SELECT * FROM src

-- reads: lake.src | writes: lake.target
INSERT INTO TABLE target (a, b) SELECT a, b FROM src

-- reads: lake.src | writes: lake.target
INSERT OVERWRITE TABLE target PARTITION (day = '2024-01-01') SELECT a FROM src

-- writes: lake.target
INSERT INTO target VALUES (1, 'a'), (2, 'b')

-- reads: lake.updates | writes: lake.target
MERGE INTO target t USING updates u ON t.id = u.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *

-- reads: lake.src lake.rates | writes: gold.target
MERGE INTO gold.target AS t USING (SELECT s.*, r.rate FROM src s JOIN rates r ON s.c = r.c) AS s ON t.id = s.id
WHEN MATCHED AND s.deleted THEN DELETE WHEN NOT MATCHED BY SOURCE THEN DELETE WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id)

-- reads: lake.other | writes: lake.target
UPDATE target SET a = (SELECT max(b) FROM other) WHERE c > 0

-- reads: lake.gone | writes: lake.target
DELETE FROM target WHERE id IN (SELECT id FROM gone)

-- writes: lake.target
TRUNCATE TABLE target

-- writes: lake.target
COPY INTO target FROM 'Files/in' FILEFORMAT = CSV

-- reads: lake.a lake.b
WITH x AS (SELECT * FROM a), y AS (SELECT * FROM x JOIN b USING (id)) SELECT * FROM y

-- reads: lake.orders
WITH orders AS (SELECT * FROM orders) SELECT * FROM orders

-- reads: lake.a | writes: lake.t
WITH x AS (SELECT * FROM a) INSERT INTO t SELECT * FROM x

-- reads: lake.a | writes: lake.t lake.u
WITH x AS (SELECT * FROM a) FROM x INSERT INTO t SELECT * INSERT INTO u SELECT * WHERE id IN (SELECT id FROM x)

-- reads: lake.a lake.b lake.c | writes: lake.t
INSERT INTO t SELECT * FROM (TABLE a) WHERE id NOT IN (TABLE b) UNION ALL (TABLE c)

-- reads: lake.a
WITH RECURSIVE tree AS (SELECT * FROM a UNION ALL SELECT a.* FROM tree JOIN a ON a.p = tree.id) SELECT * FROM tree

-- reads: lake.orders | writes: lake.report
CREATE OR REPLACE TEMP VIEW big AS SELECT * FROM orders WHERE amount > 100;
CREATE OR REPLACE TABLE report AS SELECT * FROM big

-- reads: lake.a lake.b lake.c lake.d
SELECT *, (SELECT max(x) FROM b) AS m FROM a WHERE EXISTS (SELECT 1 FROM c WHERE c.id = a.id) AND k NOT IN (SELECT k FROM d)

-- reads: lake.a lake.b
SELECT * FROM a UNION ALL SELECT * FROM b

-- reads: lake.a lake.b
(SELECT id FROM a) EXCEPT (SELECT id FROM b)

-- reads: lake.events
SELECT id, item FROM events LATERAL VIEW explode(items) t AS item

-- reads: lake.events
SELECT * FROM (SELECT * FROM events) PIVOT (sum(v) FOR k IN ('a', 'b'))

-- reads: lake.sales
SELECT * FROM delta.`Tables/sales`

-- reads: silver.sales@finance
SELECT * FROM delta.`abfss://Finance@onelake.dfs.fabric.microsoft.com/Silver.Lakehouse/Tables/sales`

-- reads: lake.sales
SELECT * FROM sales VERSION AS OF 3

-- reads: lake.sales
SELECT * FROM sales TIMESTAMP AS OF '2024-01-01'

-- reads: lake.odd name
SELECT * FROM `odd name`

-- reads: my lake.my table
SELECT * FROM `My Lake`.`My Table`

-- reads: lake.a | writes: lake.b lake.c
FROM a INSERT OVERWRITE TABLE b SELECT x INSERT INTO TABLE c SELECT y

-- reads: lake.a | writes: lake.b
CREATE TABLE b SHALLOW CLONE a

-- reads: lake.a | writes: lake.mv
CREATE MATERIALIZED LAKE VIEW IF NOT EXISTS mv (CONSTRAINT c CHECK (x > 0) ON MISMATCH DROP) AS SELECT * FROM a

-- reads: lake.a | writes: lake.b
CREATE TABLE b LIKE x; REPLACE TABLE b AS SELECT * FROM a

-- reads: lake.a
CACHE TABLE kept AS SELECT * FROM a; SELECT * FROM kept

--
DESCRIBE HISTORY a; SHOW TABLES; OPTIMIZE a ZORDER BY (x); VACUUM a RETAIN 168 HOURS; ANALYZE TABLE a COMPUTE STATISTICS

-- writes: lake.a
SET spark.sql.x = 1; DROP TABLE IF EXISTS a; CREATE SCHEMA IF NOT EXISTS s; ALTER TABLE a ADD COLUMNS (x INT)

-- reads: gold.a
USE gold; SELECT * FROM a

-- reads: lake.a | writes: lake.c | unresolved: 1
CREATE TABLE c AS SELECT * FROM a; SELEC * FORM nothing; SELECT 1

-- reads: lake.a
SELECT '; FROM x' AS s, "FROM y" AS t FROM a -- FROM z ; FROM q

-- reads: lake.a
/* SELECT * FROM b; */ SELECT * FROM a

-- reads: lake.a
SELECT 'it''s', 'a\'; b' FROM a; SELECT 1

-- writes: lake.t
RESTORE TABLE t TO VERSION AS OF 2

-- reads: lake.old | writes: lake.new lake.old
ALTER TABLE old RENAME TO new

-- unresolved: 1
SELECT * FROM ${table}

-- reads: lake.a | writes: lake.t
INSERT INTO t BY NAME SELECT * FROM a

-- reads: lake.a
SELECT * FROM VALUES (1, 2) AS v(x, y) CROSS JOIN a

-- reads: lake.a
TABLE a

-- reads: ws_lake.orders@other_ws
SELECT * FROM other_ws.ws_lake.dbo.orders

-- reads: lake.a lake.b | writes: lake.t
MERGE INTO t USING (WITH x AS (SELECT * FROM a) SELECT * FROM x UNION SELECT * FROM b) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET t.v = s.v

-- reads: lake.a
SELECT id, row_number() OVER (PARTITION BY k ORDER BY d DESC) AS rn FROM a QUALIFY rn = 1

-- reads: lake.a
SELECT transform(xs, x -> x + 1), filter(ys, y -> y.b > 0) FROM a

-- reads: lake.a lake.b
SELECT /*+ BROADCAST(b) */ * FROM a LEFT ANTI JOIN b ON a.id <=> b.id

-- writes: gold.t lake.v
DROP TABLE IF EXISTS gold.t; DROP VIEW v

-- reads: lake.a
CREATE TEMP VIEW v AS SELECT * FROM a; DROP VIEW v

-- reads: lake.a | writes: lake.b
SET tgt = b; INSERT INTO ${tgt} SELECT * FROM a

-- reads: lake.a | writes: lake.b lake.c silver.d
DECLARE OR REPLACE VARIABLE tname STRING DEFAULT 'b'; INSERT INTO IDENTIFIER(tname) SELECT * FROM a;
SET VAR tname = 'c'; INSERT INTO IDENTIFIER(tname) (x) SELECT x FROM IDENTIFIER('a'); TRUNCATE TABLE IDENTIFIER('silver' || '.d')

-- reads: lake.a | unresolved: 2
INSERT INTO IDENTIFIER(other) SELECT * FROM a; INSERT INTO {tbl} SELECT * FROM a

-- reads: c.d lake.x | writes: a.b lake.y
CREATE TABLE IF NOT EXISTS a.b SHALLOW CLONE c.d VERSION AS OF 12;
CREATE OR REPLACE TABLE y DEEP CLONE delta.`Tables/x` TIMESTAMP AS OF '2024-01-01' LOCATION 'abfss://x'

-- reads: lake.u | writes: lake.t
INSERT INTO TABLE t
TABLE u

-- reads: lake.marks lake.w | writes: lake.v
SET VAR d = (SELECT min(day) FROM marks);
SET VAR e = 'x';
ALTER VIEW v AS SELECT * FROM w

-- writes: gold.m lake.n
REFRESH MATERIALIZED LAKE VIEW gold.m FULL; DROP MATERIALIZED LAKE VIEW n; REFRESH TABLE x
