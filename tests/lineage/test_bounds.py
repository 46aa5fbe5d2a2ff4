"""No notebook exhausts memory or time: what grows too large is a gap, never an exception, a hang or a false table."""

import json
import subprocess
import sys

import pytest

from fabric_assets.lineage.results import NotebookLineage
from tests.lineage.case_files import analyzed, shown

_LIMITED = """
import json, resource, sys
from tests.lineage.case_files import analyzed, shown
resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
for cell in json.load(sys.stdin):
    notebook = analyzed({"N": [cell]}).notebooks[0]
    print(json.dumps([shown(notebook)["writes"], [gap.reason for gap in notebook.unresolved]]), flush=True)
"""
_EACH = "for x in a: spark.range(1).write.saveAsTable(x)"
_SAVE = "spark.range(1).write.saveAsTable(a)"
_SHOWN = "spark.range(1).write.saveAsTable(str(a))"


def _doubled(start: str, body: str, use: str) -> str:
    return f"{start}\nfor i in range(60):\n    {body}\n{use}"


COLLECTIONS = {
    body: _doubled(start, body, _EACH)
    for start, body in [
        ('a = ["x"]', "a = a + a"),
        ('a = ["x"]', "a += a"),
        ('a = ["x"]', "a = [*a, *a]"),
        ('a = ("x",)', "a = (*a, *a)"),
        ('a = ["x"]', "a = a * 2"),
        ('a = ["x"]', "a *= 2"),
        ('a = ["x"]', "a = 2 * a"),
        ('a = ["x"]', "a.extend(a)"),
        ('a = {"x"}', "a = a | {y + z for y in a for z in a}"),
        ('a = {"x"}', "a = a.union([y + z for y in a for z in a])"),
        ('a = ["x"]', "a = [y for x in a for y in (x, x)]"),
        ('import itertools\na = ["x"]', "a = list(itertools.chain(a, a))"),
        ('import functools\na = ["x"]', "a = functools.reduce(lambda p, q: p + q, [a, a])"),
        ('def f(*v): return [*v, *v]\na = ["x"]', "a = f(*a)"),
        ('def f(v):\n    yield from v\n    yield from v\na = ["x"]', "a = list(f(a))"),
    ]
}
TEXTS = {
    body: _doubled(start, body, _SAVE)
    for start, body in [
        ('a = "x"', 'a = f"{a}{a}"'),
        ("a = f()", 'a = f"{a}{a}"'),
        ('a = "x"', "a += a"),
        ('a = "x"', "a = a * 2"),
        ('a = "x"', 'a = "".join([a, a])'),
        ('a = "x"', 'a = a.replace("x", "xx")'),
        ('a = f"x{f()}"', 'a = a.replace("x", "xx")'),
        ('a = "x"', 'a = "{0}{0}".format(a)'),
        ('a = "x"', 'a = "%s%s" % (a, a)'),
        ('from string import Template\na = "x"', 'a = Template("$a$a").substitute(a=a)'),
        ('a = "x"', "a = str([a, a])"),
        ('import json\na = "x"', "a = json.dumps([a, a])"),
    ]
} | {
    "long-replacement": f'b = "x" * 150000\na = b.replace("x", b)\n{_SAVE}',
    "width": f'a = "%99999999999d" % 1\n{_SAVE}',
    "width-of-format": f'w = 10 ** 10\na = f"{{1:{{w}}}}"\n{_SAVE}',
    "slow-pattern": f'import re\na = re.findall("(x|xx)*y", "x" * 20000)[0]\n{_SAVE}',
    "large-number": f"a = 0x{'f' * 5000}\nspark.range(1).write.saveAsTable(str(a))",
}
NESTED = {
    "list": _doubled('a = ["x"]', "a = [a, a]", _SHOWN),
    "dictionary": _doubled('a = {"x": 1}', 'a = {"p": a, "q": a}', _SHOWN),
    "pairs": _doubled('a = ["x"]', "a = list(zip(a, a))", _SHOWN),
    "itself": f"a = []\na.append(a)\n{_SHOWN}",
    "fields": "from dataclasses import asdict, dataclass\n@dataclass\nclass A:\n    x: object\n    y: object\n"
    + _doubled("a = A(1, 2)", "a = A(a, a)", "a = asdict(a)\n" + _SHOWN),
}
WORK = {
    "texts": 'a = "{}" * 90000\nfor i in range(300):\n  for j in range(300):\n    a.format(1)\n' + _SHOWN,
    "possibilities": "".join(f'v{i} = "a" if f({i}) else "b"\n' for i in range(10))
    + "for i in range(300):\n  for j in range(300):\n    a = f'"
    + "".join(f"{{v{i}}}" for i in range(10))
    + f"'\n{_SAVE}",
    "sets": "a = {str(i) for i in range(300)}\nfor i in range(300):\n  for j in range(300):\n    b = a - a\n"
    + _EACH,
    "splits": "a = '.'.join(f(i) for i in range(400))\nb = '.'.join([f'{f(i)}' for i in range(400)])\n"
    "for i in range(300):\n  for j in range(300): c = b.split('.')\n" + _EACH,
    "sets of pairs": "a = {(i, i) for i in range(300)}\nfor i in range(300):\n  for j in range(300):\n    b = a | a\n"
    + _EACH,
    "columns": 'd = spark.table("t")\nfor i in range(300):\n  for j in range(300): d = d.withColumn(f"c{i}_{j}", d.x)\n'
    'd.write.saveAsTable("u")',
    "sql": "a = 'select 1 as x' + ' union all select x from t' * 40\nfor i in range(300):\n  for j in range(300):\n"
    '    spark.sql(f"{a} -- {i} {j}").write.saveAsTable("u")',
    "yaml": 'import yaml\nfor i in range(300):\n    a = yaml.safe_load("a: [" + "1, " * 3000 + f"{i}]")\n'
    + _SHOWN,
    "classes": "class A0: pass\nclass B0: pass\n"
    + "".join(
        f"class A{i}(A{i - 1}, B{i - 1}): pass\nclass B{i}(A{i - 1}, B{i - 1}): pass\n" for i in range(1, 30)
    )
    + "spark.range(1).write.saveAsTable(super(A29, A29()).a)",
}


