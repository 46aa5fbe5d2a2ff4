-- reads: wh.dbo.orders
SELECT TOP 10 * FROM orders

-- reads: wh.sales.orders
SELECT * FROM [sales].[orders] WITH (NOLOCK)

-- reads: other.dbo.dim_x
SELECT * FROM [Other].[dbo].[dim_x]

-- reads: wh.dbo.a | writes: wh.dbo.b
SELECT * INTO dbo.b FROM dbo.a

-- reads: wh.dbo.a | writes: wh.dbo.b
SELECT * INTO #t FROM dbo.a;
INSERT INTO dbo.b SELECT * FROM #t;

-- reads: wh.dbo.a | writes: wh.dbo.b
CREATE TABLE dbo.b AS SELECT * FROM dbo.a

-- reads: wh.dbo.a | writes: wh.dbo.b
CREATE TABLE dbo.b AS CLONE OF dbo.a

-- reads: wh.dbo.a | writes: wh.dbo.v
CREATE OR ALTER VIEW dbo.v AS SELECT * FROM dbo.a

-- reads: wh.dbo.u | writes: wh.dbo.tt
UPDATE t SET t.a = u.a FROM dbo.tt AS t INNER JOIN dbo.u AS u ON u.id = t.id

-- reads: wh.dbo.u | writes: wh.dbo.tt
DELETE t FROM dbo.tt AS t JOIN dbo.u AS u ON u.id = t.id

-- reads: wh.dbo.a wh.dbo.c | writes: wh.dbo.b wh.dbo.d
INSERT INTO dbo.b (x, y)
SELECT x, y FROM dbo.a
UPDATE dbo.d SET z = 1
WHERE z = (SELECT MAX(z) FROM dbo.c)

-- reads: wh.dbo.a | writes: wh.dbo.b
IF OBJECT_ID('dbo.b') IS NOT NULL DROP TABLE dbo.b
GO
SELECT * INTO dbo.b FROM dbo.a
GO

-- writes: wh.dbo.t
COPY INTO dbo.t FROM 'https://onelake.dfs.fabric.microsoft.com/ws/lh.Lakehouse/Files/x.csv' WITH (FILE_TYPE = 'CSV')

-- reads: wh.dbo.s | writes: wh.dbo.t
MERGE INTO dbo.t AS t USING dbo.s AS s ON t.id = s.id
WHEN MATCHED THEN UPDATE SET t.v = s.v
WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, s.v);

-- reads: wh.dbo.a | writes: wh.dbo.b
WITH c AS (SELECT * FROM dbo.a)
INSERT INTO dbo.b
SELECT * FROM c

-- reads: wh.dbo.e
WITH tree AS (SELECT id FROM dbo.e WHERE p IS NULL UNION ALL SELECT e.id FROM dbo.e e JOIN tree t ON e.p = t.id)
SELECT * FROM tree

-- unresolved: 1
EXEC dbo.load_everything @day = '2024-01-01'

--
SELECT * FROM INFORMATION_SCHEMA.TABLES; SELECT * FROM sys.tables

-- reads: wh.dbo.a
DECLARE @n INT = (SELECT COUNT(*) FROM dbo.a);
PRINT @n

-- writes: wh.dbo.t
TRUNCATE TABLE dbo.t

-- reads: wh.dbo.a
CREATE TABLE #x (id INT);
INSERT INTO #x SELECT id FROM dbo.a;
SELECT * FROM #x

-- reads: wh.dbo.a | writes: wh.dbo.b
BEGIN TRANSACTION;
DELETE FROM dbo.b;
INSERT INTO dbo.b SELECT * FROM dbo.a;
COMMIT;

-- reads: wh.dbo.a
SELECT a.x FROM dbo.a AS a CROSS APPLY (SELECT 1 AS q) s OPTION (LABEL = 'x')

-- reads: wh.dbo.a | writes: wh.dbo.b
IF EXISTS (SELECT 1 FROM dbo.a)
BEGIN
    INSERT INTO dbo.b SELECT 1;
    DELETE FROM dbo.b;
END

