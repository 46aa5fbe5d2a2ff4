# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "jupyter",
# META     "jupyter_kernel_name": "python3.11"
# META   },
# META   "dependencies": {}
# META }

# MARKDOWN ********************

# # AquaVilla_PythonFunctions
# 
# Functions for the notebooks that load dimensions in plain Python, with Polars and delta-rs: `%run
# AquaVilla_PythonFunctions`. A Python notebook has no Spark session, so it cannot use
# `AquaVilla_Functions`.
# 
# A load that has nothing to change writes nothing.

# CELL ********************

import json

import polars as pl
from deltalake import DeltaTable, write_deltalake

# The mount of a lakehouse cannot rename files as delta-rs asks for by default.
STORAGE_OPTIONS = {"allow_unsafe_rename": "true"}

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

def clean(column: str) -> pl.Expr:
    """Text without blanks around it; what is empty becomes null."""
    text = pl.col(column).str.strip_chars()
    return pl.when(text != "").then(text).alias(column)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# MARKDOWN ********************

# ## SCD1
# 
# One row a business key. The newest values overwrite what was there; a row that the source no longer
# has stays.

# CELL ********************

def load_dimension(
    df: pl.DataFrame,
    path: str,
    *,
    business_key: str,
    surrogate_key: str,
    unknown_member: dict | None = None,
    recreate: bool = False,
) -> dict[str, int]:
    """Bring a dimension up to date and say what was changed.

    Args:
        df: the source, one row a business key.
        path: the table's folder, `/lakehouse/default/Tables/...`. It is created if it is not there.
        business_key: the column that identifies a member in the source.
        surrogate_key: the column with the table's own number, stable from load to load.
        unknown_member: values of the row for facts without a member; its key is -1.
        recreate: replace the table by what the source gives, keys included. Its older states stay in its
            Delta history.

    Returns:
        Counts `rows_inserted` and `rows_updated`.
    """
    twice = df.filter(pl.col(business_key).is_duplicated())
    if not twice.is_empty():
        raise ValueError(f"{business_key} {twice[business_key][0]} comes more than once in the source")
    columns = [surrogate_key, *df.columns]
    df = df.sort(business_key)
    number = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(surrogate_key)
    if recreate or not DeltaTable.is_deltatable(path):
        rows = df.with_columns(number).select(columns)
        if unknown_member is not None:
            unknown = pl.DataFrame([{**unknown_member, surrogate_key: -1}], schema=rows.schema)
            rows = pl.concat([unknown, rows])
        write_deltalake(
            path, rows.to_arrow(), mode="overwrite", schema_mode="overwrite", storage_options=STORAGE_OPTIONS
        )
        return {"rows_inserted": rows.height, "rows_updated": 0}

    known = pl.read_delta(path)
    highest = max(known[surrogate_key].max() or 0, 0)
    rows = df.join(known.select(business_key, surrogate_key), on=business_key, how="left")
    new = rows.filter(pl.col(surrogate_key).is_null())
    new = new.with_columns(number + highest)
    old = rows.filter(pl.col(surrogate_key).is_not_null()).join(known, on=surrogate_key, suffix="_known")
    changed = old.filter(pl.any_horizontal(pl.col(c).ne_missing(pl.col(f"{c}_known")) for c in df.columns))
    staged = pl.concat([new.select(columns), changed.select(columns)])
    if not staged.is_empty():
        (
            DeltaTable(path, storage_options=STORAGE_OPTIONS)
            .merge(
                staged.to_arrow(),
                predicate=f"t.{surrogate_key} = s.{surrogate_key}",
                source_alias="s",
                target_alias="t",
            )
            .when_matched_update({c: f"s.{c}" for c in df.columns})
            .when_not_matched_insert({c: f"s.{c}" for c in columns})
            .execute()
        )
    return {"rows_inserted": new.height, "rows_updated": changed.height}

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }

# CELL ********************

def exit_value(path: str, counts: dict[str, int]) -> str:
    """What the notebook returns: its row counts and the table's columns, as JSON."""
    spark_names = {"long": "bigint", "integer": "int"}
    fields = DeltaTable(path).schema().fields
    columns = [{"name": f.name, "type": spark_names.get(f.type.type, f.type.type)} for f in fields]
    return json.dumps({"row_count": pl.read_delta(path).height, **counts, "columns": columns})

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "jupyter_python"
# META }