@pytest.mark.parametrize(
    ("cells", "tables"),
    [
        pytest.param(COLLECTIONS, ["lake.x"], id="collections"),
        pytest.param(TEXTS, [], id="texts"),
        pytest.param(NESTED, [], id="nested"),
        pytest.param(WORK, None, id="work"),
    ],
)
def test_what_grows_beyond_all_bounds_is_a_gap(cells: dict[str, str], tables: list[str] | None) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED],
        input=json.dumps(list(cells.values())),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    results = dict(zip(cells, map(json.loads, done.stdout.splitlines()), strict=False))
    assert list(results) == list(cells), done.stderr[-2000:]
    for name, (writes, reasons) in results.items():
        assert reasons, f"{name}: no gap"
        assert not [reason for reason in reasons if "report" in reason], (name, reasons)
        assert tables is None or set(writes) <= set(tables), (name, writes)


def _one(cell: str) -> NotebookLineage:
    return analyzed({"N": [cell]}).notebooks[0]


@pytest.mark.parametrize("times", ["a * 20", "20 * a", "a * 100000"])
def test_a_list_many_times_keeps_its_tables(times: str) -> None:
    notebook = _one(f'a = ["x", "y"]\nfor x in {times}: spark.range(1).write.saveAsTable(x)')
    assert shown(notebook)["writes"] == ["lake.x", "lake.y"]
    assert bool(notebook.unresolved) == ("100000" in times)


def test_a_list_that_may_have_more_items_still_may_have_them_when_it_is_repeated() -> None:
    cell = (
        'rows = [r.t for r in spark.table("cfg").collect()] + ["x"]\n'
        "for t in rows * 2: spark.range(1).write.saveAsTable(t)"
    )
    notebook = _one(cell)
    assert shown(notebook)["writes"] == ["lake.x"]
    assert notebook.unresolved


@pytest.mark.parametrize(
    "use",
    ["a[0]", "a[-1]", "a.pop()", "list(reversed(a))[0]", "next(iter(a))", "str(len(a))"],
)
def test_a_list_that_lost_items_has_no_known_positions(use: str) -> None:
    start = 'a = ["false"]\nfor i in range(60): a = a + a\na.append("last")\na.reverse()\n'
    notebook = _one(f"{start}spark.range(1).write.saveAsTable({use})")
    assert shown(notebook)["writes"] == []
    assert notebook.unresolved


@pytest.mark.parametrize(
    "loop",
    [
        "[save(x) for x in names]",
        "list(map(save, names))",
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor() as pool: pool.map(save, names)",
    ],
)
def test_items_that_are_not_followed_are_a_gap(loop: str) -> None:
    define = "def save(name): spark.range(1).write.saveAsTable(name)\n"
    notebook = _one(f'{define}names = ["x"] * 400\n{loop}')
    assert shown(notebook)["writes"] == ["lake.x"]
    assert ["only the first 300" in gap.reason for gap in notebook.unresolved] == [True]
    assert not _one(f'{define}names = ["x"] * 300\n{loop}').unresolved


def test_a_queue_takes_what_comes_first_at_its_front() -> None:
    cell = 'from collections import deque\na = deque(["x"])\na.appendleft("y")\nspark.range(1).write.saveAsTable(a[0])'
    assert shown(_one(cell))["writes"] == ["lake.y"]


def test_many_tables_in_loops_of_usual_size_are_all_found() -> None:
    cell = (
        'for t in [f"t{i}" for i in range(250)]:\n'
        '    q = f"SELECT a.id, a.name, b.amount FROM bronze.{t} a JOIN bronze.rates b USING (id) WHERE a.day > 1"\n'
        '    spark.sql(q).write.saveAsTable(f"gold.{t}")'
    )
    notebook = _one(cell)
    assert len(notebook.writes) == 250
    assert len(notebook.reads) == 251
    assert not notebook.unresolved
