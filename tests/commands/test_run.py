"""``fabric-assets run``: what is selected, what is shown, how it ends."""

import json
import re
import signal

import dagster as dg
import httpx
import pytest
import yaml

from fabric_assets import cli
from fabric_assets.local import ServedFabric
from tests.commands.conftest import Place, wait_for
from tests.conftest import Simulate

CHAIN = """
assets = [
    notebook_asset("Orders", notebook="Orders", group_name="base"),
    notebook_asset("Sales", notebook="Sales", deps=["Orders"], arguments={"year": 2024, "full": False}, retry=0),
    notebook_asset("Report", notebook="Report", deps=["Sales"]),
]
"""
DAYS = """
days = dg.StaticPartitionsDefinition(["2024-01-01", "2024-01-02"])
assets = [
    notebook_asset("Daily", notebook="Orders", partitions_def=days),
    notebook_asset("Once", notebook="Sales"),
    notebook_asset("Others", notebook="Report", partitions_def=dg.StaticPartitionsDefinition(["a"])),
]
"""
NOTEBOOKS = ["Orders", "Sales", "Report"]


def statuses(fabric: ServedFabric) -> list[str]:
    with httpx.Client(base_url=fabric.url, headers={"Authorization": f"Bearer {fabric.token}"}) as api:
        path = f"/workspaces/{fabric.workspace_id}/items"
        return [api.get(f"{path}/{s.item_id}/jobs/instances/{s.id}").json()["status"] for s in fabric.started]


def started(fabric: ServedFabric) -> list[str]:
    return [entry.item_name for entry in fabric.started]


def test_assets_are_run_and_told_in_lines(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    entry = {"notebook": "Sales", "exit_value": json.dumps({"row_count": 1234})}
    fabric = simulate(notebooks=NOTEBOOKS, job_instances=[entry])
    place.use(fabric)
    place.define(CHAIN)

    assert cli.main(["run", "+Sales"]) == 0

    said = capfd.readouterr()
    assert started(fabric) == ["Orders", "Sales"]
    assert f"started job instance {fabric.started[0].id}" in said.out
    assert re.search(r" Sales: materialized in \d+ s, 1,234 rows\n", said.out)
    assert said.out.endswith("\n2 materialized of 2 assets\n")
    assert said.err == "DAGSTER_HOME is not set: the history of this run is forgotten at its end\n"
    assert [path.name for path in place.root.iterdir() if path.name.startswith(".tmp_dagster")] == []


def test_several_selections_are_united(simulate: Simulate, place: Place) -> None:
    fabric = simulate(notebooks=NOTEBOOKS)
    place.use(fabric)
    place.define(CHAIN)
    assert cli.main(["run", "Report", "group:base"]) == 0
    assert sorted(started(fabric)) == ["Orders", "Report"]


def test_history_is_kept_in_the_dagster_instance(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.use(simulate(notebooks=NOTEBOOKS))
    place.define(CHAIN)
    place.dagster_home()

    assert cli.main(["run", "Orders"]) == 0

    assert capfd.readouterr().err == ""
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.SUCCESS
        assert instance.get_latest_materialization_event(dg.AssetKey("Orders")) is not None


def test_a_failure_is_told_with_fabrics_reason(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    reason = {"errorCode": "Boom", "message": "no such table"}
    fabric = simulate(
        notebooks=NOTEBOOKS,
        job_instances=[{"notebook": "Sales", "status": "Failed", "failure_reason": reason}],
    )
    place.use(fabric)
    place.define(CHAIN)

    assert cli.main(["run", "*"]) == 1

    said = capfd.readouterr().out
    assert re.search(r"\nSales: notebook 'Sales' failed after \d+ s: no such table \(error code Boom\)", said)
    assert fabric.started[1].id in said
    assert said.endswith("\n1 materialized, 1 failed, 1 not run of 3 assets\n")
    assert "Traceback" not in said


def test_a_retry_is_told(simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    place.use(
        simulate(notebooks=NOTEBOOKS, job_instances=[{"notebook": "Orders", "nth": 1, "status": "Failed"}])
    )
    place.define("assets = [notebook_asset('Orders', notebook='Orders', retry=1, retry_interval_seconds=0)]")
    assert cli.main(["run", "Orders"]) == 0
    said = capfd.readouterr().out
    assert "Orders: warning: retries" in said
    assert said.endswith("\n1 materialized of 1 asset\n")


@pytest.mark.parametrize("executor", ["dg.in_process_executor", "dg.multiprocess_executor"])
def test_other_executors_show_the_same(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str], executor: str
) -> None:
    fabric = simulate(notebooks=NOTEBOOKS)
    place.use(fabric)
    place.define(CHAIN, executor=executor)
    assert cli.main(["run", "Orders"]) == 0
    said = capfd.readouterr().out
    assert f"Orders: job instance {fabric.started[0].id} is Completed" in said
    assert said.endswith("\n1 materialized of 1 asset\n")


def test_arguments_are_set(simulate: Simulate, place: Place) -> None:
    place.use(simulate(notebooks=NOTEBOOKS))
    place.define(CHAIN)
    place.dagster_home()
    config = {"ops": {"Sales": {"config": {"year": 1999, "full": True}}}}
    (place.root / "config.yaml").write_text(yaml.safe_dump(config))

    assert cli.main(["run", "Sales", "--config", "config.yaml", "--set", "Sales.year=2025"]) == 0

    with dg.DagsterInstance.get() as instance:
        event = instance.get_latest_materialization_event(dg.AssetKey("Sales"))
        assert event is not None
        assert event.asset_materialization is not None
        sent = event.asset_materialization.metadata["fabric/parameters"].value
    assert sent == {"year": 2025, "full": True}


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        pytest.param(["Order"], "selects no asset; did you mean 'Orders'?", id="near miss"),
        pytest.param(["+Salez"], "did you mean 'Sales'", id="near miss with a sign"),
        pytest.param(["group:bass"], "did you mean 'base'?", id="group"),
        pytest.param(["xyz"], "Orders, Report, Sales", id="nothing like it"),
        pytest.param(["Orders and"], "is no asset selection", id="syntax"),
        pytest.param(
            ["Orders", "--partition", "x"], "none of the selected assets has partitions", id="no partitions"
        ),
        pytest.param(["Orders", "--config", "no.yaml"], "--config no.yaml", id="no file"),
        pytest.param(["Orders", "--config", "list.yaml"], "run config begins with names", id="list"),
        pytest.param(
            ["Sales", "--config", "odd.yaml"], 'Received unexpected config entry "nope"', id="config"
        ),
        pytest.param(["Sales", "--set", "year=1"], "write Asset.parameter=value", id="no asset"),
        pytest.param(["Sales", "--set", "Orders.year=1"], "'Orders' is not among", id="not selected"),
        pytest.param(["Sales", "--set", "Sales.yaer=1"], "did you mean 'year'?", id="parameter"),
        pytest.param(["Sales", "--set", "Sales.year=x"], "must be a whole number", id="number"),
        pytest.param(["Sales", "--set", "Sales.full=x"], "must be true or false", id="bool"),
        pytest.param(
            ["Orders", "--set", "Orders.x=1"], "takes no 'x' from the run config", id="no arguments"
        ),
        pytest.param(["Orders", "--module", "no.py"], "there is no such file", id="no module"),
    ],
)
def test_wrong_arguments_start_nothing(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str], arguments: list[str], what: str
) -> None:
    fabric = simulate(notebooks=NOTEBOOKS)
    place.use(fabric)
    place.define(CHAIN)
    (place.root / "list.yaml").write_text("- 1\n")
    (place.root / "odd.yaml").write_text("ops: {Sales: {config: {nope: 1}}}\n")
    assert cli.main(["run", *arguments]) == 2
    assert what in capfd.readouterr().err
    assert fabric.started == ()


