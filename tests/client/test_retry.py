"""When a request may be repeated."""

from datetime import UTC, datetime

import pytest
import stamina

from fabric_assets.client.errors import (
    FabricApiError,
    FabricAuthError,
    FabricConfigError,
    FabricNotFoundError,
    FabricThrottledError,
    FabricTransportError,
)
from fabric_assets.client.retry import (
    parse_retry_after,
    wait_before_repeating_read,
    wait_before_repeating_start,
)

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("60", 60.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("inf", None),
        ("1e400", None),
        ("nan", None),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_from_seconds_and_from_a_date(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, now=NOW) == seconds


def server_error(status: int, retry_after: float | None = None) -> FabricApiError:
    return FabricApiError("x", status_code=status, retriable=True, retry_after_seconds=retry_after)


@pytest.mark.parametrize(
    ("error", "read", "start"),
    [
        pytest.param(FabricTransportError("x", may_have_arrived=False), True, True, id="never-sent"),
        pytest.param(FabricTransportError("x", may_have_arrived=True), True, False, id="lost-answer"),
        pytest.param(server_error(500), True, False, id="500"),
        pytest.param(server_error(503, 7.0), 7.0, False, id="503-with-hint"),
        pytest.param(server_error(408), True, False, id="408"),
        pytest.param(
            FabricThrottledError("x", status_code=429, retriable=True, retry_after_seconds=12.0),
            12.0,
            12.0,
            id="429",
        ),
        pytest.param(
            FabricThrottledError("x", status_code=429, retriable=True), True, True, id="429-without-hint"
        ),
        pytest.param(FabricNotFoundError("x", status_code=404), False, False, id="404"),
        pytest.param(FabricApiError("x", status_code=400), False, False, id="400"),
        pytest.param(FabricAuthError("x"), False, False, id="auth"),
        pytest.param(FabricConfigError("x"), False, False, id="config"),
        pytest.param(ValueError("x"), False, False, id="not-ours"),
    ],
)
def test_a_start_is_repeated_only_if_the_service_surely_did_not_act(
    error: Exception, read: bool | float, start: bool | float
) -> None:
    assert wait_before_repeating_read(error) == read
    assert wait_before_repeating_start(error) == start


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FabricTransportError("no answer", may_have_arrived=False), False),
        (ConnectionError("somebody else's"), True),
    ],
)
def test_only_the_retries_of_others_are_told_by_stamina(
    error: Exception, told: bool, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    tries = 0

    @stamina.retry(on=type(error), attempts=2, wait_initial=0.0, wait_jitter=0.0)
    def fails_once() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise error

    with caplog.at_level("INFO"):
        fails_once()

    said = capsys.readouterr()
    assert ("fails_once" in said.out + said.err + caplog.text) is told
