# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "6c9a7c5e-3b0f-4e53-9d0b-5b1f0a7c8e21",
# META       "default_lakehouse_name": "Base",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "6c9a7c5e-3b0f-4e53-9d0b-5b1f0a7c8e21"
# META         },
# META         {
# META           "id": "b1f2a4d8-7f64-4c0e-8a57-2d6c3e9f5a10"
# META         }
# META       ]
# META     }
# META   }
# META }

# MARKDOWN ********************

# # Load fact_sales
# 
# `Curated.fact_sales` has one row a sale. The shop system exports the sales of a month as a CSV file; the
# pipeline `AquaVilla_IngestSales` brings the files into `Files/landing/sales` of the lakehouse `Base`.
# A sale comes again when it was corrected: the row of the newest extract counts. Rows without number or
# time are left out and counted.
# 
# Keys come from the dimensions: the customer's version that was valid when the sale was made, the
# employee, the day. -1 is the unknown member.

# CELL ********************

# MAGIC %%configure
# MAGIC {
# MAGIC     "defaultLakehouse": {
# MAGIC         "name": "Base"
# MAGIC     }
# MAGIC }

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# PARAMETERS CELL ********************

recreate = False  # replace the table
landing_files = "Files/landing/sales/*.csv"

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

%run AquaVilla_Functions

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# MARKDOWN ********************

# ## Read and clean

# CELL ********************

sales = (
    spark.read.option("header", True)
    .schema(
        "sale_id STRING, sold_at STRING, customer_id STRING, employee_id STRING, product STRING, "
        "quantity INT, unit_price DECIMAL(10, 2), extract_date STRING"
    )
    .csv(landing_files)
    .select(
        F.upper(clean("sale_id")).alias("sale_id"),
        F.try_to_timestamp(clean("sold_at")).alias("sold_at"),
        F.upper(clean("customer_id")).alias("customer_id"),
        F.upper(clean("employee_id")).alias("employee_id"),
        clean("product").alias("product"),
        "quantity",
        "unit_price",
        F.to_date("extract_date").alias("extract_date"),
    )
)
usable = F.col("sale_id").isNotNull() & F.col("sold_at").isNotNull()
rows_rejected = sales.filter(~usable).count()
newest = Window.partitionBy("sale_id").orderBy(F.desc("extract_date"))
sales = sales.filter(usable).withColumn("_rank", F.row_number().over(newest)).filter("_rank = 1")
sales.createOrReplaceTempView("sales")
print(f"Rows without number or time, left out: {rows_rejected}")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# MARKDOWN ********************

# ## Keys of the dimensions

# CELL ********************

facts = spark.sql("""
    SELECT
        s.sale_id,
        CAST(date_format(s.sold_at, 'yyyyMMdd') AS INT) AS date_key,
        coalesce(c.customer_key, -1) AS customer_key,
        coalesce(e.employee_key, -1) AS employee_key,
        s.product,
        s.quantity,
        s.unit_price,
        CAST(s.quantity * s.unit_price AS DECIMAL(12, 2)) AS amount,
        s.sold_at
    FROM sales AS s
    LEFT JOIN Curated.dim_customer AS c
        ON c.customer_id = s.customer_id
        AND s.sold_at >= c.valid_from
        AND (c.valid_to IS NULL OR s.sold_at < c.valid_to)
    LEFT JOIN Curated.dim_employee AS e ON e.employee_id = s.employee_id
""")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# MARKDOWN ********************

# ## Load

# CELL ********************

counts = load_dimension(
    df=facts, destination_table="Curated.fact_sales", business_key="sale_id", recreate=recreate
)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

notebookutils.notebook.exit(exit_value("Curated.fact_sales", {**counts, "rows_rejected": rows_rejected}))

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
