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

# # Load dim_customer
# 
# `Curated.dim_customer` keeps the history of customers (SCD2): a new version for each change of name,
# segment or address. E-mail and phone number are overwritten in all versions.
# 
# The source system delivers changes as CSV files into `Files/landing/customers` of the lakehouse
# `Base`. A row is the customer's state from `changed_at` (UTC) on. Rows come twice, late and with
# blanks around the values; rows without customer number or time are left out and counted.

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
landing_files = "Files/landing/customers/*.csv"

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

# ## Read

# CELL ********************

tracked_columns = ["customer_name", "segment", "street", "postal_code", "city", "country"]
columns = ["customer_id", *tracked_columns, "email", "phone", "changed_at", "extract_date"]
landing = (
    spark.read.option("header", True)
    .option("escape", '"')
    .schema(", ".join(f"{column} STRING" for column in columns))
    .csv(landing_files)
)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# MARKDOWN ********************

# ## Clean

# CELL ********************

customers = (
    landing.select(*[clean(column).alias(column) for column in columns])
    .withColumn("customer_id", F.upper("customer_id"))
    .withColumn("segment", F.coalesce(F.initcap("segment"), F.lit("Unknown")))
    .withColumn("changed_at", F.try_to_timestamp(F.col("changed_at")))
    .withColumn("extract_date", F.to_date("extract_date"))
)
usable = F.col("customer_id").isNotNull() & F.col("changed_at").isNotNull()
rows_rejected = customers.filter(~usable).count()
print(f"Rows without customer number or time of change, left out: {rows_rejected}")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# MARKDOWN ********************

# ## Load

# CELL ********************

counts = load_dimension(
    df=customers.filter(usable),
    destination_table="Curated.dim_customer",
    business_key="customer_id",
    surrogate_key="customer_key",
    tracked_columns=tracked_columns,
    unknown_member={
        "customer_id": "UNKNOWN",
        "customer_name": "Unknown",
        "segment": "Unknown",
        "valid_from": "1900-01-01T00:00:00Z",
        "is_current": True,
    },
    recreate=recreate,
)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

display(spark.table("Curated.dim_customer").orderBy("customer_key"))

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

notebookutils.notebook.exit(exit_value("Curated.dim_customer", {**counts, "rows_rejected": rows_rejected}))

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
