"""What importers write is what the component builds: every entry, its order, its job and its settings."""

from pathlib import Path

import pytest
import yaml

from fabric_assets.asset_names import NameRules
from fabric_assets.importers import ExitValueOf, Project, import_file
from tests.component.places import definitions, members, order, specs
from tests.importers.expected import DATA, inputs


def asset_names(project: Project) -> dict[str, str]:
    """The asset of each entry."""
    rules = NameRules()
    return {key: entry.name or "/".join(rules.key(key)) for key, entry in project.notebooks.items()}


@pytest.mark.parametrize("source", inputs(), ids=lambda path: path.as_posix())
def test_the_yaml_builds_the_graph_that_was_imported(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DATA)
    imported = import_file(source.as_posix())
    document = yaml.safe_load(imported.to_yaml())

    made = definitions(**document["attributes"])

    names = asset_names(imported.project)
    assert set(specs(made)) == set(names.values())
    assert order(made) == {
        names[key]: {names[before] for before in entry.deps}
        for key, entry in imported.project.notebooks.items()
    }
    assert members(made) == {
        job: {names[key] for key in entry.notebooks} for job, entry in imported.project.jobs.items()
    }
    for key, entry in imported.project.notebooks.items():
        metadata = specs(made)[names[key]].metadata
        assert metadata["fabric/notebook"] == (entry.notebook or key)
        assert metadata.get("fabric/timeout_per_cell_seconds") == entry.timeout_per_cell_seconds
        for value in entry.arguments.values():
            if isinstance(value, ExitValueOf):
                assert value.exit_value_of in imported.project.notebooks
