"""Generated workspaces and mutated notebooks, for the fuzz test and the benchmarks."""

import random
from collections.abc import Iterator
from pathlib import Path

from tests.lineage.case_files import CASES, git_text

_HELPER = """
from pyspark.sql import functions as F

def load_table(df, table, lakehouse="gold", mode="overwrite", keys=None):
    name = f"{lakehouse}.{table}"
    if spark.catalog.tableExists(name) and mode == "merge":
        df.createOrReplaceTempView("staged")
        on = " AND ".join(f"t.{k} = s.{k}" for k in keys or ["id"])
        merge = f"MERGE INTO {name} t USING staged s ON {on} WHEN MATCHED THEN UPDATE SET * "
        spark.sql(merge + "WHEN NOT MATCHED THEN INSERT *")
    else:
        df.write.format("delta").mode(mode).saveAsTable(name)
    return spark.table(name).count()
"""
_SQL = """%%sql
CREATE OR REPLACE TEMP VIEW step_{n} AS
WITH recent AS (
    SELECT o.id, o.customer_id, o.amount * r.rate AS amount, o.day,
           row_number() OVER (PARTITION BY o.customer_id ORDER BY o.day DESC) AS rn
    FROM gold.table_{a} AS o
    JOIN gold.rates_{b} AS r ON r.day = o.day AND r.currency = o.currency
    WHERE o.day >= date_sub(current_date(), 30) AND o.status IN ('open', 'paid')
),
ranked AS (
    SELECT *, CASE WHEN amount > 100 THEN 'big' WHEN amount > 10 THEN 'middle' ELSE 'small' END AS size FROM recent
)
SELECT r.id, r.customer_id, c.name, r.amount, r.size, sum(r.amount) OVER (PARTITION BY r.customer_id) AS total
FROM ranked AS r LEFT JOIN bronze.customers_{a} AS c ON c.id = r.customer_id
WHERE r.rn = 1 AND NOT EXISTS (SELECT 1 FROM bronze.blocked AS b WHERE b.id = r.customer_id)"""
_PYTHON = """
df = spark.table("step_{n}").withColumn("loaded_at", F.current_timestamp())
for part in ["eu", "us", "asia"]:
    source = f"bronze.events_{{part}}_{a}"
    df = df.unionByName(spark.read.table(source).select("id", F.col("value").alias("amount")), allowMissingColumns=True)
df = df.join(spark.read.format("delta").load("Tables/lookup_{b}"), "id", "left").filter(F.col("amount") > threshold)
load_table(df, "table_{n}" if not recreate else "table_{n}", mode="merge", keys=["id"])
"""


def notebook_cells(number: int, count: int) -> list[str]:
    """A notebook of usual size: parameters, a helper, SQL and PySpark."""
    a, b = (number * 7) % max(number, 1), (number * 13 + count) % max(number, 1)
    return [
        "# parameters\nrecreate = False\nthreshold = 10",
        "%run Helper",
        _SQL.format(n=number, a=a, b=b),
        _PYTHON.format(n=number, a=a, b=b),
        f"%%sql\nSELECT size, count(*) AS n FROM gold.table_{number} GROUP BY size",
        f"notebookutils.notebook.exit(str(spark.table('gold.table_{number}').count()))",
    ]


def write_workspace(folder: Path, count: int) -> None:
    """A workspace of that many notebooks and their helper."""
    for name, cells in [
        ("Helper", [_HELPER]),
        *((f"Load_{n}", notebook_cells(n, count)) for n in range(count)),
    ]:
        place = folder / f"area_{len(name) % 4}" / f"{name}.Notebook"
        place.mkdir(parents=True)
        (place / "notebook-content.py").write_bytes(git_text(cells))


