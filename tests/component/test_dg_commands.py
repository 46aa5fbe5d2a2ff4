"""Dagster's own commands know the component: each is run as a user runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fabric_assets.local import serve_in_thread
from tests.component.places import shop, write_notebook, write_project

GOOD = """\
    type: fabric_assets.FabricWorkspaceComponent
    attributes:
      workspace: "{{ env.FABRIC_WORKSPACE_ID }}"
      source: ./workspace
      include: ["Load_*"]
    requirements:
      env: [FABRIC_WORKSPACE_ID]
"""


def dg(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("dg")), *arguments]
    home = root / "dagster_home"
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "PYTHONPATH": str(root),
        "COLUMNS": "200",
        "NO_COLOR": "1",
    }
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, timeout=200, check=False
    )


def test_it_is_listed_with_its_summary(tmp_path: Path) -> None:
    write_project(tmp_path, GOOD)
    listed = dg(tmp_path, "list", "components", "--package", "fabric_assets")

    assert "fabric_assets.FabricWorkspaceComponent" in listed.stdout, listed.stderr
    assert "The notebooks of a Fabric workspace as assets" in " ".join(
        listed.stdout.replace("│", " ").split()
    )


def test_what_is_scaffolded_is_valid(tmp_path: Path) -> None:
    write_project(tmp_path, GOOD)
    made = dg(tmp_path, "scaffold", "defs", "fabric_assets.FabricWorkspaceComponent", "other")
    assert made.returncode == 0, made.stdout + made.stderr
    assert "source: live" in (tmp_path / "shop_project" / "defs" / "other" / "defs.yaml").read_text()

    checked = dg(tmp_path, "check", "yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_what_is_wrong_in_the_yaml_is_found_with_file_line_and_key(tmp_path: Path) -> None:
    place = write_project(tmp_path, GOOD.replace('include: ["Load_*"]', "defaults: {retry: -1, retires: 3}"))
    checked = dg(tmp_path, "check", "yaml")

    assert checked.returncode == 1
    found = checked.stdout + checked.stderr
    assert f"{place / 'defs.yaml'}:5" in found
    assert "defaults" in found
    assert "retires" in found


@pytest.mark.parametrize("broken", [False, True], ids=["good", "broken"])
def test_the_definitions_are_checked(tmp_path: Path, broken: bool) -> None:
    place = write_project(tmp_path, GOOD.replace("Load_*", "Laod_*") if broken else GOOD)
    shop(place / "workspace")
    write_notebook(place / "workspace", "Load_Latin")
    (place / "workspace" / "Load_Latin.Notebook" / "notebook-content.py").write_bytes("é".encode("latin-1"))
    checked = dg(tmp_path, "check", "defs")

    found = checked.stdout + checked.stderr
    assert (checked.returncode != 0) is broken, found
    if broken:
        assert "defs.yaml:5, attributes.include.0" in found
    else:
        assert found.count("notebook Load_Latin is broken") == 1


def test_a_live_workspace_is_read_by_a_refresh_and_by_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_project(tmp_path, "type: fabric_assets.FabricWorkspaceComponent\nattributes: {source: live}\n")
    shop(tmp_path / "fabric" / "workspaces" / "Local")
    with serve_in_thread(tmp_path / "fabric") as fabric:
        monkeypatch.setenv("FABRIC_API_URL", fabric.url)
        monkeypatch.setenv("FABRIC_WORKSPACE_ID", fabric.workspace_id)
        monkeypatch.setenv("FABRIC_ACCESS_TOKEN", fabric.token)
        refreshed = dg(tmp_path, "utils", "refresh-defs-state")
        assert refreshed.returncode == 0, refreshed.stdout + refreshed.stderr

    # The service is gone.
    listed = dg(tmp_path, "list", "defs")
    assert listed.returncode == 0, listed.stdout + listed.stderr
    assert {"DimDate", "DimStore", "FactSales", "Run_All"} <= set(listed.stdout.replace("│", " ").split())
