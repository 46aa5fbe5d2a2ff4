"""The token goes to the configured host, whatever an answer names, and a refused token is renewed."""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import closing

import dagster as dg
import pytest

from fabric_assets.client.errors import JobInstanceLostError
from fabric_assets.local import ServedFabric
from fabric_assets.local.script import Fault
from tests.conftest import Simulate
from tests.faults.harness import (
    NOTEBOOK,
    READ,
    START,
    Said,
    load,
    materialize,
    run_job,
    running,
    starts,
    statuses,
    wait_for,
)


def materialized(fabric: ServedFabric) -> dg.ExecuteInProcessResult:
    with dg.DagsterInstance.ephemeral() as instance:
        return materialize(load(), fabric, instance)


class Foreigner:
    """A host that nobody configured. It counts who comes."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.host = f"127.0.0.1:{listener.getsockname()[1]}"
        self.visits = 0

    def count(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.visits += 1
            connection.close()


@pytest.fixture
def foreigner() -> Iterator[Foreigner]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        host = Foreigner(listener)
        thread = threading.Thread(target=host.count, daemon=True)
        thread.start()
        yield host
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_foreign_location_of_a_start_is_read_for_its_id_only(
    simulate: Simulate, foreigner: Foreigner
) -> None:
    fabric = simulate(notebooks=[NOTEBOOK], service={"location": "foreign", "foreign_host": foreigner.host})

    assert materialized(fabric).success
    assert (foreigner.visits, len(starts(fabric))) == (0, 1)


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize("path", [START, READ], ids=["start", "read"])
def test_a_redirect_is_not_followed(simulate: Simulate, foreigner: Foreigner, path: str, status: int) -> None:
    fabric = simulate(notebooks=[NOTEBOOK])
    headers = {"Location": f"http://{foreigner.host}/v1/anything"}
    fabric.add_fault(Fault(path=path, status=status, headers=headers, times=None))

    result = materialized(fabric)

    assert not result.success
    assert foreigner.visits == 0
    assert len(starts(fabric)) == 1


def test_the_next_page_is_asked_for_at_the_configured_host(simulate: Simulate, foreigner: Foreigner) -> None:
    fabric = simulate(notebooks=[NOTEBOOK])
    page = {
        "value": [],
        "continuationToken": "no token of ours",
        "continuationUri": f"http://{foreigner.host}/v1",
    }
    fabric.add_fault(Fault(method="GET", path="*/items", status=200, body=page))

    assert not materialized(fabric).success
    assert foreigner.visits == 0


class RenewedToken:
    """A token that can be renewed as often as the service refuses it."""

    def __init__(self, fabric: ServedFabric) -> None:
        self._fabric = fabric
        self.tokens = [fabric.token]

    async def get_token(self, *, refused: str | None = None) -> str:
        if refused == self.tokens[-1]:
            self.tokens.append(self._fabric.new_token())
        return self.tokens[-1]


def test_a_token_that_expires_in_the_middle_is_renewed(
    simulate: Simulate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fabric = simulate(
        notebooks=[NOTEBOOK], job_instances=[{"run_seconds": 1.5}], service={"token_seconds": 0.7}
    )
    renewed = RenewedToken(fabric)
    said = Said()

    outcome = asyncio.run(run_job(fabric, tokens=renewed, said=said))

    assert outcome.job_instance.id == fabric.started[0].id
    assert len(renewed.tokens) > 1
    assert (len(starts(fabric)), statuses(fabric)) == (1, ["Completed"])
    assert [token for token in renewed.tokens if token in str(said) + caplog.text] == []


def test_a_renewed_token_that_is_refused_too_is_a_clear_failure(simulate: Simulate) -> None:
    fabric = simulate(notebooks=[NOTEBOOK], job_instances=[{"never_ends": True}])
    refusal = {"errorCode": "InvalidToken", "message": "no"}
    fabric.add_fault(Fault(method="GET", path=READ, skip=1, status=401, body=refusal, times=None))
    renewed = RenewedToken(fabric)

    with pytest.raises(JobInstanceLostError, match="Fabric refused a fresh token too") as caught:
        asyncio.run(run_job(fabric, tokens=renewed))

    assert f"job instance {fabric.started[0].id}" in str(caught.value)
    assert len(renewed.tokens) == 2
    assert [token for token in renewed.tokens if token in str(caught.value)] == []
    wait_for("running", lambda: running(fabric) == 1)
