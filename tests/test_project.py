"""The project's files agree with each other, and the public names are there."""

import importlib.metadata
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import fabric_assets

ROOT = Path(__file__).parent.parent


def test_workspace_yaml_and_dg_toml_name_the_same_code_location() -> None:
    (entry,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    project = tomllib.loads((ROOT / "dg.toml").read_text())["project"]

    assert entry["python_module"]["module_name"] == project["code_location_target_module"]
    assert entry["python_module"]["location_name"] == project["code_location_name"]


def test_dagster_dev_follows_workspace_yaml() -> None:
    # With either table in pyproject.toml, `dagster dev` ignores workspace.yaml in silence.
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]

    assert not {"dg", "dagster"} & set(tools)


@pytest.mark.parametrize("name", fabric_assets.__all__)
def test_every_public_name_can_be_imported_and_is_documented(name: str) -> None:
    value = getattr(fabric_assets, name)

    assert value.__name__ == name
    assert value.__doc__


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        fabric_assets.nothing  # noqa: B018 -- the access is the test


def test_public_names_are_sorted() -> None:
    assert list(fabric_assets.__all__) == sorted(fabric_assets.__all__)


def test_the_local_fabric_does_not_pay_for_dagster() -> None:
    program = (
        "import sys, fabric_assets.local; sys.exit('dagster' in sys.modules or 'starlette' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_console_script_is_installed() -> None:
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="fabric-assets")

    assert callable(script.load())
