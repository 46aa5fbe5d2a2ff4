import pytest

from tests.lineage.case_files import Case, analyzed, load, shown


def _cells(case: Case) -> list[str]:
    return case.source.split("\n# ---\n")


@pytest.mark.parametrize("case", load("python.txt", "===="))
def test_python_cells(case: Case) -> None:
    notebook = analyzed({"N": _cells(case)}).notebooks[0]
    expected = {"reads": case.reads, "writes": case.writes, "calls": case.calls}
    assert shown(notebook) == expected, notebook.unresolved
    assert len(notebook.unresolved) == case.unresolved, notebook.unresolved