-- reads: wh.meta.mark wh.stg.a wh.stg.c | writes: wh.dbo.log wh.dbo.t
DECLARE @n INT;
SET @n = (SELECT COUNT(*) FROM stg.a);
IF @n > (SELECT v FROM meta.mark)
BEGIN
    BEGIN TRAN
    INSERT INTO dbo.t SELECT * FROM stg.c;
    COMMIT TRAN
END
ELSE
    INSERT INTO dbo.log VALUES (1);

-- reads: wh.dbo.src | writes: wh.dbo.t wh.dbo.err
BEGIN TRY
    INSERT dbo.t (id) SELECT CASE WHEN id > 1 THEN 1 ELSE 0 END FROM dbo.src
    DELETE FROM dbo.t WHERE id = 0
END TRY
BEGIN CATCH
    INSERT INTO dbo.err SELECT ERROR_MESSAGE()
    ;THROW
END CATCH

-- reads: wh.dbo.src | writes: wh.dbo.t
WHILE @i < 10 BEGIN INSERT INTO dbo.t SELECT * FROM dbo.src WHERE i = @i; SET @i = @i + 1 END

-- writes: wh.gold.fact
CREATE TABLE [gold].[fact] ([id] INT NOT NULL, CONSTRAINT pk PRIMARY KEY NONCLUSTERED ([id]) NOT ENFORCED);

-- reads: wh.dbo.a | writes: wh.dbo.b
EXEC sp_executesql N'INSERT INTO dbo.b SELECT * FROM dbo.a'

--
CREATE OR ALTER PROCEDURE dbo.load AS
BEGIN
    INSERT INTO dbo.b SELECT * FROM dbo.a;
    DELETE FROM dbo.c;
END

-- reads: wh.dbo.k
SELECT * FROM OPENROWSET(BULK 'https://onelake.dfs.fabric.microsoft.com/w/L.Lakehouse/Files/x.parquet', FORMAT = 'PARQUET')
WITH (a VARCHAR(10)) AS r JOIN dbo.k ON k.a = r.a

-- reads: wh.stg.orders | writes: wh.stg.orders
WITH ranked AS (SELECT *, ROW_NUMBER() OVER (PARTITION BY id ORDER BY at DESC) AS rn FROM stg.orders)
DELETE FROM ranked WHERE rn > 1

-- reads: wh.dbo.a | writes: wh.dbo.a
WITH r AS (SELECT * FROM a) DELETE r WHERE x = 1

-- reads: wh.dbo.a wh.dbo.c | writes: wh.dbo.a
WITH r AS (SELECT * FROM a), s AS (SELECT * FROM r WHERE y > 0)
DELETE x FROM s AS x JOIN c ON c.id = x.id

-- reads: wh.dbo.b wh.stg.orders | writes: wh.stg.orders
WITH q AS (SELECT o.price, b.y FROM stg.orders AS o JOIN b ON o.id = b.id) UPDATE q SET price = y

-- reads: wh.dbo.b wh.stg.orders | unresolved: 1
WITH q AS (SELECT * FROM stg.orders AS o JOIN b ON o.id = b.id) UPDATE q SET price = 1

-- reads: wh.dbo.a wh.dbo.b | writes: wh.dbo.a
WITH r AS (SELECT * FROM a) MERGE INTO r USING b ON r.id = b.id WHEN MATCHED THEN DELETE;

-- reads: wh.dbo.a | writes: wh.dbo.a
UPDATE d SET d.x = 1 FROM (SELECT TOP 5 * FROM a) AS d

-- reads: wh.dbo.a
SELECT * INTO #t FROM dbo.a; WITH c AS (SELECT * FROM #t) DELETE FROM c

-- writes: wh.dbo.a wh.dbo.b
DELETE TOP (10) FROM a; DELETE dbo.b WHERE x = 1

-- reads: wh.dbo.b | writes: wh.dbo.a
DELETE FROM a FROM dbo.a JOIN b ON a.id = b.id

-- reads: wh.dbo.b | writes: wh.dbo.a
UPDATE a SET x = 1 FROM dbo.a JOIN dbo.b ON a.id = b.id

-- writes: wh.dbo.y wh.dbo.z
DROP TABLE #t; DROP TABLE IF EXISTS dbo.z, y

-- reads: wh.dbo.y | writes: wh.dbo.x
DECLARE @sql NVARCHAR(MAX) = N'INSERT INTO x SELECT * FROM y'; EXEC sp_executesql @sql

