# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {}
# META }

# MARKDOWN ********************

# # AquaVilla_Functions
# 
# Functions for the notebooks that load dimensions on Spark: `%run AquaVilla_Functions`.
# 
# - `load_dimension` brings a Delta table up to date from a DataFrame, as SCD1 (overwrite) or SCD2
#   (keep the history).
# - `exit_value` is what a notebook returns: row counts and columns as JSON.
# 
# A load that has nothing to change writes nothing, so a notebook can be run as often as one likes.

# CELL ********************

import json
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

def clean(column: str) -> Column:
    """Text without blanks around it; what is empty becomes NULL."""
    text = F.trim(F.col(column))
    return F.when(text != "", text)


def surrogate_keys(rows: DataFrame, order: list[str], surrogate_key: str, highest: int) -> DataFrame:
    """Give a key to the rows that have none yet: the next numbers after the highest one, in a fixed order."""
    one_sequence = Window.partitionBy(F.lit(0)).orderBy(*order)
    number = F.row_number().over(one_sequence) + F.lit(highest)
    keyed = rows.filter(F.col(surrogate_key).isNotNull())
    new = rows.filter(F.col(surrogate_key).isNull()).withColumn(surrogate_key, number.cast("bigint"))
    return keyed.unionByName(new)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# MARKDOWN ********************

# ## SCD1
# 
# One row a business key. The newest values overwrite what was there; a row that the source no longer
# has stays.

# CELL ********************

def scd1_rows(
    df: DataFrame, known: DataFrame | None, business_key: str, surrogate_key: str | None
) -> DataFrame:
    """The rows that the table must hold for the business keys of `df`, with their surrogate keys."""
    twice = df.groupBy(business_key).count().filter("count > 1").first()
    if twice is not None:
        raise ValueError(f"{business_key} {twice[business_key]} comes {twice['count']} times, once is allowed")
    if surrogate_key is None:
        return df
    if known is None:
        rows, highest = df.withColumn(surrogate_key, F.lit(None).cast("bigint")), 0
    else:
        rows = df.join(known.select(business_key, surrogate_key), business_key, "left")
        highest = max(known.agg(F.max(surrogate_key)).first()[0] or 0, 0)
    return surrogate_keys(rows, [business_key], surrogate_key, highest).select(surrogate_key, *df.columns)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# MARKDOWN ********************

# ## SCD2
# 
# The source delivers changes: the state of a business key from `changed_at` on. The changes are put
# in the order in which they happened, whatever file they came with; a change that is known already
# counts once; of two with the same `changed_at` the one that was delivered last counts. A version is
# a time in which the tracked columns stay the same: `valid_from <= t < valid_to`, `valid_to` is NULL
# in the current one. The other columns show the newest value in all versions. `source_changed_at` is
# the time of the last change that belongs to the version.
# 
# What the table holds counts as changes too, so files that were loaded may be archived; only changes
# in the middle of a version, which did not change what is tracked, are forgotten then. A version
# keeps its surrogate key when a late change ends it earlier, or lets it begin earlier.

# CELL ********************

