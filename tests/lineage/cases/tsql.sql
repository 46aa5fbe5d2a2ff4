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