-- reads: wh.dbo.y | writes: wh.dbo.odd name
DECLARE @t sysname = 'odd name', @sql NVARCHAR(MAX);
SET @sql = N'INSERT INTO ' + QUOTENAME(@t) + CHAR(10) + CONCAT('SELECT * ', REPLACE('FROM {t}', '{t}', 'y'));
SET @sql += ' WHERE a = 1';
EXEC (@sql)

-- writes: wh.dbo.z | unresolved: 1
EXEC('TRUNCATE TABLE ' + @t); EXECUTE('TRUNCATE TABLE z')

-- unresolved: 1
DECLARE @s nvarchar(10)
IF DATEPART(day, GETDATE()) = 1
    SET @s = 'a'
ELSE
    SET @s = 'b'
EXEC('TRUNCATE TABLE ' + @s)

-- reads: wh.dbo.cfg | unresolved: 1
DECLARE @s nvarchar(10)
SELECT @s = text FROM cfg
EXEC sys.sp_executesql @stmt = @s

-- reads: wh.dbo.q
EXEC sp_executesql N'SELECT * FROM q WHERE a = @a', N'@a int', @a = 1

-- reads: wh.stg.orders | writes: wh.dbo.orders
SELECT * INTO #orders FROM stg.orders; INSERT INTO orders SELECT * FROM #orders; DROP TABLE #orders

-- reads: wh.stg.orders | writes: wh.dbo.orders
CREATE TABLE #orders (id INT); INSERT INTO #orders SELECT id FROM stg.orders; TRUNCATE TABLE dbo.orders;
INSERT INTO dbo.orders SELECT * FROM #orders; DELETE FROM #orders; TRUNCATE TABLE #orders; UPDATE #orders SET id = 1

-- reads: wh.dbo.a wh.dbo.new wh.dbo.sales | writes: wh.dbo.sales wh.dbo.sales_old wh.dbo.new
EXEC sp_rename 'dbo.sales', 'sales_old'; EXEC sys.sp_rename N'new', 'sales', 'OBJECT';
EXEC sp_rename 'dbo.a.x', 'y', 'COLUMN'; SELECT * FROM a

-- reads: wh.dbo.y | writes: wh.dbo.x
CREATE PROC [dbo].[p2] @day date AS
BEGIN
    SET NOCOUNT ON;
    INSERT INTO x SELECT * FROM y WHERE d = @day
END
GO
EXECUTE dbo.p2 @day = '2024-01-01'

-- unresolved: 1
CREATE PROC p3 AS EXEC p3
GO
EXEC p3

-- reads: wh.dbo.z | writes: wh.dbo.t
INSERT INTO dbo.t (a, b) EXEC sp_executesql N'SELECT a, b FROM z'

-- writes: wh.dbo.t | unresolved: 1
INSERT dbo.t EXEC dbo.usp_y

-- reads: wh.dbo.q wh.dbo.r
DECLARE @t TABLE (id int); INSERT INTO @t SELECT id FROM dbo.q; SELECT * FROM @t t JOIN dbo.r ON r.id = t.id

-- reads: wh.dbo.chk wh.dbo.y | writes: wh.dbo.x wh.dbo.x2
IF EXISTS (SELECT 1 FROM dbo.chk)
BEGIN
    TRUNCATE TABLE dbo.x
    INSERT INTO dbo.x SELECT * FROM dbo.y
END
ELSE
    INSERT INTO dbo.x2 SELECT 1 a

-- reads: wh.dbo.ctl wh.dbo.s | writes: wh.dbo.ctl wh.dbo.f
DECLARE @d date = (SELECT MAX(d) FROM dbo.ctl);
DELETE FROM dbo.f WHERE d >= @d;
INSERT INTO dbo.f SELECT * FROM dbo.s WHERE d >= @d;
UPDATE dbo.ctl SET d = GETDATE();

-- unresolved: 2
EXEC sp_rename '"a', 'b'; EXEC sp_rename @old, 'b'

