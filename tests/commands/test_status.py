"""``fabric-assets status``: the job instances of a workspace, and who started them."""

import json
import signal
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from fabric_assets import cli
from fabric_assets.local import ServedFabric
from tests.commands.conftest import Place
from tests.conftest import Simulate

JOBS = [{"notebook": "Slow", "never_ends": True}, {"notebook": "Bad", "status": "Failed"}]


def start(fabric: ServedFabric, *names: str) -> None:
    with httpx.Client(base_url=fabric.url, headers={"Authorization": f"Bearer {fabric.token}"}) as api:
        workspace = f"/workspaces/{fabric.workspace_id}"
        ids = {item["displayName"]: item["id"] for item in api.get(f"{workspace}/items").json()["value"]}
        for name in names:
            path = f"{workspace}/items/{ids[name]}/jobs/instances"
            assert api.post(path, params={"jobType": "RunNotebook"}).status_code == 202


def status(capfd: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert cli.main(["status", "--json", *arguments]) == 0
    shown: dict[str, Any] = json.loads(capfd.readouterr().out)
    return shown


def test_running_ones_come_first(simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    fabric = simulate(notebooks=["Slow", "Bad", "Good"], job_instances=JOBS)
    place.use(fabric)
    start(fabric, "Slow", "Bad", "Good")

    shown = status(capfd)

    rows = shown["job_instances"]
    assert [(row["item"], row["status"]) for row in rows] == [
        ("Slow", "InProgress"),
        ("Good", "Completed"),
        ("Bad", "Failed"),
    ]
    assert {row["job_instance_id"] for row in rows} == {entry.id for entry in fabric.started}
    assert {row["invoke_type"] for row in rows} == {"Manual"}
    assert all(row["submitter"].startswith("User ") for row in rows)
    assert rows[2]["failure_reason"] == "JobInstanceStatusFailed: Job instance failed without detail error"
    assert (rows[0]["ended"], rows[0]["asset"]) == (None, None)
    assert (shown["items"], shown["lists_read"], shown["missing"]) == (3, 3, [])


def test_the_asset_that_started_it_is_told(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    fabric = simulate(notebooks=["Good", "Other"])
    place.use(fabric)
    place.define("assets = [notebook_asset(['base', 'Good'], notebook='Good')]")
    place.dagster_home()
    assert cli.main(["run", "base/Good"]) == 0
    run = capfd.readouterr().out.split()[1]
    start(fabric, "Other")

    rows = {row["item"]: row for row in status(capfd)["job_instances"]}

    assert (rows["Good"]["asset"], rows["Good"]["run_id"]) == ("base/Good", run)
    assert rows["Other"]["asset"] is None
    assert cli.main(["status"]) == 0
    assert f"base/Good (run {run})" in capfd.readouterr().out


def test_one_notebook(simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    fabric = simulate(notebooks=["Slow", "Bad"], job_instances=JOBS)
    place.use(fabric)
    start(fabric, "Slow", "Bad", "Bad")

    assert [row["item"] for row in status(capfd, "--notebook", "bad")["job_instances"]] == ["Bad", "Bad"]
    assert cli.main(["status", "--notebook", "Bat"]) == 1
    assert "Nearest: 'Bad'" in capfd.readouterr().err


def test_few_calls_show_all_sessions(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    fabric = simulate(notebooks=30)
    place.use(fabric)
    start(fabric, *(f"Notebook_{number:04}" for number in range(1, 31)))
    before = len(fabric.requests)

    shown = status(capfd, "--lists", "0")

    assert len(shown["job_instances"]) == 30
    assert (shown["items"], shown["lists_read"]) == (30, 0)
    assert len(fabric.requests) - before <= 3
    assert cli.main(["status", "--lists", "4"]) == 0
    assert "of 30 items, the own lists of 4 were read (--lists)" in capfd.readouterr().out


def test_without_the_list_of_sessions(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    body = {"errorCode": "InsufficientPrivileges", "message": "no"}
    fabric = simulate(
        notebooks=["Bad"], faults=[{"path": "*/livySessions*", "status": 403, "body": body, "times": None}]
    )
    place.use(fabric)
    start(fabric, "Bad")
    shown = status(capfd)
    assert [row["item"] for row in shown["job_instances"]] == ["Bad"]
    assert "InsufficientPrivileges" in shown["missing"][0]


def test_nothing_can_be_read(simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    fabric = simulate(notebooks=["Bad"])
    place.use(fabric)
    place.set(FABRIC_ACCESS_TOKEN="wrong")
    assert cli.main(["status"]) == 1
    assert "refuses the access token" in capfd.readouterr().err


def test_an_empty_workspace(simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    place.use(simulate())
    assert cli.main(["status"]) == 0
    assert capfd.readouterr().out == "Local: 0 running, 0 ended in the last 24 hours\n"


@pytest.mark.parametrize("arguments", [["--hours", "0"], ["--lists", "-1"], ["--watch", "--json"]])
def test_wrong_arguments(place: Place, capfd: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert cli.main(["status", *arguments]) == 2
    assert capfd.readouterr().err.startswith("fabric-assets: ")


def test_watching_tells_changes_until_it_is_interrupted(simulate: Simulate, place: Place) -> None:
    fabric = simulate(notebooks=["Slow"], job_instances=JOBS)
    place.use(fabric)
    start(fabric, "Slow")
    process = place.start("status", "--watch")
    timer = threading.Timer(90, process.kill)
    timer.start()
    assert process.stdout is not None
    assert "InProgress" in process.stdout.readline()
    with httpx.Client(base_url=fabric.url, headers={"Authorization": f"Bearer {fabric.token}"}) as api:
        (entry,) = fabric.started
        path = f"/workspaces/{fabric.workspace_id}/items/{entry.item_id}/jobs/instances/{entry.id}/cancel"
        assert api.post(path).status_code == 202
    assert "Cancelled" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    timer.cancel()
    assert (process.returncode, rest) == (0, "")
    assert Path.cwd() == place.root
