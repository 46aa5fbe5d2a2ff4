"""What an orchestrating notebook starts; the cases stand in ``data/calls.yaml``."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from fabric_assets.importers import ImportFileError, import_file

RUN = "notebookutils.notebook.run"
CASES: list[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "data" / "calls.yaml").read_text("utf-8")
)


def cells(*sources: str) -> str:
    """A notebook in Git's text format."""
    return "# Fabric notebook source\n" + "".join(f"\n# CELL {'*' * 20}\n\n{source}\n" for source in sources)


@pytest.mark.parametrize("case", [pytest.param(case, id=case["name"]) for case in CASES])
def test_calls_are_found_or_reported(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "notebook.py"
    path.write_text(case["code"], encoding="utf-8")

    result = import_file(path)

    entries = result.project.model_dump(exclude_unset=True)["notebooks"]
    found = {
        key: {name: entry[name] for name in ("deps", "arguments") if name in entry}
        for key, entry in entries.items()
    }
    assert found == case["found"]
    missing = [str(remark) for remark in result.report.unsupported]
    assert len(missing) >= len(case.get("missing", [])), missing
    assert bool(missing) == bool(case.get("missing")), missing
    assert all(any(part in remark for remark in missing) for part in case.get("missing", [])), missing
    in_jobs = {key for job in result.project.jobs.values() for key in job.notebooks}
    assert sorted(set(found) - in_jobs) == case.get("not_in_job", [])


NOTHING = [
    pytest.param("x = 1", "it calls neither notebook.run nor runMultiple", id="no-call"),
    pytest.param(f"{RUN}(name)", "its notebook is not known", id="unknown-call"),
    pytest.param(f"{RUN}Multiple(plan())", "what runMultiple is given is not known", id="unknown-dag"),
    pytest.param("x = (", "the cell is no valid Python", id="broken"),
]


@pytest.mark.parametrize(("code", "message"), NOTHING)
def test_a_notebook_without_anything_to_import_is_an_error_that_says_why(
    code: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "notebook.py"
    path.write_text(code)

    with pytest.raises(ImportFileError, match="holds nothing that could be imported") as caught:
        import_file(path)

    assert message in str(caught.value)


def test_an_invalid_dag_in_a_notebook_is_told_with_cell_and_line(tmp_path: Path) -> None:
    path = tmp_path / "notebook-content.py"
    path.write_text(cells("x = 1", f"{RUN}Multiple(['A', 'A'])"))

    with pytest.raises(ImportFileError, match=r"cell 2, line 9: \[1\]: the name 'A' is taken"):
        import_file(path)


def test_what_is_not_python_is_reported_if_it_starts_notebooks(tmp_path: Path) -> None:
    path = tmp_path / "notebook-content.py"
    path.write_text(
        cells(f"{RUN}('A')", f'# MAGIC %%spark\n# MAGIC {RUN}("B")', "# MAGIC %%sql\n# MAGIC SELECT 1")
    )

    report = import_file(path).report

    assert [str(remark) for remark in report.unsupported] == [
        "notebook: calls in scala are not read, only those in Python  (cell 2)"
    ]


def test_the_time_limit_of_all_cells_follows_from_the_notebook_beside(tmp_path: Path) -> None:
    for name, text in (
        (
            "Main",
            f"{RUN}Multiple({{'activities': [{{'name': 'A', 'path': 'Two', "
            "'timeoutPerCellInSeconds': 600}]})",
        ),
        ("Two", "x = 1\n# MARKDOWN"),
    ):
        folder = tmp_path / f"{name}.Notebook"
        folder.mkdir()
        (folder / ".platform").write_text(f'{{"metadata": {{"type": "Notebook", "displayName": "{name}"}}}}')
        (folder / "notebook-content.py").write_text(cells(text, "y = 2"))

    (entry,) = import_file(tmp_path / "Main.Notebook").project.notebooks.values()

    assert entry.timeout_per_cell_seconds == 600
    assert entry.timeout_seconds == 2 * 600 + 300


def test_parameters_of_an_included_notebook_are_those_that_it_is_given(tmp_path: Path) -> None:
    parameters = f"\n# PARAMETERS CELL {'*' * 20}\n\nstage = 'dev'\n"
    body = cells("prefix = stage.upper()").removeprefix("# Fabric notebook source\n")
    sources = {
        "Main": cells('%run Config { "stage": "prod" }', f"{RUN}(prefix + '_Load')"),
        "Config": f"# Fabric notebook source\n{parameters}{body}",
    }
    for name, text in sources.items():
        folder = tmp_path / f"{name}.Notebook"
        folder.mkdir()
        (folder / ".platform").write_text(f'{{"metadata": {{"type": "Notebook", "displayName": "{name}"}}}}')
        (folder / "notebook-content.py").write_text(text)

    assert list(import_file(tmp_path / "Main.Notebook").project.notebooks) == ["PROD_Load"]


def test_an_included_notebook_runs_where_it_stands(tmp_path: Path) -> None:
    sources = {
        "Main": cells(f"{RUN}('First')\nname = 'A'\n%run Config\n{RUN}(name)"),
        "Config": cells(f"{RUN}('Second')\nname = name + 'B'"),
    }
    for name, text in sources.items():
        folder = tmp_path / f"{name}.Notebook"
        folder.mkdir()
        (folder / ".platform").write_text(f'{{"metadata": {{"type": "Notebook", "displayName": "{name}"}}}}')
        (folder / "notebook-content.py").write_text(text)

    notebooks = import_file(tmp_path / "Main.Notebook").project.notebooks

    assert {name: entry.deps for name, entry in notebooks.items()} == {
        "First": [],
        "Second": ["First"],
        "AB": ["Second"],
    }


def test_a_frozen_cell_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "notebook-content.py"
    frozen = '\n# METADATA ********************\n\n# META {\n# META   "frozen": true\n# META }\n'
    path.write_text(
        cells(f"{RUN}('A')") + frozen + cells(f"{RUN}('B')").removeprefix("# Fabric notebook source\n")
    )

    result = import_file(path)

    assert list(result.project.notebooks) == ["B"]
    assert [str(remark) for remark in result.report.unsupported] == [
        "notebook: a frozen cell does not run, its calls are left out  (cell 1)"
    ]


GREEDY = [
    pytest.param("while True:\n    pass", id="endless"),
    pytest.param("x = 'a'\nfor i in range(40000):\n    x = x + x", id="doubling-text"),
    pytest.param("x = []\nfor i in range(40000):\n    x = [x, x]\ny = str(x)", id="doubling-list"),
    pytest.param("x = [1] * 50000\ny = [x] * 50000\nz = f'{y}'", id="list-of-lists"),
    pytest.param("def f():\n    return f()\nf()", id="endless-recursion"),
    pytest.param("x = 9 ** 9 ** 9 ** 9\ny = 1 << 10 ** 9\nz = 10 ** 10 ** 10", id="huge-number"),
    pytest.param(
        "x = f'{1:999999999}'\ny = '%999999999d' % 1\nz = '{:>999999999}'.format(1)", id="wide-format"
    ),
    pytest.param("x = ('a' * 9999).replace('a', 'b' * 9999).join(['c'] * 9999)", id="replace"),
    pytest.param("import itertools\nx = list(itertools.product(*[range(999)] * 3))", id="product"),
    pytest.param(
        "x = [1] * 40000\nfor i in range(4000):\n    if q:\n        x = [[1] * 40000]", id="branches"
    ),
    pytest.param(
        "import concurrent.futures\np = concurrent.futures.ThreadPoolExecutor()\ndef f(n):\n"
        f"    [p.submit(f, m) for m in 'ab']\n    {RUN}(n)\np.submit(f, 'a')",
        id="pool-in-itself",
    ),
    pytest.param("x = " + "(" * 150 + "1" + ")" * 150, id="parentheses"),
    pytest.param("x = " + "-" * 3000 + "1", id="signs"),
]


@pytest.mark.parametrize("code", GREEDY)
def test_a_greedy_cell_comes_to_an_end_and_the_next_one_counts(code: str, tmp_path: Path) -> None:
    path = tmp_path / "notebook-content.py"
    path.write_text(cells(code, f"{RUN}('A')"))

    assert "A" in import_file(path).project.notebooks
