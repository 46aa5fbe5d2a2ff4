"""A daily schedule whose time and zone come from the environment."""

import os
import re
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import dagster as dg

TIME_VARIABLE = "FABRIC_SCHEDULE_TIME"
TIMEZONE_VARIABLE = "FABRIC_SCHEDULE_TIMEZONE"


def build_daily_schedule(
    job: Any,
    *,
    time: str | None = None,
    timezone: str | None = None,
    default_status: dg.DefaultScheduleStatus = dg.DefaultScheduleStatus.STOPPED,
) -> dg.ScheduleDefinition:
    """A schedule that launches ``job`` once a day.

    Args:
        job: the job, as ``define_asset_job`` or ``@job`` give it.
        time: hour and minute, such as ``"05:30"``; ``None``: ``FABRIC_SCHEDULE_TIME``, else 06:00.
        timezone: IANA name, such as ``"Europe/Berlin"``; ``None``: ``FABRIC_SCHEDULE_TIMEZONE``, else UTC.
        default_status: whether it runs without being switched on.

    Raises:
        dagster.DagsterInvalidDefinitionError: no such time or zone; names the variable.
    """
    at = time or os.environ.get(TIME_VARIABLE) or "06:00"
    match = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", at)
    if match is None:
        raise dg.DagsterInvalidDefinitionError(
            f"schedule of {job.name}: {at!r} is no time of day; set `time` or {TIME_VARIABLE} to one such as 05:30"
        )
    zone = timezone or os.environ.get(TIMEZONE_VARIABLE) or "UTC"
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise dg.DagsterInvalidDefinitionError(
            f"schedule of {job.name}: {zone!r} is no time zone; set `timezone` or {TIMEZONE_VARIABLE} to an IANA name "
            "such as Europe/Berlin"
        ) from error
    return dg.ScheduleDefinition(
        name=f"{job.name}_daily",
        job=job,
        cron_schedule=f"{int(match[2])} {int(match[1])} * * *",
        execution_timezone=zone,
        default_status=default_status,
    )
