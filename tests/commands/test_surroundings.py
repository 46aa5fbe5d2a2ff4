"""What is wrong around a command is one clear line: proxies, certificates, Dagster's own files, numbers."""

import logging
from pathlib import Path

import pytest

from fabric_assets import cli
from tests.commands.conftest import Place, checks
from tests.conftest import Simulate

FAR_AWAY = {"FABRIC_WORKSPACE_ID": "Sales", "FABRIC_ACCESS_TOKEN": "token"}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        pytest.param({"ALL_PROXY": "socks5://127.0.0.1:9"}, "socksio", id="a proxy without its package"),
        pytest.param({"HTTPS_PROXY": "ftp://127.0.0.1:9"}, "ftp", id="no proxy at all"),
        pytest.param({"SSL_CERT_FILE": "/nowhere/ca.pem"}, "No such file", id="no certificates"),
    ],
)
@pytest.mark.parametrize("command", [["status"], ["doctor", "--contract"]], ids=["status", "contract"])
def test_a_connection_that_cannot_be_set_up(
    place: Place,
    capfd: pytest.CaptureFixture[str],
    variables: dict[str, str],
    words: str,
    command: list[str],
) -> None:
    place.set(**FAR_AWAY, **variables)

    assert cli.main(command) == 1

    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("fabric-assets: no connection to api.fabric.microsoft.com can be set up: ")
    assert words in line


def test_the_doctor_names_what_a_connection_is_set_up_with(
    place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.set(**FAR_AWAY, SSL_CERT_FILE="/nowhere/ca.pem")
    found = checks(capfd, exit_code=1)
    assert "SSL_CERT_FILE" in found["service"]["message"]
    assert found["credentials"]["status"] == "skipped"
    assert "has no workspace.yaml and no dg.toml; only" in found["code location"]["message"]


def test_a_broken_dagster_yaml(simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    place.use(simulate(notebooks=["Orders"]))
    place.define("assets = [notebook_asset('Orders', notebook='Orders')]")
    (place.dagster_home() / "dagster.yaml").write_text("telemetry: [\n")

    assert cli.main(["run", "Orders"]) == 2
    assert "dagster.yaml, line 2: " in capfd.readouterr().err

    assert cli.main(["status"]) == 0
    said = capfd.readouterr()
    assert said.err.startswith("assets are not told: the Dagster instance of DAGSTER_HOME cannot be opened: ")
    assert "is not set" not in said.out


def test_a_storage_that_does_not_answer(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.use(simulate(notebooks=["Orders"]))
    place.define("assets = [notebook_asset('Orders', notebook='Orders')]")
    runs = place.dagster_home() / "history" / "runs.db"
    runs.parent.mkdir()
    runs.write_text("this is no database")

    assert cli.main(["run", "Orders"]) == 1
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("fabric-assets")]
    assert "the Dagster instance of DAGSTER_HOME cannot be opened: " in line
    assert "not a database" in line


def test_dagsters_advice_on_an_empty_file_is_no_part_of_a_command(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    place.use(simulate(notebooks=["Orders"]))
    (place.dagster_home() / "dagster.yaml").unlink()
    with caplog.at_level(logging.WARNING):
        assert cli.main(["status"]) == 0
        capfd.readouterr()
        assert checks(capfd)["Dagster instance"]["status"] == "ok"
    assert [record.message for record in caplog.records if "dagster.yaml" in record.message] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "--hours", "nan"],
        ["status", "--hours", "1e300"],
        ["status", "--hours", "0"],
        ["status", "--lists", "-1"],
        ["doctor", "--contract", "--timeout", "nan"],
        ["doctor", "--contract", "--timeout", "inf"],
    ],
    ids=" ".join,
)
def test_numbers_that_are_none(place: Place, capfd: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert cli.main(arguments) == 2
    assert f"{arguments[-2]} {arguments[-1]}: it must " in capfd.readouterr().err.replace("1e+300", "1e300")


def test_run_config_for_an_asset_that_is_not_there(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    fabric = simulate(notebooks=["Orders"])
    place.use(fabric)
    place.define("assets = [notebook_asset('Orders', notebook='Orders', arguments={'full': False})]")
    Path("config.yaml").write_text("ops: {Order: {config: {full: true}}}")

    assert cli.main(["run", "Orders", "--config", "config.yaml"]) == 2

    assert "there is no asset 'Order'; did you mean 'Orders'?" in capfd.readouterr().err
    assert not fabric.started


def test_throwaway_notebooks_go_also_if_nobody_reads_the_output(simulate: Simulate, place: Place) -> None:
    fabric = simulate(job_instances=[{"run_seconds": 600}])
    place.use(fabric)
    process = place.start("doctor", "--contract", "--timeout", "60")
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("starting 5 job instances"):
            break
    process.stdout.close()  # as `head` does
    process.send_signal(2)

    assert process.wait(60) in (1, 130)

    assert len([request for request in fabric.requests if request.method == "DELETE"]) == 4


@pytest.mark.parametrize(
    ("code", "words"),
    [
        pytest.param("raise SystemExit(3)", "SystemExit: 3 (m.py, line 1)", id="it exits"),
        pytest.param("x = 1", "No Definitions", id="nothing in it"),
    ],
)
def test_a_module_that_is_no_code_location(
    place: Place, capfd: pytest.CaptureFixture[str], code: str, words: str
) -> None:
    Path("m.py").write_text(code)
    assert cli.main(["run", "X", "--module", "m.py"]) == 1
    said = capfd.readouterr().err
    assert words in said
    assert "code_location.py" not in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("load_from: [\n", "workspace.yaml, line 2: ", id="no YAML"),
        pytest.param("load_from: 3\n", "load_from must be list.\n", id="no list"),
    ],
)
def test_a_broken_workspace_yaml(
    place: Place, capfd: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    Path("workspace.yaml").write_text(text)
    assert cli.main(["run", "X"]) == 2
    assert words in capfd.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"), [("--port", "99999"), ("--port", "-1"), ("--idle-seconds", "nan")]
)
def test_the_local_fabric_takes_no_odd_numbers(
    place: Place, capfd: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["local", option, value])
    assert ended.value.code == 2
    assert f"'{value}' is no " in capfd.readouterr().err
