"""``fabric-assets doctor --contract``: what the service does as expected, what not, and nothing stays behind."""

import json
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from fabric_assets import cli
from fabric_assets.commands.contract_notebooks import EXPECTED_EXIT_VALUE, PREFIX
from fabric_assets.local import ServedFabric
from tests.commands.conftest import Place, wait_for
from tests.conftest import Simulate

JOBS: list[dict[str, Any]] = [
    {"notebook": "*_fails", "run_seconds": 0.3, "status": "Failed"},
    {"notebook": "*_cancel", "never_ends": True},
    {"notebook": "*", "run_seconds": 0.8, "exit_value": EXPECTED_EXIT_VALUE},
]
NOT_PROVOKED = {"quota", "full capacity"}


def contract(
    capfd: pytest.CaptureFixture[str], *arguments: str, exit_code: int = 0
) -> dict[str, dict[str, Any]]:
    """The behaviours by their names."""
    assert cli.main(["doctor", "--contract", "--json", *arguments]) == exit_code
    shown = json.loads(capfd.readouterr().out)
    assert shown["calls"] < 190
    return {behaviour["name"]: behaviour for behaviour in shown["behaviours"]}


def notebooks(fabric: ServedFabric) -> list[str]:
    with httpx.Client(base_url=fabric.url, headers={"Authorization": f"Bearer {fabric.token}"}) as api:
        answer = api.get(f"/workspaces/{fabric.workspace_id}/items", params={"type": "Notebook"})
        return [item["displayName"] for item in answer.json()["value"]]


def result(found: dict[str, dict[str, Any]], wanted: str) -> set[str]:
    return {name for name, behaviour in found.items() if behaviour["result"] == wanted}


