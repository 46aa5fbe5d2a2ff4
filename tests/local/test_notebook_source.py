import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fabric_assets.local.notebook_source import (
    LakehouseSetting,
    NotebookSourceError,
    parse_notebook,
    to_git_text,
    to_ipynb,
)

GIT_TEXT = """# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "0d0eff1a-0000-0000-0000-000000000001",
# META       "default_lakehouse_name": "Curated",
# META       "default_lakehouse_workspace_id": "0d0eff1a-0000-0000-0000-000000000002",
# META       "known_lakehouses": [
# META         {
# META           "id": "0d0eff1a-0000-0000-0000-000000000001"
# META         }
# META       ]
# META     },
# META     "environment": {
# META       "environmentId": "0d0eff1a-0000-0000-0000-000000000003",
# META       "workspaceId": "00000000-0000-0000-0000-000000000000"
# META     }
# META   }
# META }

# MARKDOWN ********************

# # Kunden für Köln
# 
# Second *paragraph*

# PARAMETERS CELL ********************

recreate = False


# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# MAGIC %%sql
# MAGIC -- a comment
# MAGIC 
# MAGIC SELECT 'ä' AS x

# METADATA ********************

# META {
# META   "language": "sparksql",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

# A comment line, not magic

%run Functions

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark",
# META   "frozen": true
# META }
"""  # noqa: W291


def _written(folder: Path, text: str, name: str = "notebook-content.py") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


def test_reads_the_git_text_format(tmp_path: Path) -> None:
    source = parse_notebook(_written(tmp_path, GIT_TEXT))
    assert source.kernel == "synapse_pyspark"
    assert source.language == "python"
    assert source.default_lakehouse == LakehouseSetting(
        "0d0eff1a-0000-0000-0000-000000000001", "Curated", "0d0eff1a-0000-0000-0000-000000000002"
    )
    assert source.known_lakehouses == ("0d0eff1a-0000-0000-0000-000000000001",)
    assert source.environment["environmentId"] == "0d0eff1a-0000-0000-0000-000000000003"
    assert [(cell.kind, cell.language) for cell in source.cells] == [
        ("markdown", "markdown"),
        ("parameters", "python"),
        ("code", "sparksql"),
        ("code", "python"),
    ]
    assert source.cells[0].source == "# Kunden für Köln\n\nSecond *paragraph*"
    assert source.cells[1].source == "recreate = False\n"
    assert source.cells[2].source == "%%sql\n-- a comment\n\nSELECT 'ä' AS x"
    assert source.cells[3].source == "# A comment line, not magic\n\n%run Functions"
    assert source.cells[3].metadata["frozen"] is True
    assert source.parameters_cell == source.cells[1]


def test_writes_the_git_text_format_as_it_was_read(tmp_path: Path) -> None:
    assert to_git_text(parse_notebook(_written(tmp_path, GIT_TEXT))) == GIT_TEXT


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(GIT_TEXT.replace("\n", "\r\n"), id="CRLF"),
        pytest.param("\ufeff" + GIT_TEXT, id="BOM"),
        pytest.param(GIT_TEXT.removesuffix("\n"), id="no-final-newline"),
        pytest.param(
            GIT_TEXT.replace("# MAGIC \n", "# MAGIC\n").replace("# \n", "#\n"), id="stripped-blanks"
        ),
    ],
)
def test_is_tolerant_of_what_editors_do(tmp_path: Path, changed: str) -> None:
    expected = parse_notebook(_written(tmp_path, GIT_TEXT))
    assert parse_notebook(_written(tmp_path, changed)) == expected


def test_survives_the_way_through_ipynb(tmp_path: Path) -> None:
    source = parse_notebook(_written(tmp_path, GIT_TEXT))
    again = parse_notebook(_written(tmp_path, to_ipynb(source), "notebook.ipynb"))
    assert again.cells == source.cells
    assert to_git_text(again) == GIT_TEXT


@pytest.mark.parametrize(
    ("name", "header", "kernel", "magic", "language", "cell_language"),
    [
        pytest.param(
            "notebook-content.sql", "--", "synapse_pyspark", "%%pyspark", "sparksql", "python", id="spark-sql"
        ),
        pytest.param("notebook-content.sql", "--", "sqldatawarehouse", "%%tsql", "sql", "tsql", id="t-sql"),
        pytest.param(
            "notebook-content.scala", "//", "synapse_pyspark", "%%sql", "scala", "sparksql", id="scala"
        ),
        pytest.param("notebook-content.r", "#", "synapse_pyspark", "%%sql", "r", "sparksql", id="r"),
        pytest.param("notebook-content.py", "#", "jupyter", "%%sql", "python", "sparksql", id="python"),
    ],
)
def test_knows_the_languages(
    tmp_path: Path, name: str, header: str, kernel: str, magic: str, language: str, cell_language: str
) -> None:
    text = (
        f"{header} Fabric notebook source\n\n{header} METADATA ********************\n\n"
        f'{header} META {{"kernel_info": {{"name": "{kernel}"}}}}\n\n'
        f"{header} CELL ********************\n\nfirst line\n\n"
        f"{header} CELL ********************\n\n{header} MAGIC {magic}\n{header} MAGIC second\n"
    )
    source = parse_notebook(_written(tmp_path, text, name))
    assert (source.kernel, source.language) == (kernel, language)
    assert [cell.source for cell in source.cells] == ["first line", f"{magic}\nsecond"]
    assert [cell.language for cell in source.cells] == [language, cell_language]
    assert parse_notebook(_written(tmp_path, to_git_text(source), name)) == source


