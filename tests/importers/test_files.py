"""Files that are not what they should be: the error names the file, the place and what to do."""

import json
from pathlib import Path

import pytest

from fabric_assets import cli
from fabric_assets.importers import ImportFileError, InvalidDagError, import_file, validate_file

DAG = '["A", "B"]'
BAD: list[tuple[str, bytes, str]] = [
    ("dag.json", b"", "dag.json: is empty"),
    ("dag.json", b"{", "dag.json, line 1, column 2: is not valid JSON"),
    ("dag.json", b'{\n "activities": [,]\n}', "dag.json, line 2, column 17: is not valid JSON"),
    ("dag.json", b'"text"', "is neither a DAG"),
    ("dag.json", b"7", "is neither a DAG"),
    ("dag.json", b'{"activity": []}', "is neither a DAG"),
    ("dag.json", b'{"cells": {}}', "cells: is no list of cells"),
    ("dag.json", b"[" * 100_000, "is nested more than 100 levels deep"),
    ("dag.json", b'{"a":' * 500 + b"1" + b"}" * 500, "is nested more than 100 levels deep"),
    ("dag.json", b'["A", NaN]', "it holds NaN, which JSON does not have"),
    ("dag.json", b"[" + b"1" * 5000 + b"]", "is not valid JSON: Exceeds the limit"),
    (
        "dag.json",
        b'{"activities": [{"name": "A", "args": {"x": 1, "x": 2}}]}',
        "dag.json, activities[0].args: the key 'x' stands twice",
    ),
    ("dag.json", b'["A\\ud800"]', "dag.json, [0]: the text 'A\\ud800' holds half a character"),
    ("dag.json", DAG.encode("utf-16-le"), "looks like UTF-16 without a byte order mark; save it as UTF-8"),
    ("dag.json", b'\xff\xfe["A', "is not UTF-16 text"),
    ("dag.json", b'["\xe4"]', "line 1: is not UTF-8 text; save it as UTF-8"),
    ("nb.py", b"x = 1\ny = '\xe4'", "nb.py, line 2: is not UTF-8 text"),
    ("nb.py", b"x = 1\n\0", "nb.py, line 2: holds a NUL character"),
    ("nb.ipynb", b"notebook", "nb.ipynb, line 1, column 1: is not valid JSON"),
    ("nb.ipynb", b'{"cells": [1]}', "nb.ipynb, cells[0]: is no cell"),
    ("nb.ipynb", b'{"cells": [{"source": 5}]}', "nb.ipynb, cells[0].source: is no text"),
    (
        "p.json",
        b'{"properties": {"activities": 1}}',
        "properties.activities: must be a list of activities, it is 1",
    ),
]


