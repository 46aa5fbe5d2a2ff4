"""Analyzes mutated notebooks within limits of CPU time and memory: ``python -m tests.lineage.fuzzing SEED COUNT``."""

import json
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from fabric_assets.lineage import WorkspaceSource, analyze
from tests.lineage.case_files import git_text
from tests.lineage.generated import mutated, seeds

LIMIT_CPU_SECONDS = 10
LIMIT_BYTES = 2 * 2**30

_VALUES = """
a = [1, 2]
a = ["x", "y", "z"]
a = [spark.table("t"), "x"]
a = [unknown(), "x"]
t = ("x", "y")
s = "gold.orders"
s = f"gold.{unknown()}"
q = "SELECT * FROM gold.orders"
d = {"x": "gold.orders", "y": ["a"]}
d = dict(x="gold.orders", **unknown())
u = {"x", "y"}
n = 9
n = unknown()
df = spark.table("gold.orders")
""".strip().split("\n")
_GROWTH = """
a = a + a
a += a
a = [*a, *a]
a = [a, a]
a = a * 2
a *= n
a = a[:] + a[::-1]
a.extend(a)
a.append(a)
a.insert(0, list(a))
a = [x for x in a for y in a]
a = [x + y for x in a for y in a]
a = [f"{x}{y}" for x in a for y in a]
a = list(zip(a, a))
a = sorted(a + a, key=str)
a = sum([a, a], [])
a = [s.split("o") for x in a]
a = list(itertools.product(a, a))
a = list(map(lambda x: [x, x], a + a))
t = t + t
t += t
t = (*t, *t)
t = (t, t)
t = t * 3
s = s + s
s += s
s = s * 2
s *= n
s = f"{s}{s}"
s = f"{s}.{a}"
s = "%s%s" % (s, s)
s = "{0}{0}".format(s)
s = "{x}{x}".format(x=s)
s = s.join([s, s])
s = ",".join([s] * 2)
s = s.replace("o", s)
s = s.ljust(len(s) * 2)
s = str(a) + str(d)
s = json.dumps([s, s, a])
s = " ".join(a)
s = Template("$s$s").substitute(s=s)
d[s] = d
d[len(d)] = dict(d)
d = {**d, "x": d}
d = {**d, s: a}
d = {k + k: v for k, v in d.items()}
d = {k + str(m): [v, v] for k, v in d.items() for m in range(2)}
d.update({k + k: d for k in d})
d |= {str(k) + s: v for k, v in d.items()}
d.setdefault(s, []).append(d)
d = {k: {**d} for k in d}
u = u | {x + x for x in u}
u |= {(x, x) for x in u}
u.update({f"{x}{y}" for x in u for y in u})
u = {*u, *a, s}
n = n * n
n = n ** n
n += n
n = 10 ** n
n = 1 << n
n = len(a) * len(s)
a = list(range(n))
a = [0] * n
s = "x" * n
s = f"{s:>{n}}"
q = f"{q} UNION ALL {q}"
q = f"SELECT * FROM ({q}) AS x JOIN ({q}) AS y ON x.id = y.id"
q = q + " UNION ALL " + q
df = df.union(df)
df = df.unionByName(df, allowMissingColumns=True)
df = df.join(df, "id")
df = df.withColumn(s, F.lit(s))
df = spark.sql(q)
df = spark.table(s)
df = functools.reduce(lambda x, y: x.union(y), [df, df])
s, a = s + str(a), a + [s]
a, t = [t, t], (a, a)
a = grow(a)
s = grow(s)
grow(d)
""".strip().split("\n")
_LOOPS = """
for _ in range(5):
for _ in range(40):
for i in range(100000):
for i in range(10 ** 12):
for i in itertools.count():
for x in a:
for x in list(a):
for k, v in d.items():
for k in list(d):
for x in s:
for x in u:
while True:
while len(a) < 10 ** 9:
while n < 10 ** 100:
while unknown():
if unknown():
if len(a) > 3:
try:
with unknown() as x:
def grow(x, y=None):
async def grow(x):
class Grow:
""".strip().split("\n")
_USES = """
spark.table(s)
spark.sql(q)
spark.sql(f"INSERT INTO {s} SELECT * FROM {a}")
[spark.table(f"gold.{x}") for x in a]
[spark.table(y) for x in a for y in x]
df.write.saveAsTable(s)
df.write.saveAsTable(str(d))
for k, v in d.items(): spark.table(v).write.saveAsTable(k)
for x in u: spark.table(x)
spark.range(n).write.saveAsTable("t")
notebookutils.notebook.run(s, 90, d)
notebookutils.notebook.exit(json.dumps(a))
print(a, s, d, t, u, n, q)
""".strip().split("\n")
_IMPORTS = (
    "import functools, itertools, json\nfrom string import Template\nfrom pyspark.sql import functions as F"
)


