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
RANGES = """
from fabric_assets.arguments import partition_end, partition_start
days = dg.DailyPartitionsDefinition("2024-01-01", end_date="2024-01-11")
assets = [
    notebook_asset(
        "Range",
        notebook="Orders",
        partitions_def=days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        arguments={"start": partition_start(), "end": partition_end()},
    ),
    notebook_asset("Each", notebook="Sales", partitions_def=days),
    notebook_asset("Once", notebook="Report", deps=["Range"]),
]
"""
TABLES = """
assets = [
    notebook_asset("Load", notebook="Orders", tables=[dg.AssetSpec("first"), dg.AssetSpec("second")]),
    notebook_asset(["gold", "S"], notebook="Sales", deps=["first"]),
    notebook_asset(["silver", "S"], notebook="Sales"),
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


@pytest.mark.parametrize(
    ("selection", "names"),
    [
        pytest.param("+Report", ["Orders", "Sales", "Report"], id="all before"),
        pytest.param("*Report", ["Orders", "Sales", "Report"], id="all before, with a star"),
        pytest.param("1+Report", ["Sales", "Report"], id="one layer before"),
        pytest.param("Orders+", ["Orders", "Sales", "Report"], id="all after"),
        pytest.param("Orders*", ["Orders", "Sales", "Report"], id="all after, with a star"),
        pytest.param("Orders+1", ["Orders", "Sales"], id="one layer after"),
        pytest.param("+Sales+", ["Orders", "Sales", "Report"], id="both ways"),
        pytest.param('1+key:"Report"', ["Sales", "Report"], id="key"),
        pytest.param("group:base or key:Rep*", ["Orders", "Report"], id="expression"),
    ],
)
def test_the_selection_has_dagsters_present_syntax(
    simulate: Simulate, place: Place, selection: str, names: list[str]
) -> None:
    fabric = simulate(notebooks=NOTEBOOKS)
    place.use(fabric)
    place.define(CHAIN)
    assert cli.main(["run", selection]) == 0
    assert sorted(started(fabric)) == sorted(names)


@pytest.mark.parametrize("selection", ["first", "+gold/S"])
def test_tables_of_one_job_instance_are_run_together(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str], selection: str
) -> None:
    fabric = simulate(notebooks=NOTEBOOKS)
    place.use(fabric)
    place.define(TABLES)
    assert cli.main(["run", selection]) == 0
    assert started(fabric)[:1] == ["Orders"]
    said = capfd.readouterr()
    assert "materialized too, by the same steps as selected assets: second\n" in said.err
    assert re.search(r" second: materialized in", said.out)


def test_a_name_without_its_folder_is_suggested(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    place.define(TABLES)
    assert cli.main(["run", "+s"]) == 2
    assert "did you mean 'gold/S' or 'silver/S'?" in capfd.readouterr().err


@pytest.mark.filterwarnings("ignore:Property `OpDefinition.version`:DeprecationWarning")
def test_a_source_is_observed(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    place.define("""
@dg.observable_source_asset
def Source():
    return dg.DataVersion("1")

assets = [Source]
""")
    assert cli.main(["run", "Source"]) == 0
    said = capfd.readouterr().out
    assert re.search(r" Source: observed in \d+ s\n", said)
    assert said.endswith("\n1 observed of 1 asset\n")


def test_one_row_is_no_plural(simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    exit_value = json.dumps({"row_count": 1})
    place.use(simulate(notebooks=NOTEBOOKS, job_instances=[{"notebook": "Orders", "exit_value": exit_value}]))
    place.define(CHAIN)
    assert cli.main(["run", "Orders"]) == 0
    assert re.search(r"materialized in \d+ s, 1 row\n", capfd.readouterr().out)


def test_the_exit_code_is_the_runs_when_its_reader_leaves(simulate: Simulate, place: Place) -> None:
    place.use(simulate(notebooks=NOTEBOOKS, job_instances=[{"notebook": "Orders", "run_seconds": 1}]))
    place.define(CHAIN)
    place.dagster_home()
    process = place.start("run", "Orders")
    assert process.stdout is not None
    assert process.stdout.readline().startswith("run ")
    process.stdout.close()
    assert process.wait(timeout=90) == 0


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
        pytest.param(["1+Salez"], "did you mean 'Sales'", id="near miss with a number"),
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
        pytest.param(["Daily", "--partition", "2030-01-01"], "there are 2, from 2024-01-01 to", id="future"),
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


def test_a_range_of_partitions_is_one_run(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    fabric = simulate(notebooks=NOTEBOOKS)
    place.use(fabric)
    place.define(RANGES)
    place.dagster_home()

    assert cli.main(["run", "Range+", "--partition", "2024-01-02...2024-01-04"]) == 0

    assert started(fabric) == ["Orders", "Report"]
    said = capfd.readouterr().out
    assert said.count("Range: running") == 1
    assert said.endswith("\n2 materialized of 2 assets\n")
    with dg.DagsterInstance.get() as instance:
        days = instance.get_materialized_partitions(dg.AssetKey("Range"))
        assert days == {"2024-01-02", "2024-01-03", "2024-01-04"}
        event = instance.get_latest_materialization_event(dg.AssetKey("Range"))
        assert event is not None
        assert event.asset_materialization is not None
        sent = event.asset_materialization.metadata["fabric/parameters"].value
    assert isinstance(sent, dict)
    assert str(sent["start"]).startswith("2024-01-02")
    assert str(sent["end"]).startswith("2024-01-04")


@pytest.mark.parametrize(
    ("asset", "partition", "what"),
    [
        pytest.param("Each", "2024-01-02...2024-01-04", "Run one partition after another", id="not at once"),
        pytest.param("Range", "2024-01-2...2024-01-04", "has no partition '2024-01-2'", id="first"),
        pytest.param("Range", "2024-01-02...2024-01-0", "did you mean '2024-01-10'", id="last"),
        pytest.param("Range", "2024-01-02...2030-01-01", "from 2024-01-01 to 2024-01-10", id="future"),
        pytest.param("Range", "2024-01-02...", "has no partition ''", id="no end"),
        pytest.param(
            "Range", "2024-01-04...2024-01-02", "write 2024-01-02...2024-01-04", id="the wrong way round"
        ),
        pytest.param("Once", "a...b", "none of the selected assets has partitions", id="no partitions"),
    ],
)
def test_wrong_ranges(
    place: Place, capfd: pytest.CaptureFixture[str], asset: str, partition: str, what: str
) -> None:
    place.define(RANGES)
    assert cli.main(["run", asset, "--partition", partition]) == 2
    assert what in capfd.readouterr().err


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
