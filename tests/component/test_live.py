"""``source: live``: a workspace that is read over the API, from the local Fabric, and kept as state."""

import asyncio
import json
from pathlib import Path

import dagster as dg
import pytest
from dagster.components.core.component_tree import ComponentTree

from fabric_assets import FabricWorkspaceComponent
from fabric_assets.local import ServedFabric, serve_in_thread
from fabric_assets.notebook_lineage import cache_folder
from tests.component.places import DG_TOML, LAKEHOUSE_ID, order, shop, specs
from tests.conftest import Simulate


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dg project without components."""
    root = tmp_path / "project"
    (root / "live_project" / "defs").mkdir(parents=True)
    (root / "dg.toml").write_text(DG_TOML.format(name="live_project"))
    (root / "live_project" / "__init__.py").write_text("")
    (root / "live_project" / "defs" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(root))
    return root


def connect(monkeypatch: pytest.MonkeyPatch, fabric: ServedFabric) -> None:
    monkeypatch.setenv("FABRIC_API_URL", fabric.url)
    monkeypatch.setenv("FABRIC_WORKSPACE_ID", fabric.workspace_id)
    monkeypatch.setenv("FABRIC_ACCESS_TOKEN", fabric.token)


def state_of(component: FabricWorkspaceComponent, tmp_path: Path) -> Path:
    """What a refresh writes."""
    path = tmp_path / "state"
    component.write_state_to_path(path)
    return path


def load(component: FabricWorkspaceComponent, state: Path | None) -> dg.Definitions:
    made = component.build_defs_from_state(ComponentTree.for_test().load_context, state)
    dg.Definitions.validate_loadable(made)
    return made


def live(**attributes: object) -> FabricWorkspaceComponent:
    return FabricWorkspaceComponent.from_attributes_dict(
        attributes={"workspace": "{{ env.FABRIC_WORKSPACE_ID }}", "source": "live", **attributes}
    )


def test_a_live_workspace_gives_the_same_graph_as_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "fabric"
    workspace = shop(home / "workspaces" / "Local")
    with serve_in_thread(home) as fabric:
        connect(monkeypatch, fabric)
        state = state_of(live(), tmp_path)
    folder = FabricWorkspaceComponent.from_attributes_dict(attributes={"source": str(workspace)})

    # The service is gone: loading makes no request.
    assert order(load(live(), state)) == order(load(folder, None))
    assert json.loads(state.read_text())["cache"]
    assert LAKEHOUSE_ID not in str(specs(load(live(), state)))


def test_the_state_brings_the_results_of_the_analysis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fabric_assets.lineage import notebook

    home = tmp_path / "fabric"
    shop(home / "workspaces" / "Local")
    with serve_in_thread(home) as fabric:
        connect(monkeypatch, fabric)
        state = state_of(live(), tmp_path)

    def refuse(*_: object) -> None:
        raise AssertionError("analyzed again")

    assert not cache_folder().exists()
    monkeypatch.setattr(notebook, "analyze_notebook", refuse)
    assert "FactSales" in order(load(live(), state))


def test_without_state_there_are_no_assets_and_a_word_how_to_get_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert order(load(live(), None)) == {}
    assert "dg utils refresh-defs-state --defs-state-key 'FabricWorkspaceComponent[local]'" in caplog.text


def test_a_state_of_another_version_is_no_state(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = tmp_path / "state"
    for text in ("{}", "nonsense", '{"version": 99}'):
        state.write_text(text)
        assert order(load(live(), state)) == {}
    assert "of no use" in caplog.text


def test_a_notebook_that_cannot_be_read_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shop(tmp_path / "fabric" / "workspaces" / "Local")
    refused = {"errorCode": "InsufficientPrivileges", "message": "not yours"}
    faults = [{"method": "POST", "path": "*/getDefinition", "times": 1, "status": 403, "body": refused}]
    with serve_in_thread(tmp_path / "fabric", script={"faults": faults}) as fabric:
        connect(monkeypatch, fabric)
        state = json.loads(state_of(live(), tmp_path).read_text())

    assert (len(state["notebooks"]), len(state["failures"])) == (3, 1)
    assert "could not be read" in caplog.text
    caplog.clear()
    load(live(), tmp_path / "state")
    (told,) = [record.getMessage() for record in caplog.records if "is no asset:" in record.getMessage()]
    assert "not yours" in told


def test_a_refresh_by_dagster_keeps_the_state_in_the_project(
    project: Path, simulate: Simulate, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, simulate(with_sample=True))

    asyncio.run(live().refresh_state(project))

    (kept,) = (project / "live_project" / "defs" / ".local_defs_state").rglob("state")
    assert {"DimCalendar", "DimCustomer", "DimEmployee"} <= set(order(load(live(), kept)))
