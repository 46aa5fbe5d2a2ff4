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

# # Load dim_calendar
# 
# `Curated.dim_calendar` has one row a day, from `first_date` to 31 December of the year that lies
# `years_ahead` years after the current one. Each new year appends its days; the days that are there
# stay as they are (SCD1).

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
first_date = "2010-01-01"
years_ahead = 10
fiscal_year_start_month = 10  # a fiscal year has the number of the year in which it ends

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

# CELL ********************

spark.createDataFrame(
    [(first_date, years_ahead, fiscal_year_start_month)],
    "first_date string, years_ahead int, fiscal_year_start_month int",
).createOrReplaceTempView("calendar_parameters")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# MARKDOWN ********************

# ## Days

# CELL ********************

# MAGIC %%sql
# MAGIC CREATE OR REPLACE TEMPORARY VIEW calendar_days AS
# MAGIC SELECT
# MAGIC     explode(
# MAGIC         sequence(
# MAGIC             CAST(first_date AS DATE),
# MAGIC             make_date(year(current_date()) + years_ahead, 12, 31),
# MAGIC             INTERVAL 1 DAY
# MAGIC         )
# MAGIC     ) AS date,
# MAGIC     fiscal_year_start_month
# MAGIC FROM calendar_parameters

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }

# MARKDOWN ********************

# ## Attributes
# 
# Weeks are ISO weeks: they begin on Monday and belong to the year of their Thursday.

# CELL ********************

# MAGIC %%sql
# MAGIC CREATE OR REPLACE TEMPORARY VIEW calendar_numbers AS
# MAGIC SELECT
# MAGIC     date,
# MAGIC     year(date)                                                  AS year,
# MAGIC     quarter(date)                                               AS quarter,
# MAGIC     month(date)                                                 AS month,
# MAGIC     weekday,
# MAGIC     year(date_add(date, 4 - weekday))                           AS iso_year,
# MAGIC     weekofyear(date)                                            AS iso_week,
# MAGIC     year(date) + CASE
# MAGIC         WHEN fiscal_year_start_month > 1 AND month(date) >= fiscal_year_start_month THEN 1
# MAGIC         ELSE 0
# MAGIC     END                                                         AS fiscal_year,
# MAGIC     (month(date) - fiscal_year_start_month + 12) % 12 + 1       AS fiscal_month
# MAGIC FROM (
# MAGIC     SELECT *, (dayofweek(date) + 5) % 7 + 1 AS weekday  -- 1 = Monday
# MAGIC     FROM calendar_days
# MAGIC )

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC CREATE OR REPLACE TEMPORARY VIEW calendar AS
# MAGIC SELECT
# MAGIC     CAST(date_format(date, 'yyyyMMdd') AS INT)                  AS date_key,
# MAGIC     date,
# MAGIC     year,
# MAGIC     quarter,
# MAGIC     concat(year, '-Q', quarter)                                 AS year_quarter,
# MAGIC     month,
# MAGIC     date_format(date, 'yyyy-MM')                                AS year_month,
# MAGIC     date_format(date, 'MMMM')                                   AS month_name,
# MAGIC     date_format(date, 'MMM')                                    AS month_short_name,
# MAGIC     iso_year,
# MAGIC     iso_week,
# MAGIC     concat(iso_year, '-W', lpad(CAST(iso_week AS STRING), 2, '0')) AS iso_year_week,
# MAGIC     day(date)                                                   AS day_of_month,
# MAGIC     dayofyear(date)                                             AS day_of_year,
# MAGIC     weekday,
# MAGIC     date_format(date, 'EEEE')                                   AS weekday_name,
# MAGIC     date_format(date, 'EEE')                                    AS weekday_short_name,
# MAGIC     weekday >= 6                                                AS is_weekend,
# MAGIC     CAST(trunc(date, 'MM') AS DATE)                             AS first_day_of_month,
# MAGIC     last_day(date)                                              AS last_day_of_month,
# MAGIC     date = last_day(date)                                       AS is_last_day_of_month,
# MAGIC     fiscal_year,
# MAGIC     CAST((fiscal_month + 2) DIV 3 AS INT)                       AS fiscal_quarter,
# MAGIC     fiscal_month
# MAGIC FROM calendar_numbers

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }

# MARKDOWN ********************

# ## Load

# CELL ********************

counts = load_dimension(
    df=spark.table("calendar"),
    destination_table="Curated.dim_calendar",
    business_key="date_key",
    recreate=recreate,
)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC SELECT year, count(*) AS days, min(date) AS first_day, max(date) AS last_day
# MAGIC FROM Curated.dim_calendar
# MAGIC GROUP BY year
# MAGIC ORDER BY year

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

notebookutils.notebook.exit(exit_value("Curated.dim_calendar", counts))

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
