"""The daily schedule: time and zone."""

import dagster as dg
import pytest

from fabric_assets import build_daily_schedule

JOB = dg.define_asset_job("load_dimensions")


def test_six_in_the_morning_utc_unless_told_otherwise() -> None:
    schedule = build_daily_schedule(JOB)

    assert (schedule.name, schedule.cron_schedule, schedule.execution_timezone) == (
        "load_dimensions_daily",
        "0 6 * * *",
        "UTC",
    )
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED


def test_time_and_zone_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABRIC_SCHEDULE_TIME", "5:30")
    monkeypatch.setenv("FABRIC_SCHEDULE_TIMEZONE", "Europe/Berlin")

    schedule = build_daily_schedule(JOB)

    assert (schedule.cron_schedule, schedule.execution_timezone) == ("30 5 * * *", "Europe/Berlin")


@pytest.mark.parametrize(
    ("time", "timezone", "message"),
    [
        ("25:00", None, "FABRIC_SCHEDULE_TIME"),
        ("6", None, "FABRIC_SCHEDULE_TIME"),
        (None, "Mars/Olympus", "FABRIC_SCHEDULE_TIMEZONE"),
        (None, "../etc/passwd", "FABRIC_SCHEDULE_TIMEZONE"),
    ],
)
def test_wrong_settings_name_the_variable(time: str | None, timezone: str | None, message: str) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=message):
        build_daily_schedule(JOB, time=time, timezone=timezone)