def scd2_rows(
    changes: DataFrame,
    known: DataFrame | None,
    business_key: str,
    surrogate_key: str,
    tracked_columns: list[str],
) -> DataFrame:
    """All versions that the table must hold, with their surrogate keys.

    `changes` has the business key, `changed_at`, `extract_date` and the attributes.
    """
    moment = [business_key, "changed_at"]
    attributes = [c for c in changes.columns if c not in (*moment, "extract_date")]
    delivered_last = Window.partitionBy(*moment).orderBy(F.desc("extract_date"), *attributes)
    changes = changes.withColumn("_rank", F.row_number().over(delivered_last)).filter("_rank = 1")
    changes = changes.select(*moment, *attributes)
    if known is not None:
        begins = known.withColumn("changed_at", F.col("valid_from"))
        confirmed = known.withColumn("changed_at", F.col("source_changed_at"))
        loaded = begins.unionByName(confirmed).select(*moment, *attributes).dropDuplicates(moment)
        changes = changes.unionByName(loaded.join(changes, moment, "left_anti"))

    in_order = Window.partitionBy(business_key).orderBy("changed_at")
    newest_first = Window.partitionBy(business_key).orderBy(F.desc("changed_at"))
    content = F.struct(*tracked_columns)
    versions = changes.select(
        business_key,
        *[c if c in tracked_columns else F.first(c).over(newest_first).alias(c) for c in attributes],
        F.col("changed_at").alias("valid_from"),
        F.lag("changed_at").over(in_order).alias("_before"),
        F.first("changed_at").over(newest_first).alias("_newest"),
        (~F.lag(content).over(in_order).eqNullSafe(content)).alias("_begins"),
    ).filter("_begins")
    by_version = Window.partitionBy(business_key).orderBy("valid_from")
    versions = (
        versions.withColumn("valid_to", F.lead("valid_from").over(by_version))
        .withColumn("is_current", F.col("valid_to").isNull())
        .withColumn("source_changed_at", F.coalesce(F.lead("_before").over(by_version), F.col("_newest")))
        .drop("_before", "_newest", "_begins")
    )

    if known is None:
        rows, highest = versions.withColumn(surrogate_key, F.lit(None).cast("bigint")), 0
    else:
        rows = version_keys(versions, known, business_key, surrogate_key, tracked_columns)
        highest = max(known.agg(F.max(surrogate_key)).first()[0] or 0, 0)
    validity = ["valid_from", "valid_to", "is_current", "source_changed_at"]
    rows = surrogate_keys(rows, [business_key, "valid_from"], surrogate_key, highest)
    return rows.select(surrogate_key, business_key, *attributes, *validity)


def version_keys(
    versions: DataFrame, known: DataFrame, business_key: str, surrogate_key: str, tracked_columns: list[str]
) -> DataFrame:
    """The versions with the surrogate keys that they have in the table, NULL for new ones."""
    start = [business_key, "valid_from"]
    rows = versions.join(known.select(*start, surrogate_key), start, "left")
    new = rows.filter(F.col(surrogate_key).isNull()).alias("new")
    lost = known.join(versions.select(*start), start, "left_anti").alias("old")
    same_content = [F.col(f"new.{c}").eqNullSafe(F.col(f"old.{c}")) for c in (business_key, *tracked_columns)]
    within = (F.col("old.valid_from") >= F.col("new.valid_from")) & (
        F.col("new.valid_to").isNull() | (F.col("old.valid_from") < F.col("new.valid_to"))
    )
    begins_earlier = (
        new.join(lost, reduce(Column.__and__, same_content, within))
        .groupBy(*[F.col(f"new.{c}").alias(c) for c in start])
        .agg(F.min(F.col(f"old.{surrogate_key}")).alias("_key"))
    )
    return (
        rows.join(begins_earlier, start, "left")
        .withColumn(surrogate_key, F.coalesce(F.col(surrogate_key), F.col("_key")))
        .drop("_key")
    )

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# MARKDOWN ********************

# ## Write

# CELL ********************

def staged_changes(rows: DataFrame, known: DataFrame, key: str, history: bool) -> DataFrame:
    """What is to be done to the table: the rows that differ, each with its `_action`."""
    old, new = known.alias("old"), rows.alias("new")
    differs = [~F.col(f"new.{c}").eqNullSafe(F.col(f"old.{c}")) for c in rows.columns if c != key]
    action = F.when(F.col(f"old.{key}").isNull(), "insert")
    if history:
        action = action.when(F.col(f"new.{key}").isNull(), "delete")
        action = action.when(F.col("old.valid_to").isNull() & F.col("new.valid_to").isNotNull(), "close")
    action = action.when(reduce(Column.__or__, differs), "update")
    joined = new.join(old, F.col(f"new.{key}") == F.col(f"old.{key}"), "full" if history else "left")
    columns = [F.col(f"new.{c}").alias(c) for c in rows.columns if c != key]
    either_key = F.coalesce(F.col(f"new.{key}"), F.col(f"old.{key}")).alias(key)
    return joined.select(either_key, *columns, action.alias("_action")).filter("_action IS NOT NULL")