def test_a_partition(simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    fabric = simulate(notebooks=NOTEBOOKS)
    place.use(fabric)
    place.define(DAYS)
    place.dagster_home()
    assert cli.main(["run", "Daily", "--partition", "2024-01-02"]) == 0
    with dg.DagsterInstance.get() as instance:
        assert instance.get_materialized_partitions(dg.AssetKey("Daily")) == {"2024-01-02"}
    capfd.readouterr()


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        pytest.param(["Daily"], "--partition KEY, such as 2024-01-01, 2024-01-02", id="none given"),
        pytest.param(["Daily", "--partition", "2024-01-03"], "did you mean '2024-01-0", id="near miss"),
        pytest.param(
            ["Daily", "--partition", "zzz"], "there are 2, from 2024-01-01 to 2024-01-02", id="unknown"
        ),
        pytest.param(["Daily", "Others", "--partition", "a"], "different partitions", id="different"),
    ],
)
def test_wrong_partitions(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str], arguments: list[str], what: str
) -> None:
    fabric = simulate(notebooks=NOTEBOOKS)
    place.use(fabric)
    place.define(DAYS)
    assert cli.main(["run", *arguments]) == 2
    assert what in capfd.readouterr().err
    assert fabric.started == ()


def test_a_code_location_that_fails(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    place.define("assets = []\n1 / 0")
    assert cli.main(["run", "Orders"]) == 1
    assert "ZeroDivisionError: division by zero" in capfd.readouterr().err


# A display that never looks: the run itself must see the signal.
SLOW_DISPLAY = "import fabric_assets.commands.running_execution as r; r._LOOK_SECONDS = 60"


@pytest.mark.parametrize(
    ("number", "before"),
    [(signal.SIGINT, "pass"), (signal.SIGTERM, "pass"), (signal.SIGINT, SLOW_DISPLAY)],
    ids=["SIGINT", "SIGTERM", "slow display"],
)
def test_an_interruption_cancels_what_runs(
    simulate: Simulate, place: Place, number: signal.Signals, before: str
) -> None:
    fabric = simulate(notebooks=NOTEBOOKS, job_instances=[{"never_ends": True}])
    place.use(fabric)
    place.define("assets = [notebook_asset(n, notebook=n) for n in ('Orders', 'Sales')]")
    place.dagster_home()
    process = place.start("run", "*", before=before)
    wait_for("running", lambda: len(fabric.started) == 2 and statuses(fabric) == ["InProgress"] * 2)

    process.send_signal(number)
    said, _ = process.communicate(timeout=90)

    assert process.returncode == 130, said
    assert "interrupted: cancelling what runs in Fabric ..." in said
    assert said.endswith("2 cancelled of 2 assets\ninterrupted; 2 job instances were cancelled in Fabric\n")
    assert "Traceback" not in said
    assert statuses(fabric) == ["Cancelled"] * 2
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.CANCELED