-- reads: raw.dbo.c wh.dbo.s | writes: wh.stg.c wh.dbo.t wh.dbo.u
INSERT INTO stg.c WITH (TABLOCK) (a, b) SELECT a, b FROM Raw.dbo.c x (NOLOCK);
MERGE dbo.t WITH (HOLDLOCK) AS t USING dbo.s AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET t.v = s.v;
UPDATE dbo.u WITH (ROWLOCK) SET a = 1

-- reads: wh.dbo.s | writes: wh.dbo.t wh.dbo.u wh.dbo.v
SELECT * FROM s OPTION (FOR TIMESTAMP AS OF '2024-03-13T19:39:35.28');
COPY INTO [dbo].[t] (a 1, b 2) FROM 'https://x' WITH (FILE_TYPE = 'PARQUET');
CREATE TABLE u WITH (DISTRIBUTION = ROUND_ROBIN, CLUSTERED COLUMNSTORE INDEX) AS SELECT * FROM s;
ALTER VIEW dbo.v AS SELECT * FROM s;
CREATE STATISTICS st ON dbo.t (x) WITH FULLSCAN; CREATE USER u

-- reads: wh.dbo.q | writes: wh.dbo.q
WHILE (SELECT COUNT(*) FROM q) > 0
BEGIN
    DELETE TOP (1) FROM q
    IF @@ROWCOUNT = 0 BREAK
    CONTINUE
END
SELECT * FROM q ORDER BY x
OFFSET 0 ROWS
FETCH NEXT 10 ROWS ONLY

-- reads: wh.meta.tables | unresolved: 1
DECLARE cur CURSOR LOCAL FAST_FORWARD FOR SELECT name FROM meta.tables;
OPEN cur; FETCH NEXT FROM cur INTO @n;
WHILE @@FETCH_STATUS = 0 BEGIN EXEC('DELETE FROM ' + @n); FETCH NEXT FROM cur INTO @n; END;
CLOSE cur; DEALLOCATE cur

-- reads: wh.dbo.s | writes: wh.dbo.x
SELECT * INTO ##g FROM s; SELECT * INTO x FROM ##g; SELECT * FROM tempdb..#t

-- reads: wh.dbo.b wh.dbo.s | writes: wh.dbo.a wh.dbo.arch wh.dbo.audit wh.dbo.t
UPDATE a SET x = b.x OUTPUT inserted.id INTO dbo.audit (id) FROM a INNER JOIN b ON a.id = b.id;
DELETE FROM t OUTPUT deleted.* INTO arch WHERE x = 1;
INSERT INTO t OUTPUT inserted.id INTO @ids SELECT id FROM s

-- unresolved: 2
ALTER SCHEMA dbo TRANSFER stg.x; ALTER TABLE stg.a SWITCH TO dbo.b

-- reads: wh.dbo.s wh.dbo.v wh.dbo.y wh.dbo.z | writes: wh.dbo.t wh.dbo.u wh.dbo.x
INSERT INTO t (a)
SELECT a FROM s
EXEC sp_executesql N'DELETE FROM u'
INSERT INTO t VALUES (1)
SELECT * FROM v
CREATE TABLE x (a INT)
SELECT * FROM y
INSERT INTO t
EXEC sp_executesql N'SELECT * FROM z'
TRUNCATE TABLE u

-- reads: wh.dbo.s | writes: wh.dbo.q wh.dbo.t
MERGE t AS t
USING s ON t.a = s.a
WHEN MATCHED THEN UPDATE
SET t.b = s.b
WHEN NOT MATCHED THEN
INSERT (a)
VALUES (s.a);
UPDATE t
SET a = 1
SET @x = 'q'
EXEC('DELETE FROM ' + @x)

-- reads: wh.dbo.a wh.dbo.t | writes: wh.dbo.u
CREATE FUNCTION dbo.f (@id INT) RETURNS TABLE AS RETURN (SELECT * FROM dbo.a WHERE id = @id)
GO
INSERT INTO u SELECT * FROM t OUTER APPLY dbo.f(t.id) AS f CROSS APPLY OPENJSON(t.x)

-- reads: wh.dbo.b | unresolved: 2
SELECT * FROM dbo.not_here(1) AS x JOIN b ON 1 = 1; EXEC sp_load_all

-- reads: wh.dbo.a
SELECT * FROM sys.tables; SELECT * FROM queryinsights.exec_requests_history; SELECT * FROM dbo.a
