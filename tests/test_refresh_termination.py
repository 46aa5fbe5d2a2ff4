"""What a terminated run does to refreshes: a semantic model's is cancelled, a SQL endpoint's cannot be."""

import signal
from pathlib import Path

import pytest

from fabric_assets.local import ServedFabric
from tests import test_termination
from tests.conftest import Simulate

ITEMS = [{"type": "Lakehouse", "name": "Curated"}, {"type": "SemanticModel", "name": "Sales"}]


def terminated(fabric: ServedFabric, home: Path, monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """The output of a run that is terminated while its refresh is read."""
    definitions = Path(__file__).parent / "refresh_termination_definitions.py"
    monkeypatch.setattr(test_termination, "DEFINITIONS", definitions)
    with test_termination.run_worker(fabric, home, **environment) as process:
        test_termination.wait_for(
            "read",
            lambda: any(
                part in request.path.lower()
                for request in fabric.requests
                for part in ("/operations/", "/refreshes/")
            ),
        )
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=test_termination.DEADLINE_SECONDS)
    assert process.returncode != 0
    return output


@pytest.mark.parametrize("executor", ["in_process", "one_process"])
def test_a_semantic_models_refresh_is_cancelled(
    simulate: Simulate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executor: str
) -> None:
    fabric = simulate(items=ITEMS, model_refreshes=[{"never_ends": True}])

    output = terminated(fabric, tmp_path / "dagster", monkeypatch, SELECTION="Model", EXECUTOR=executor)

    assert "asked Power BI to cancel job instance" in output, output
    assert sum(request.method == "DELETE" for request in fabric.requests) == 1
    assert fabric.token not in output


@pytest.mark.parametrize("executor", ["in_process", "one_process"])
def test_nobody_waits_for_a_sql_endpoints_refresh_any_more(
    simulate: Simulate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executor: str
) -> None:
    fabric = simulate(items=ITEMS, sql_refreshes=[{"never_ends": True}])

    output = terminated(fabric, tmp_path / "dagster", monkeypatch, SELECTION="Sql", EXECUTOR=executor)

    assert "no longer waits for the refresh of SQL endpoint 'Curated'" in output, output
