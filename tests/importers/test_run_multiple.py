"""``runMultiple`` DAGs: what ``validateDAG`` refuses, and what an import keeps."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fabric_assets.importers import ExitValueOf, InvalidDagError, import_file, validate_file
from fabric_assets.importers.run_multiple import read_dag


def activities(*entries: dict[str, Any], **root: Any) -> dict[str, Any]:
    return {"activities": [{"path": "nb", **entry} for entry in entries], **root}


A = {"name": "A"}
REFUSED = [
    pytest.param(activities(A, A), "the name 'A' is taken by activities[0] already", id="duplicate"),
    pytest.param(
        activities(A, {"name": "B", "dependencies": ["X"]}),
        "activities[1].dependencies[0]: 'B' depends on 'X', which is no activity; there are: A, B",
        id="missing-dependency",
    ),
    pytest.param(
        activities({"name": "A", "dependencies": ["B"]}, {"name": "B", "dependencies": ["A"]}),
        "in a circle: A -> B -> A",
        id="cycle",
    ),
    pytest.param(activities({"name": "A", "dependencies": ["A"]}), "A -> A", id="waits-for-itself"),
    pytest.param(
        activities({"name": "A", "dependencies": "B"}), "must be a list of names", id="text-as-list"
    ),
    pytest.param(
        activities({"name": "A", "dependencies": [1]}), "dependencies[0]: must be the name", id="number"
    ),
    pytest.param(activities({"name": 1}), "activities[0].name: must be a text, it is 1", id="name-is-number"),
    pytest.param(activities({"name": " "}), "name: must be a text", id="blank-name"),
    pytest.param({"activities": [{"path": "nb"}]}, "activities[0].name: is missing", id="no-name"),
    pytest.param({"activities": [{}]}, "has neither 'name' nor 'path'", id="empty-activity"),
    pytest.param({"activities": [7]}, "activities[0]: is 7", id="number-as-activity"),
    pytest.param({"activities": {}}, "activities: is {}; it must be a list", id="object-as-list"),
    pytest.param({"activities": []}, "is empty", id="nothing"),
    pytest.param([], "is an empty list", id="empty-list"),
    pytest.param(["A", "A"], "the name 'A' is taken by [0] already", id="list-duplicate"),
    pytest.param(["A", None], "[1]: is None; an activity is a notebook's name", id="list-null"),
    pytest.param(activities({**A, "retry": "1"}), "it is '1' (write 1 without quotes)", id="retry-text"),
    pytest.param(activities({**A, "retry": -1}), "whole number of at least 0, it is -1", id="retry-negative"),
    pytest.param(activities({**A, "retry": True}), "retry: must be a whole number", id="retry-bool"),
    pytest.param(activities({**A, "retry": 1.5}), "retry: must be a whole number", id="retry-fraction"),
    pytest.param(
        activities({**A, "timeoutPerCellInSeconds": 0}), "must be a number greater than 0", id="no-time"
    ),
    pytest.param(activities({**A, "args": ["x"]}), "args: must be a dictionary", id="args-list"),
    pytest.param(activities({**A, "workspace": 5}), "workspace: must be a text", id="workspace-number"),
    pytest.param(activities(A, concurrency="4"), "concurrency: must be a whole number", id="concurrency"),
    pytest.param(activities(A, timeoutInSeconds=-5), "timeoutInSeconds: must be a number", id="timeout"),
    pytest.param(
        activities({**A, "args": {"x": "@activity('B').exitValue()"}}),
        "activities[0].args.x: @activity('B') is no activity; there are: A",
        id="exit-value-of-nobody",
    ),
    pytest.param(
        activities({**A, "args": {"x": "a/@activity('B').exitValue()"}}),
        "@activity('B') is no activity",
        id="exit-value-of-nobody-in-a-text",
    ),
]


@pytest.mark.parametrize(("dag", "message"), REFUSED)
def test_validate_refuses_what_validate_dag_refuses(dag: Any, message: str, tmp_path: Path) -> None:
    path = tmp_path / "dag.json"
    path.write_text(json.dumps(dag))

    problems = validate_file(path)

    assert any(message in str(problem) for problem in problems), [str(problem) for problem in problems]
    with pytest.raises(InvalidDagError, match=r"dag\.json"):
        import_file(path)


def test_all_problems_are_told_at_once() -> None:
    dag = read_dag(activities({"name": "A", "retry": "x", "dependencies": ["B"]}, {"name": "A", "args": 1}))

    assert len(dag.problems) == 4


def test_unknown_fields_are_warnings_and_stop_nothing(tmp_path: Path) -> None:
    path = tmp_path / "dag.json"
    path.write_text(json.dumps(activities({**A, "timeoutPerCell": 5, "Retry": 1}, timeout=5)))

    problems = validate_file(path)

    assert {problem.severity for problem in problems} == {"warning"}
    assert [problem.where for problem in problems] == [
        "timeout",
        "activities[0].timeoutPerCell",
        "activities[0].Retry",
    ]
    assert "(is 'retry' meant?)" in problems[2].message
    assert len(import_file(path).report.unsupported) == 3


def test_a_valid_dag_has_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "dag.json"
    path.write_text(json.dumps(activities(A, {"name": "B", "dependencies": ["A"]}, concurrency=0)))

    assert validate_file(path) == []


def test_an_exit_value_adds_the_dependency_that_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "dag.json"
    path.write_text(json.dumps(activities(A, {"name": "B", "args": {"x": "@activity('A').exitValue()"}})))

    result = import_file(path)

    assert result.project.notebooks["B"].deps == ["A"]
    assert any("a dependency on A was added" in remark.text for remark in result.report.changed)


names = st.text(min_size=1, max_size=12).filter(lambda text: text.strip() == text and "/" not in text)
parameters = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
values = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20).filter(lambda text: "@activity" not in text),
)


@st.composite
def dags(draw: st.DrawFn) -> dict[str, Any]:
    keys = draw(st.lists(names, min_size=1, max_size=6, unique=True))
    entries = []
    for index, key in enumerate(keys):
        before = draw(st.lists(st.sampled_from(keys[:index]), unique=True)) if index else []
        args: dict[str, Any] = draw(st.dictionaries(parameters, values, max_size=3))
        args.pop("userootdefaultlakehouse", None)
        for name in before:
            if "'" not in name and '"' not in name and "@activity" not in name and draw(st.booleans()):
                args["given"] = f"@activity('{name}').exitValue()"
        entry = {"name": key, "path": draw(names), "args": args, "dependencies": before}
        optional = {
            "retry": st.integers(1, 5),
            "retryIntervalInSeconds": st.integers(1, 600),
            "timeoutPerCellInSeconds": st.integers(1, 9000),
            "workspace": names,
        }
        entry |= {name: draw(strategy) for name, strategy in optional.items() if draw(st.booleans())}
        entries.append(entry)
    order = draw(st.permutations(entries))
    return {
        "activities": order,
        "concurrency": draw(st.integers(0, 50)),
        "timeoutInSeconds": draw(st.integers(1, 90_000)),
    }


@settings(max_examples=60, deadline=None)
@given(dag=dags())
def test_everything_of_a_dag_is_found_again(
    dag: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("dag") / "dag.json"
    path.write_text(json.dumps(dag), encoding="utf-8")

    result = import_file(path)

    project = result.project
    assert set(project.notebooks) == {entry["name"] for entry in dag["activities"]}
    for entry in dag["activities"]:
        found = project.notebooks[entry["name"]]
        assert (found.notebook or entry["name"]) == entry["path"].strip()
        assert found.deps == entry["dependencies"]
        assert found.workspace == entry.get("workspace")
        assert (found.retry or 0) == entry.get("retry", 0)
        assert (found.retry_interval_seconds or 0) == entry.get("retryIntervalInSeconds", 0)
        assert found.timeout_per_cell_seconds == entry.get("timeoutPerCellInSeconds")
        for name, value in entry["args"].items():
            argument = found.arguments[name]
            if isinstance(argument, ExitValueOf):
                assert value == f"@activity('{argument.exit_value_of}').exitValue()"
            else:
                assert (argument, type(argument)) == (value, type(value))
    (job,) = project.jobs.values()
    assert job.max_concurrent == (dag["concurrency"] or None)
    assert job.max_runtime_seconds == dag["timeoutInSeconds"]
    assert set(job.notebooks) == set(project.notebooks)
    assert not result.report.unsupported
    loaded = yaml.safe_load(result.to_yaml())["attributes"]["notebooks"]
    assert set(loaded) == set(project.notebooks)
    for name, entry in loaded.items():
        expected = project.notebooks[name].model_dump(exclude_unset=True).get("arguments", {})
        templates = {key for key, value in expected.items() if isinstance(value, str) and "{" in value}
        assert entry.get("arguments", {}).keys() == expected.keys()
        assert all(entry["arguments"][key] == expected[key] for key in expected.keys() - templates)