def load_dimension(
    df: DataFrame,
    destination_table: str,
    *,
    business_key: str,
    surrogate_key: str | None = None,
    tracked_columns: list[str] | None = None,
    unknown_member: dict | None = None,
    recreate: bool = False,
) -> dict[str, int]:
    """Bring a dimension up to date and say what was changed.

    Args:
        df: the source. SCD1: one row a business key. SCD2: the changes, see above.
        destination_table: `lakehouse.table`. It is created if it is not there.
        business_key: the column that identifies a member in the source.
        surrogate_key: the column with the table's own number, stable from load to load. None: there is
            no such column, the business key is the key.
        tracked_columns: the columns whose changes are kept as versions: SCD2. None: SCD1.
        unknown_member: values of the row for facts without a member; its key is -1.
        recreate: replace the table by what the source gives, keys included. Its older states stay in its
            Delta history.

    Returns:
        Counts `rows_inserted`, `rows_updated`, `rows_closed` (versions that are no longer current) and
        `rows_deleted` (versions that a correction has made void).
    """
    exists = spark.catalog.tableExists(destination_table) and not recreate
    known = spark.table(destination_table) if exists else None
    if known is not None and surrogate_key is not None:
        known = known.filter(F.col(surrogate_key) > 0)  # not the unknown member
    history = tracked_columns is not None
    if history:
        rows = scd2_rows(df, known, business_key, surrogate_key, tracked_columns)
    else:
        rows = scd1_rows(df, known, business_key, surrogate_key)
    counts = dict.fromkeys(("insert", "update", "close", "delete"), 0)

    if known is None:
        if unknown_member is not None:
            values = {**unknown_member, surrogate_key: -1}
            unknown = [F.lit(values.get(f.name)).cast(f.dataType).alias(f.name) for f in rows.schema.fields]
            rows = rows.unionByName(spark.range(1).select(*unknown))
        writer = rows.write.format("delta").mode("overwrite").option("overwriteSchema", "true")
        writer.saveAsTable(destination_table)
        counts["insert"] = spark.table(destination_table).count()
    else:
        key = surrogate_key or business_key
        staged = staged_changes(rows, known, key, history)
        counts |= {row["_action"]: row["count"] for row in staged.groupBy("_action").count().collect()}
        if any(counts.values()):
            staged.createOrReplaceTempView("staged_changes")
            columns = ", ".join(rows.columns)
            values = ", ".join(f"s.{column}" for column in rows.columns)
            assignments = ", ".join(f"t.{column} = s.{column}" for column in rows.columns if column != key)
            spark.sql(f"""
                MERGE INTO {destination_table} AS t
                USING staged_changes AS s
                ON t.{key} = s.{key}
                WHEN MATCHED AND s._action = 'delete' THEN DELETE
                WHEN MATCHED THEN UPDATE SET {assignments}
                WHEN NOT MATCHED THEN INSERT ({columns}) VALUES ({values})
            """)
    return {
        "rows_inserted": counts["insert"],
        "rows_updated": counts["update"],
        "rows_closed": counts["close"],
        "rows_deleted": counts["delete"],
    }

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

def exit_value(destination_table: str, counts: dict[str, int]) -> str:
    """What the notebook returns: its row counts and the table's columns, as JSON."""
    table = spark.table(destination_table)
    columns = [{"name": name, "type": data_type} for name, data_type in table.dtypes]
    return json.dumps({"row_count": table.count(), **counts, "columns": columns})

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