def seeds() -> list[bytes]:
    """Notebooks that are mutated: those of the tests and a few generated ones."""
    python = [
        b for name in ("python.txt", "notebooks.txt") for b in (CASES / name).read_text().split("\n====\n")
    ]
    spark = (CASES / "spark.sql").read_text().split("\n\n")
    tsql = (CASES / "tsql.sql").read_text().split("\n\n")
    notebooks = [git_text(block.split("\n# ---\n")) for block in python]
    notebooks += [git_text([f"%%sql\n{block}"]) for block in spark]
    notebooks += [git_text([f"%%tsql\n{block}"]) for block in tsql]
    notebooks += [git_text(notebook_cells(number, 9)) for number in range(3)]
    return [*notebooks, git_text([_HELPER])]


_PIECES = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "'",
    '"',
    '"""',
    "\\",
    "\n",
    "\n    ",
    ":",
    ",",
    ".",
    "=",
    "%",
    "%%sql\n",
    "%run ",
    "\x00",
    "\u2028",
    "for x in y: ",
    "while True: ",
    "if x: ",
    "else: ",
    "def f(*a, **k): return f(*a, **k)\n",
    "lambda: ",
    "*",
    "**",
    "x = [x]\n",
    "x = x + x\n",
    "x = x * 9999\n",
    "t = t + t\n",
    "{t}",
    "await ",
    "yield ",
    "global x\n",
    "class A(A): pass\n",
    "class E(str, Enum): a = auto()\n",
    "@f\n",
    "@f(1)\n",
    "with f(x) as x: ",
    "yield from x\n",
    "EXEC(",
    "SET @s = @s + ",
    "DECLARE @t TABLE (x INT) ",
    "CREATE PROC p AS EXEC p\nGO\n",
    "SELECT * FROM (",
    "UNION ALL SELECT 1 ",
    "WITH RECURSIVE x AS (",
    "MERGE INTO ",
    "${",
    "GO\n",
    ";",
    "--",
    "/*",
    "`",
    "@",
    "# CELL ********************\n",
    "# META {",
    "# MAGIC ",
    "9" * 50,
    "1e999",
    "\U0001f600",
    "f'{f\"{x}\"}'",
    "%s %(a)s %",
    "{0.__class__}",
]


def mutated(generator: random.Random, sources: list[bytes]) -> bytes:
    """A notebook with some bytes, lines or pieces changed."""
    text = generator.choice(sources).decode()
    for _ in range(generator.randint(1, 8)):
        start = generator.randrange(len(text) + 1)
        end = min(len(text), start + generator.choice([0, 0, 1, 3, 20, 200]))
        kind = generator.randrange(6)
        if kind == 0:
            text = text[:start] + text[end:]
        elif kind == 1:
            text = text[:start] + generator.choice(_PIECES) + text[start:]
        elif kind == 2:
            text = text[:end] + text[start:end] * generator.choice([1, 3, 40]) + text[end:]
        elif kind == 3:
            other = generator.choice(sources).decode()
            place = generator.randrange(len(other) + 1)
            text = text[:start] + other[place : place + generator.choice([5, 80, 600])] + text[end:]
        elif kind == 4:
            lines = text.split("\n")
            generator.shuffle(
                lines
            ) if generator.random() < 0.05 else lines.reverse() if generator.random() < 0.02 else None
            position = generator.randrange(len(lines))
            lines.insert(position, lines[generator.randrange(len(lines))])
            text = "\n".join(lines)
        else:
            text = text[:start] + generator.choice(_PIECES) * generator.choice([1, 2, 50, 300]) + text[end:]
    data = text.encode("utf-8", "surrogatepass")
    if generator.random() < 0.02:
        data = data[: generator.randrange(len(data) + 1)] + bytes([generator.randrange(256)]) + data[1:]
    return data


def mutations(seed: int, count: int) -> Iterator[bytes]:
    """Mutated notebooks, the same ones for the same seed."""
    generator = random.Random(seed)
    sources = seeds()
    for _ in range(count):
        yield mutated(generator, sources)
