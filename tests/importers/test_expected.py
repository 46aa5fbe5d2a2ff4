"""Data files in the styles that people write, each with what it becomes beside it (``expected.py`` writes them)."""

from pathlib import Path

import dagster as dg
import pytest
import yaml

from fabric_assets.component import FabricWorkspaceComponent
from fabric_assets.importers import Project, import_file
from tests.importers.expected import DATA, expectation, imported, inputs

SOURCES = [pytest.param(source, id=source.as_posix()) for source in inputs()]


@pytest.mark.parametrize("source", SOURCES)
def test_a_file_becomes_what_stands_beside_it(source: Path) -> None:
    assert imported(source) == expectation(source).read_text("utf-8")


@pytest.mark.parametrize("source", SOURCES)
def test_the_yaml_is_data_that_the_model_takes_back(source: Path) -> None:
    result = import_file(DATA / source)

    loaded = yaml.safe_load(result.to_yaml())

    assert loaded["type"] == "fabric_assets.FabricWorkspaceComponent"
    again = Project.model_validate(loaded["attributes"])
    assert set(again.notebooks) == set(result.project.notebooks)
    assert again.jobs == result.project.jobs


@pytest.mark.parametrize("source", SOURCES)
def test_names_in_the_project_fit_together(source: Path) -> None:
    project = import_file(DATA / source).project

    keys = set(project.notebooks)
    for key, entry in project.notebooks.items():
        assert keys.issuperset(entry.deps)
        assert key not in entry.deps
    assets = [entry.name or key for key, entry in project.notebooks.items()]
    assert len(assets) == len(set(assets))
    for job in project.jobs.values():
        assert keys.issuperset(job.notebooks)


def test_there_are_enough_of_them() -> None:
    assert len(SOURCES) >= 15


@pytest.mark.parametrize("source", SOURCES)
def test_the_component_makes_the_assets_and_the_job_of_it(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FABRIC_WORKSPACE_ID", "Sales")
    result = import_file(DATA / source)
    attributes = yaml.safe_load(result.to_yaml())["attributes"]

    defs = dg.build_defs_for_component(FabricWorkspaceComponent.from_attributes_dict(attributes=attributes))

    assets = {spec.key: spec for spec in defs.resolve_all_asset_specs()}
    assert len(assets) == len(result.project.notebooks)
    assert sum(len(list(spec.deps)) for spec in assets.values()) >= sum(
        len(entry.deps) for entry in result.project.notebooks.values()
    )
    for name, job in result.project.jobs.items():
        selected = defs.resolve_job_def(name).asset_layer.executable_asset_keys
        assert len(selected) == len(job.notebooks)
