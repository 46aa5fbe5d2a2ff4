"""The YAML: what a person and Dagster read in it."""

import json
import subprocess
import sys

import pytest
import yaml
from dagster.components.resolved.context import ResolutionContext
from pydantic import ValidationError

import fabric_assets.importers as importers
from fabric_assets.importers import ImportedProject, ImportReport, NotebookEntry, Project


def test_the_public_names_are_there() -> None:
    assert importers.__all__ == sorted(importers.__all__)
    assert all(getattr(importers, name) is not None for name in importers.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        importers.nothing  # noqa: B018


def test_importing_needs_no_dagster() -> None:
    code = "import sys; import fabric_assets.importers.imported; sys.exit('dagster' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


TEXTS = [
    "plain",
    "10",
    "1e3",
    "0x1F",
    "1:30",
    "2026-01-01",
    "yes",
    "null",
    "~",
    "- a",
    "a: b",
    "a #b",
    "'",
    '"',
    "\\",
    "%",
    "@activity",
    "line\nline\r\n",
    " blank ",
    "\t",
    "ä€😀",
    "\x07",
    "\x85\u2028",
    "[1]",
    "{a}",
    "!tag",
    "&a *a",
    "?",
]


@pytest.mark.parametrize("text", TEXTS, ids=repr)
def test_texts_come_back_as_they_were(text: str) -> None:
    project = Project(notebooks={text: NotebookEntry(notebook=text, deps=[text], arguments={"x": text})})

    loaded = yaml.safe_load(project.to_yaml())["attributes"]["notebooks"]

    assert loaded == {text: {"notebook": text, "deps": [text], "arguments": {"x": text}}}


@pytest.mark.parametrize(
    "text", ["{{ x }}", "a {{ b", "{% if %}", "{# c #}", 'q " \\ {{', "line\nline {{ é", "}} {{ '"]
)
def test_a_literal_that_looks_like_a_template_is_written_as_one_that_yields_it(text: str) -> None:
    project = Project(notebooks={"A": NotebookEntry(arguments={"x": text})})

    written = yaml.safe_load(project.to_yaml())["attributes"]["notebooks"]["A"]["arguments"]["x"]

    assert ResolutionContext.default().resolve_value(written) == text


def test_the_workspace_stays_a_template() -> None:
    assert yaml.safe_load(Project().to_yaml())["attributes"]["workspace"] == "{{ env.FABRIC_WORKSPACE_ID }}"


def test_the_types_of_arguments_are_kept() -> None:
    arguments = {"a": True, "b": 1, "c": 1.0, "d": "1", "e": 1e300}
    project = Project(notebooks={"A": NotebookEntry(arguments=arguments)})

    loaded = yaml.safe_load(project.to_yaml())["attributes"]["notebooks"]["A"]["arguments"]
    again = NotebookEntry(arguments=loaded).arguments

    assert [(value, type(value)) for value in again.values()] == [
        (value, type(value)) for value in arguments.values()
    ]


@pytest.mark.parametrize(
    "entry",
    [
        {"timeout_seconds": 0},
        {"retry": -1},
        {"retries": 1},
        {"arguments": {"x": [1]}},
        {"timeout_seconds": float("inf")},
    ],
    ids=str,
)
def test_what_an_entry_cannot_hold_is_refused(entry: dict) -> None:
    with pytest.raises(ValidationError):
        NotebookEntry.model_validate(entry)


def test_remarks_cannot_break_out_of_the_comment() -> None:
    report = ImportReport("dag\nattributes: {}.json")
    report.miss("A\ntype: x", "reason\r\nworkspace: y\x85z\u2028w", "here\n- a")
    result = ImportedProject(Project(), report)

    assert yaml.safe_load(result.to_yaml()) == yaml.safe_load(Project().to_yaml())
    assert all("\n" not in line or line.isprintable() for line in report.render().splitlines())


def test_the_report_is_for_a_person_and_for_programs() -> None:
    report = ImportReport("dag.json")
    report.keep("A", "notebook A")
    report.change("A", "it is otherwise", "activities[0]")
    report.change("B", "it is otherwise", "activities[1]")

    assert report.render().splitlines() == [
        "Imported dag.json",
        "",
        "Kept (1)",
        "  A: notebook A",
        "",
        "Kept in another form (2)",
        "  A, B: it is otherwise  (activities[0], activities[1])",
        "",
        "Nothing was left out.",
    ]
    assert json.loads(json.dumps(report.to_json())) == {
        "source": "dag.json",
        "kept": [{"activity": "A", "text": "notebook A", "where": ""}],
        "changed": [
            {"activity": "A", "text": "it is otherwise", "where": "activities[0]"},
            {"activity": "B", "text": "it is otherwise", "where": "activities[1]"},
        ],
        "unsupported": [],
    }
