import pytest

from tests.lineage.case_files import Case, analyzed, load, shown


def _cells(case: Case) -> list[str]:
    return case.source.split("\n# ---\n")


@pytest.mark.parametrize("case", load("python.txt", "====") + load("notebooks.txt", "===="))
def test_python_cells(case: Case) -> None:
    notebook = analyzed({"N": _cells(case)}).notebooks[0]
    expected = {"reads": case.reads, "writes": case.writes, "calls": case.calls}
    assert shown(notebook) == expected, notebook.unresolved
    assert len(notebook.unresolved) == case.unresolved, notebook.unresolved


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param('spark.sql("SELECT " + "(" * 5000 + "1" + ")" * 5000)', id="parentheses"),
        pytest.param('spark.sql("SELECT " + "NOT " * 20000 + "1")', id="chain"),
        pytest.param('spark.table("a" * 10**9)', id="long-text"),
        pytest.param(
            "for i in range(300):\n  for j in range(300):\n    for k in range(300): f(i)", id="loops"
        ),
        pytest.param("x = 1" + " + 1" * 5000 + "\nspark.table(x)", id="deep-tree"),
        pytest.param('x = "a"\nfor i in range(99): x = x + x\nspark.table(x)', id="doubling"),
    ],
)
def test_what_is_too_much_work_is_a_gap(cell: str) -> None:
    notebook = analyzed({"N": [cell, 'spark.table("never")' if "range(300)" in cell else "pass"]}).notebooks[
        0
    ]
    assert notebook.unresolved


def test_many_branches_keep_what_belongs_together() -> None:
    cells = ["# parameters\na = 'x'\nb = 'y'"]
    cells += ["if a == 'x':\n    s, t = 's1', 't1'\nelse:\n    s, t = 's2', 't2'"]
    cells += ["spark.table(f'{s}_{t}')"]
    assert shown(analyzed({"N": cells}).notebooks[0])["reads"] == ["lake.s1_t1", "lake.s2_t2"]