def growing(generator: random.Random) -> str:
    """A cell in which collections, strings, numbers, queries and frames grow in loops."""
    values = [line for line in _VALUES if generator.random() < 0.8]
    helper = f"def grow(x):\n    return {generator.choice(['x + x', 'grow(x + x)', '[x, x]', 'grow([x])'])}"
    return "\n".join(
        [_IMPORTS, *values, helper, *_block(generator, generator.randint(1, 4))]
        + [generator.choice(_USES) for _ in range(generator.randint(1, 4))]
    )


def _block(generator: random.Random, deep: int) -> list[str]:
    lines: list[str] = []
    for _ in range(generator.randint(1, 4)):
        if deep and generator.random() < 0.5:
            head = generator.choice(_LOOPS)
            inner = [*_block(generator, deep - 1), *generator.choice([[], [], ["break"], ["return a"]])]
            if not head.startswith(("for", "while")) and "break" in inner:
                inner.remove("break")
            if "return a" in inner and "grow(" not in head:
                inner.remove("return a")
            lines += [head, *("    " + line for line in inner)]
            lines += ["except Exception:", "    a = a + a"] if head == "try:" else []
        else:
            lines.append(generator.choice([*_GROWTH, generator.choice(_USES)]))
    return lines


def notebooks(seed: int, count: int) -> Iterator[bytes]:
    """Notebooks, the same ones for the same seed: mutated ones, growing ones, and growing ones that are mutated."""
    generator = random.Random(seed)
    sources = seeds()
    for number in range(count):
        if number % 3 == 0:
            yield mutated(generator, sources)
            continue
        grown = git_text([growing(generator) for _ in range(generator.choice([1, 1, 2]))])
        yield grown if number % 3 == 1 else mutated(generator, [grown, generator.choice(sources)])


def problem_of(notebook: bytes) -> str:
    """What is wrong with the analysis of a notebook: an exception, raised or reported as a gap."""
    try:
        lineage = analyze(WorkspaceSource.from_definitions({"N": {"notebook-content.py": notebook}}))
        lineage.to_json()
    except Exception as error:  # noqa: BLE001 -- every exception is what this looks for
        return repr(error)
    return next((gap.reason for gap in lineage.notebooks[0].unresolved if "please report" in gap.reason), "")


@dataclass(frozen=True)
class Fuzzed:
    """What became of the notebooks.

    Attributes:
        problems: number of a notebook to what was wrong.
        slowest_cpu_seconds: what the longest analysis that came to its end took.
    """

    problems: dict[int, str]
    slowest_cpu_seconds: float


def fuzz(seed: int, count: int) -> Fuzzed:
    """Analyze notebooks in processes of their own: one that hangs or eats memory costs its process."""
    problems: dict[int, str] = {}
    slowest, first = 0.0, 0
    while first < count:
        command = [sys.executable, "-m", "tests.lineage.fuzzing", str(seed), str(count), str(first)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3600)
        for line in ended.stdout.splitlines():
            number, problem, seconds = json.loads(line)
            if problem:
                problems[number] = problem
            slowest, first = max(slowest, seconds), number + 1
        if ended.returncode == 0:
            break
        problems[first] = (
            f"used more than {LIMIT_CPU_SECONDS} s of CPU"
            if ended.returncode == -signal.SIGPROF
            else f"ended the process with {ended.returncode}: {ended.stderr[-500:]}"
        )
        first += 1
    return Fuzzed(problems, slowest)


def main() -> None:
    """Analyze notebooks one after the other in this process, and print what became of each as a line of JSON."""
    seed, count, first = [*map(int, sys.argv[1:]), 0][:3]
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process, in whatever it is
    for number, notebook in enumerate(notebooks(seed, count)):
        if number < first:
            continue
        signal.setitimer(signal.ITIMER_PROF, LIMIT_CPU_SECONDS)
        began = time.process_time()
        problem = problem_of(notebook)
        seconds = time.process_time() - began
        sys.stdout.write(json.dumps([number, problem, round(seconds, 3)]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