@pytest.mark.parametrize(("name", "data", "message"), BAD, ids=[message[-40:] for _, _, message in BAD])
def test_a_bad_file_is_told_with_its_place(name: str, data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)

    with pytest.raises(ImportFileError) as caught:
        import_file(path)

    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings_with_a_byte_order_mark_are_read(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "dag.json"
    path.write_bytes(DAG.encode(encoding))

    assert list(import_file(path).project.notebooks) == ["A", "B"]


def test_a_missing_file_and_a_folder_without_an_item_are_told(tmp_path: Path) -> None:
    with pytest.raises(ImportFileError, match="there is no such file"):
        import_file(tmp_path / "none.json")
    with pytest.raises(ImportFileError, match=r"name an item's folder \(X.Notebook, X.DataPipeline\)"):
        import_file(tmp_path)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "dag.json"
    with path.open("wb") as file:
        file.truncate(20_000_001)

    with pytest.raises(ImportFileError, match="has 20,000,001 bytes"):
        import_file(path)


def pipeline(*activities: dict[str, object]) -> str:
    return json.dumps({"properties": {"activities": list(activities)}})


NB = {"type": "TridentNotebook", "typeProperties": {"notebookId": "n"}}
INVALID_PIPELINES = [
    (
        [{**NB, "name": "A"}, {**NB, "name": "A"}],
        "activities[1].name: 'A' is taken by properties.activities[0]",
    ),
    ([{**NB, "name": 3}], "activities[0].name: must be a text, it is 3"),
    ([{"name": "A"}], "activities[0].type: must be a text"),
    (
        [{**NB, "name": "A", "dependsOn": [{"activity": "B"}]}],
        "'A' depends on 'B', which is no activity beside it",
    ),
    ([{**NB, "name": "A", "dependsOn": [{"activity": "A"}]}], "in a circle: A -> A"),
    ([{**NB, "name": "A", "dependsOn": {}}], "dependsOn: must be a list"),
    ([{**NB, "name": "A", "dependsOn": ["B"]}], "dependsOn[0]: must be an object with 'activity'"),
    (
        [
            {**NB, "name": "A"},
            {**NB, "name": "B", "dependsOn": [{"activity": "A", "dependencyConditions": ["Done"]}]},
        ],
        "'done' is no condition; there are Succeeded, Failed, Skipped, Completed",
    ),
    (
        [{**NB, "name": "A", "policy": {"timeout": "12 h"}}],
        "policy.timeout: must be a time such as '0.12:00:00'",
    ),
    ([{**NB, "name": "A", "policy": {"retry": -1}}], "policy.retry: must be a whole number of at least 0"),
    ([{**NB, "name": "A", "policy": 1}], "policy: must be an object"),
    ([{**NB, "name": "A", "typeProperties": []}], "typeProperties: must be an object"),
    (
        [{"name": "F", "type": "ForEach", "typeProperties": {"activities": {"x": 1}}}],
        "activities: must be a list",
    ),
    (
        [{**NB, "name": "A"}, {"name": "W", "type": "Wait", "x": "@activity('B').output"}],
        "activities[1].x: activity('B') names no activity of the pipeline",
    ),
    ([{"name": "S", "type": "Switch", "typeProperties": {"cases": 1}}], "cases: must be a list"),
]


@pytest.mark.parametrize(
    ("activities", "message"), INVALID_PIPELINES, ids=[text[-30:] for _, text in INVALID_PIPELINES]
)
def test_a_pipeline_that_does_not_fit_together_is_refused(
    activities: list[dict[str, object]], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "pipeline-content.json"
    path.write_text(pipeline(*activities))

    problems = validate_file(path)

    assert any(message in str(problem) for problem in problems), [str(problem) for problem in problems]
    with pytest.raises(InvalidDagError):
        import_file(path)


def test_a_loop_in_a_loop_in_a_loop_is_not_unrolled_without_end(tmp_path: Path) -> None:
    inner: dict[str, object] = {**NB, "name": "A"}
    for name in "XYZ":
        items = {"value": "@range(0, 1000)", "type": "Expression"}
        inner = {"name": name, "type": "ForEach", "typeProperties": {"items": items, "activities": [inner]}}
    path = tmp_path / "pipeline-content.json"
    path.write_text(pipeline(inner))

    with pytest.raises(InvalidDagError, match="with its loops unrolled it has more than 20,000 activities"):
        import_file(path)


def test_containers_are_not_nested_without_end(tmp_path: Path) -> None:
    inner: dict[str, object] = {**NB, "name": "A"}
    for number in range(30):
        inner = {"name": f"U{number}", "type": "Until", "typeProperties": {"activities": [inner]}}
    path = tmp_path / "pipeline-content.json"
    path.write_text(pipeline(inner))

    with pytest.raises(InvalidDagError, match="nested more than 20 levels deep"):
        import_file(path)


def test_thousands_of_activities_in_a_row_are_imported(tmp_path: Path) -> None:
    path = tmp_path / "dag.json"
    entries = [
        {"name": f"n{i}", "path": "nb", "dependencies": [f"n{i - 1}"] if i else []} for i in range(3000)
    ]
    path.write_text(json.dumps({"activities": entries}))

    project = import_file(path).project

    assert project.notebooks["n2999"].deps == ["n2998"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["-o", "folder", "--force"], "is a folder; name a file in it", id="folder"),
        pytest.param(["-o", "dag.json/x.yaml"], "cannot be written", id="below-a-file"),
        pytest.param(["--root", "nowhere"], "there is no folder nowhere", id="root"),
    ],
)
def test_places_that_cannot_be_used_are_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("dag.json").write_text('["A", "B"]')

    assert cli.main(["import", "dag.json", *arguments]) == 2
    assert said in capsys.readouterr().err
