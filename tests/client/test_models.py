"""What Fabric answers, as records."""

from datetime import UTC, datetime

import pytest

from fabric_assets.client.models import parse_time


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        pytest.param(
            "2026-04-27T06:53:45.3979251", datetime(2026, 4, 27, 6, 53, 45, 397925, UTC), id="as recorded"
        ),
        pytest.param(
            "2026-04-27T08:53:45+02:00", datetime(2026, 4, 27, 6, 53, 45, 0, UTC), id="with an offset"
        ),
        pytest.param("0001-01-01T00:00:00", None, id="what .NET writes for no time"),
        pytest.param("0001-01-01T00:00:00+02:00", None, id="before all time"),
        pytest.param("9999-12-31T23:59:59-05:00", None, id="after all time"),
        pytest.param("soon", None, id="no time"),
        pytest.param(None, None, id="none"),
    ],
)
def test_times_are_read_and_none_of_them_breaks_a_reading(text: str | None, moment: datetime | None) -> None:
    assert parse_time(text) == moment