def test_the_local_fabric_keeps_the_contract(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    from fabric_assets.local.process import stop

    try:
        found = contract(capfd)
    finally:
        stop(Path(".fabric_local"))

    assert result(found, "could not be told") == NOT_PROVOKED
    assert result(found, "differs") == set()
    assert len(found) >= 28
    assert not list(Path(".fabric_local/workspaces/Local").glob(f"{PREFIX}*"))


def test_a_simulation_that_keeps_the_contract(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    fabric = simulate(job_instances=JOBS)
    place.use(fabric)

    found = contract(capfd)

    assert result(found, "differs") == set()
    assert result(found, "could not be told") == NOT_PROVOKED
    assert found["the same notebook twice at once"]["seen"] == "Completed and Completed"
    assert notebooks(fabric) == []


def cancelled_late(status: int, code: str) -> dict[str, Any]:
    body = {"errorCode": code, "message": "no", "requestId": "r-1"}
    return {"method": "POST", "path": "*/cancel*", "skip": 1, "status": status, "body": body, "times": None}


@pytest.mark.parametrize(
    ("script", "differing", "relied_on"),
    [
        pytest.param(
            {"service": {"location": "collection"}},
            "start on the generic route (jobType in the query)",
            False,
            id="location",
        ),
        pytest.param(
            {"service": {"exit_value_at_top": False}}, "exit value", False, id="exit value not at top"
        ),
        pytest.param(
            {"job_instances": [*JOBS[:2], {"run_seconds": 0.5, "exit_value": '["str grün", "str 7"]'}]},
            "parameter types on the generic route",
            True,
            id="types",
        ),
        pytest.param(
            {
                "job_instances": [
                    *JOBS[:2],
                    {
                        "run_seconds": 1.5,
                        "exit_value": EXPECTED_EXIT_VALUE,
                        "statuses": [{"status": "Suspended"}],
                    },
                ]
            },
            "statuses",
            False,
            id="another status",
        ),
        pytest.param(
            {"job_instances": [{"notebook": "*_fails", "status": "Deduped"}, *JOBS[1:]]},
            "a notebook that fails",
            True,
            id="failure shown otherwise",
        ),
        pytest.param(
            {"faults": [cancelled_late(409, "Conflict")]}, "cancel after the end", True, id="late cancel"
        ),
        pytest.param(
            {"faults": [{"method": "POST", "path": "*NoSuchJobType*", "status": 202, "times": None}]},
            "unknown job type",
            True,
            id="job type taken",
        ),
        pytest.param(
            {
                "faults": [
                    {
                        "method": "GET",
                        "path": "*/items/????????-*",
                        "status": 404,
                        "body": "<html>",
                        "times": 1,
                    }
                ]
            },
            "body of an error",
            True,
            id="error without a code",
        ),
        pytest.param(
            {"faults": [{"path": "*/livySessions*", "status": 200, "body": {"value": []}, "times": None}]},
            "list of the workspace's sessions",
            False,
            id="no sessions",
        ),
        pytest.param(
            {"faults": [{"method": "DELETE", "path": "*", "status": 204, "acted": True, "times": 1}]},
            "removing a notebook",
            False,
            id="other success",
        ),
    ],
)
def test_a_difference_is_found(
    simulate: Simulate,
    place: Place,
    capfd: pytest.CaptureFixture[str],
    script: dict[str, Any],
    differing: str,
    relied_on: bool,
) -> None:
    fabric = simulate(**{"job_instances": JOBS, **script})
    place.use(fabric)

    found = contract(capfd, exit_code=int(relied_on))

    assert found[differing]["result"] == "differs", found[differing]
    assert found[differing]["relied_on"] is relied_on
    assert notebooks(fabric) == []


@pytest.mark.parametrize(
    ("service", "name", "seen"),
    [
        pytest.param(
            {"unseen_seconds": 0.7}, "first reads after a start", "404 EntityNotFound for", id="404"
        ),
        pytest.param(
            {"unseen_seconds": 0.7, "unseen_as": "RequestExecutionFailed"},
            "first reads after a start",
            "RequestExecutionFailed for",
            id="unseen",
        ),
        pytest.param(
            {"long_running": True},
            "reading a definition",
            "202 with x-ms-operation-id",
            id="long-running operations",
        ),
        pytest.param({"end_time_on_cancel": False}, "cancel", "endTimeUtc null", id="no end time"),
        pytest.param(
            {"x_ms_job_id": True}, "start on the notebook route", "Retry-After 60, x-ms-job-id", id="job id"
        ),
    ],
)
def test_what_may_be_one_way_or_the_other_is_told(
    simulate: Simulate,
    place: Place,
    capfd: pytest.CaptureFixture[str],
    service: dict[str, Any],
    name: str,
    seen: str,
) -> None:
    fabric = simulate(job_instances=JOBS, service=service)
    place.use(fabric)

    found = contract(capfd)

    assert found[name]["result"] == "same"
    assert seen in found[name]["seen"]
    assert notebooks(fabric) == []


def test_a_full_capacity_is_told_and_leaves_the_rest_open(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.use(simulate(job_instances=JOBS, capacity=1))
    found = contract(capfd)
    assert found["full capacity"]["result"] == "same"
    assert "TooManyRequestsForCapacity" in found["full capacity"]["seen"]
    assert found["parameter types on the notebook route"]["result"] == "could not be told"


def test_what_does_not_end_in_time_could_not_be_told(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    fabric = simulate(job_instances=[{"never_ends": True}])
    place.use(fabric)
    found = contract(capfd, "--timeout", "2")
    assert {"an end", "a notebook that fails", "parameter types on the generic route"} <= result(
        found, "could not be told"
    )
    assert notebooks(fabric) == []


def test_what_a_service_that_breaks_leaves_is_removed(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    fabric = simulate(
        faults=[{"method": "POST", "path": "*/notebooks*", "skip": 1, "drop": "after", "times": 1}]
    )
    place.use(fabric)

    assert cli.main(["doctor", "--contract"]) == 1

    said = capfd.readouterr()
    assert "the check ends here" in said.err
    assert "same: clock" in said.out
    assert notebooks(fabric) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_an_interrupted_check_made_is_removed(
    simulate: Simulate, place: Place, number: signal.Signals
) -> None:
    fabric = simulate(job_instances=[{"never_ends": True}])
    place.use(fabric)
    process = place.start("doctor", "--contract")
    wait_for("started", lambda: len(fabric.started) == 5)
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert notebooks(fabric) == []


def test_what_earlier_checks_left(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    def name(age: timedelta) -> str:
        return f"{PREFIX}{datetime.now(UTC) - age:%Y%m%dT%H%M%SZ}_abcd_twice"

    old, new = name(timedelta(hours=2)), name(timedelta(minutes=1))
    fabric = simulate(job_instances=JOBS)
    place.use(fabric)
    with httpx.Client(base_url=fabric.url, headers={"Authorization": f"Bearer {fabric.token}"}) as api:
        for made in (old, new):
            body = {"displayName": made}
            assert api.post(f"/workspaces/{fabric.workspace_id}/notebooks", json=body).status_code == 201

    assert cli.main(["doctor", "--contract"]) == 0
    said = capfd.readouterr().err
    assert f"left 1 throwaway notebooks: {old}" in said
    assert f"another check may be using them: {new}" in said
    assert sorted(notebooks(fabric)) == sorted([old, new])

    assert cli.main(["doctor", "--contract", "--remove-leftovers"]) == 0
    assert notebooks(fabric) == [new]


def test_a_workspace_that_is_not_there(
    simulate: Simulate, place: Place, capfd: pytest.CaptureFixture[str]
) -> None:
    place.use(simulate())
    assert cli.main(["doctor", "--contract", "--workspace", "Locale"]) == 1
    assert "Nearest: 'Local'" in capfd.readouterr().err