def test_a_parameters_tag_makes_a_parameters_cell_in_both_formats(tmp_path: Path) -> None:
    text = (
        "# Fabric notebook source\n\n# CELL ********************\n\nx = 1\n\n"
        '# METADATA ********************\n\n# META {\n# META   "tags": ["parameters"]\n# META }\n'
    )
    assert parse_notebook(_written(tmp_path, text)).cells[0].kind == "parameters"
    notebook = {
        "nbformat": 4,
        "metadata": {
            "trident": {"lakehouse": {"default_lakehouse_name": "Base"}},
            "kernelspec": {"name": "python3"},
        },
        "cells": [
            {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": ["x = 1\n", "y = 2"]}
        ],
    }
    source = parse_notebook(_written(tmp_path, json.dumps(notebook), "n.ipynb"))
    assert source.cells[0].kind == "parameters"
    assert source.cells[0].source == "x = 1\ny = 2"
    assert source.kernel == "synapse_pyspark"
    assert source.default_lakehouse == LakehouseSetting(name="Base")


@pytest.mark.parametrize(
    ("name", "data", "line", "reason"),
    [
        pytest.param("a.py", b"print(1)\n", 1, "first line", id="not-a-notebook"),
        pytest.param("a.py", b"", 1, "first line", id="empty"),
        pytest.param(
            "a.py", b"# Fabric notebook source\n\nprint(1)\n", 3, "before the first block", id="loose-text"
        ),
        pytest.param(
            "a.py",
            b"# Fabric notebook source\n\n# METADATA ********************\n\n# META {\n# META   no\n# META }\n",
            6,
            "not valid JSON",
            id="bad-metadata",
        ),
        pytest.param(
            "a.py",
            b"# Fabric notebook source\n\n# METADATA ********************\n\n# META {}\nx = 1\n",
            6,
            "only lines",
            id="code-in-metadata",
        ),
        pytest.param("a.py", b"# Fabric notebook source\n\xff\xfe\n", 2, "UTF-8", id="not-utf-8"),
        pytest.param("a.ipynb", b'{"cells": [\n}', 2, "JSON", id="broken-json"),
        pytest.param("a.ipynb", b'{"worksheets": []}', 0, "nbformat 4", id="old-notebook"),
        pytest.param("a.ipynb", b'{"cells": [{"source": 3}]}', 0, "cell 1", id="no-source"),
    ],
)
def test_says_where_a_source_is_broken(
    tmp_path: Path, name: str, data: bytes, line: int, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(NotebookSourceError) as caught:
        parse_notebook(path)
    assert caught.value.line == line
    assert reason in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_a_source_error(tmp_path: Path) -> None:
    with pytest.raises(NotebookSourceError, match="cannot be read"):
        parse_notebook(tmp_path / "missing.py")


_LINES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20)
_SOURCES = st.lists(_LINES, min_size=1, max_size=5).map("\n".join)


@given(st.lists(st.tuples(st.sampled_from(["code", "markdown", "sql", "parameters"]), _SOURCES), max_size=4))
def test_any_cells_survive_both_formats(
    tmp_path_factory: pytest.TempPathFactory, cells: list[tuple[str, str]]
) -> None:
    folder = tmp_path_factory.mktemp("cells")
    entries = [
        {
            "cell_type": "markdown" if kind == "markdown" else "code",
            "metadata": {"tags": ["parameters"]} if kind == "parameters" else {},
            "source": f"%%sql\n{text}" if kind == "sql" else text,
        }
        for kind, text in cells
    ]
    source = parse_notebook(_written(folder, json.dumps({"cells": entries}), "n.ipynb"))
    git = parse_notebook(_written(folder, to_git_text(source)))
    assert [(c.kind, c.source) for c in git.cells] == [(c.kind, c.source) for c in source.cells]
    again = parse_notebook(_written(folder, to_ipynb(git), "n.ipynb"))
    assert [(c.kind, c.source) for c in again.cells] == [(c.kind, c.source) for c in source.cells]
