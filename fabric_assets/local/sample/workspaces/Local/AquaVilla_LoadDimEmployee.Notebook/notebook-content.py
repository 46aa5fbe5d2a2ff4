# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "jupyter",
# META     "jupyter_kernel_name": "python3.11"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "b1f2a4d8-7f64-4c0e-8a57-2d6c3e9f5a10",
# META       "default_lakehouse_name": "Curated",
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

# # Load dim_employee
# 
# `Curated.dim_employee` has one row an employee with the newest values (SCD1), also for those who
# left.
# 
# A Python notebook reaches the tables of its default lakehouse as files, so the default lakehouse is
# `Curated` here.
# 
# The personnel system delivers the whole staff as one file an extract into `Files/landing/employees`
# of the lakehouse `Base`; the file's name ends with the extract's date. Older extracts are CSV with
# `;` and German dates, newer ones JSON.
# 
# - Of several states of an employee the one with the newest `modified_at` counts, whatever file it
#   came with. A row without `modified_at` counts as modified on its extract's date.
# - An employee has left with the leaving date, if there is one and the newest extract is not older;
#   or when the newest extract does not have the employee any more: then the first extract without
#   them gives the leaving date.
# - Who returns is active again; `first_hire_date` keeps the first entry.

# CELL ********************

# MAGIC %%configure
# MAGIC {
# MAGIC     "defaultLakehouse": {
# MAGIC         "name": "Curated"
# MAGIC     }
# MAGIC }

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# PARAMETERS CELL ********************

recreate = False  # replace the table
landing_lakehouse = "Base"
landing_folder = "Files/landing/employees"

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

%run AquaVilla_PythonFunctions

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# MARKDOWN ********************

# ## Read

# CELL ********************

from datetime import date
from io import StringIO

text_columns = ["first_name", "last_name", "email", "department", "position", "location", "manager_id"]
source_columns = ["employee_id", *text_columns, "hire_date", "leaving_date", "modified_at"]


def read_extract(path: str, size: int) -> pl.DataFrame:
    """The rows of an extract, all columns as text."""
    name, _, suffix = path.rpartition(".")
    text = notebookutils.fs.head(path, size).removeprefix("\ufeff")
    if suffix == "csv":
        rows = pl.read_csv(StringIO(text), separator=";", infer_schema_length=0)
    else:
        rows = pl.DataFrame(json.loads(text), schema=dict.fromkeys(source_columns, pl.String))
    extract_date = date.fromisoformat(name.rpartition("_")[2])
    return rows.select(source_columns).with_columns(pl.lit(extract_date).alias("extract_date"))


base = notebookutils.lakehouse.getWithProperties(landing_lakehouse).properties["abfsPath"]
files = [f for f in notebookutils.fs.ls(f"{base}/{landing_folder}") if f.name.endswith((".csv", ".json"))]
if not files:
    raise FileNotFoundError(f"no employee extract (*.csv, *.json) in {base}/{landing_folder}")
landing = pl.concat([read_extract(f.path, f.size) for f in files])
print(f"{landing.height} rows from {len(files)} extracts")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# MARKDOWN ********************

# ## Clean

# CELL ********************

def to_date(column: str) -> pl.Expr:
    """A date, written as 31.12.2025 or 2025-12-31."""
    german = pl.col(column).str.to_date("%d.%m.%Y", strict=False)
    return pl.coalesce(german, pl.col(column).str.to_date("%Y-%m-%d", strict=False)).alias(column)


records = (
    landing.with_columns(clean(column) for column in source_columns)
    .with_columns(
        pl.col("employee_id", "manager_id").str.to_uppercase(),
        to_date("hire_date"),
        to_date("leaving_date"),
        pl.col("modified_at").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", strict=False),
    )
    .with_columns(pl.coalesce("modified_at", pl.col("extract_date").cast(pl.Datetime("us"))))
    .with_columns(pl.col("modified_at").dt.replace_time_zone("UTC"))
)
rows_rejected = records.filter(pl.col("employee_id").is_null()).height
records = records.filter(pl.col("employee_id").is_not_null())
print(f"Rows without employee number, left out: {rows_rejected}")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# MARKDOWN ********************

# ## Newest state
# 
# What the table holds counts as a state too, so extracts that were loaded may be archived.

# CELL ********************

destination = "/lakehouse/default/Tables/dim_employee"
states = records.with_columns(pl.lit(True).alias("delivered"))
hired = records.select("employee_id", "hire_date")
if not recreate and DeltaTable.is_deltatable(destination):
    loaded = pl.read_delta(destination).filter(pl.col("employee_key") > 0)
    hired = pl.concat([hired, loaded.select("employee_id", hire_date="first_hire_date")])
    loaded = loaded.with_columns(
        pl.col("source_modified_at").alias("modified_at"),
        pl.lit(None, pl.Date).alias("extract_date"),
        pl.lit(False).alias("delivered"),
    )
    states = pl.concat([states, loaded.select(states.columns)])

# Of two states with one time, the delivered one and then the one of the newest extract.
newest_last = ["modified_at", "delivered", "extract_date", "hire_date", "leaving_date", *text_columns]
newest_state = states.sort(newest_last).unique("employee_id", keep="last")
first_hire = hired.group_by("employee_id").agg(pl.col("hire_date").min().alias("first_hire_date"))

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# MARKDOWN ********************

# ## Leavers

# CELL ********************

newest_extract = records["extract_date"].max()
last_seen = records.group_by("employee_id").agg(pl.col("extract_date").max().alias("last_seen"))
missing_since = (
    last_seen.join(records.select("extract_date").unique(), how="cross")
    .filter(pl.col("extract_date") > pl.col("last_seen"))
    .group_by("employee_id")
    .agg(pl.col("extract_date").min().alias("missing_since"))
)

is_listed = (pl.col("last_seen") == newest_extract).fill_null(False)
has_not_left = pl.col("leaving_date").is_null() | (pl.col("leaving_date") > newest_extract)
employees = (
    newest_state.join(first_hire, on="employee_id")
    .join(last_seen, on="employee_id", how="left")
    .join(missing_since, on="employee_id", how="left")
    .with_columns(
        pl.when(is_listed)
        .then("leaving_date")
        .otherwise(pl.coalesce("leaving_date", "missing_since", pl.lit(newest_extract)))
        .alias("leaving_date")
    )
    .with_columns((is_listed & has_not_left).alias("is_active"))
    .select(
        "employee_id",
        *text_columns,
        "first_hire_date",
        "hire_date",
        "leaving_date",
        "is_active",
        pl.col("modified_at").alias("source_modified_at"),
    )
)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# MARKDOWN ********************

# ## Load

# CELL ********************

counts = load_dimension(
    df=employees,
    path=destination,
    business_key="employee_id",
    surrogate_key="employee_key",
    unknown_member={
        "employee_id": "UNKNOWN",
        "first_name": "Unknown",
        "last_name": "Unknown",
        "is_active": False,
    },
    recreate=recreate,
)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

display(pl.read_delta(destination).sort("employee_key"))

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

notebookutils.notebook.exit(exit_value(destination, {**counts, "rows_rejected": rows_rejected}))

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }
