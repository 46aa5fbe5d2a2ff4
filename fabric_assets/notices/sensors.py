"""Dagster's run status sensors that send the notices."""

import os
import time
from collections.abc import Sequence
from typing import Any

import dagster as dg
import stamina

from fabric_assets.notices import history
from fabric_assets.notices.channels import NoticeChannel, NoticeError
from fabric_assets.notices.notice import Notice, failure_notice, recovery_notice
from fabric_assets.notices.settings import LABEL_VARIABLE, UI_URL_VARIABLE, channels_from_environment

_ATTEMPTS = 3
_QUIET_SECONDS = 60.0


def build_notice_sensors(
    channels: Sequence[NoticeChannel] | None = None,
    *,
    jobs: Sequence[Any] | None = None,
    monitor_all_code_locations: bool = False,
    ui_url: str | None = None,
    label: str | None = None,
    max_assets: int = 5,
    recovery: bool = True,
    name: str = "notices",
    minimum_interval_seconds: int = 30,
    default_status: dg.DefaultSensorStatus = dg.DefaultSensorStatus.RUNNING,
) -> list[dg.SensorDefinition]:
    """Sensors that tell of failed runs, with Fabric's reason, and of the first good run after them.

    One message for a run, however many assets failed. No message for runs that somebody terminated, for runs that
    Dagster will retry, and for the second and further failed runs of one backfill.

    Args:
        channels: where notices go; ``None``: what the variables ``FABRIC_NOTICES_...`` configure. Without any there are
            no sensors.
        jobs: only runs of these jobs, in the forms that ``dagster.run_failure_sensor`` takes; ``None``: all of the code
            location.
        monitor_all_code_locations: runs of all code locations of the Dagster instance.
        ui_url: address of Dagster's UI, for links; ``None``: ``FABRIC_NOTICES_UI_URL``, else no links to runs.
        label: put before each title, such as ``"prod"``; ``None``: ``FABRIC_NOTICES_LABEL``.
        max_assets: how many failed assets a notice lists.
        recovery: whether to tell when all that failed in a run has succeeded since.
        name: the sensors are called ``<name>_failure`` and ``<name>_recovery``.
        minimum_interval_seconds: time between two ticks.
        default_status: configured notices are on by themselves; switch them off in the UI.

    Raises:
        dagster.DagsterInvalidDefinitionError: a channel is configured by half or wrongly, or a package is missing.
    """
    receivers = list(channels_from_environment() if channels is None else channels)
    if not receivers:
        return []
    if max_assets < 1:
        raise dg.DagsterInvalidDefinitionError(f"notices: max_assets must be at least 1, it is {max_assets}")
    ui = ui_url or os.environ.get(UI_URL_VARIABLE) or None
    prefix = label or os.environ.get(LABEL_VARIABLE) or None
    post = _Post(receivers)
    names = ", ".join(channel.name for channel in receivers)
    options: dict[str, Any] = {
        "minimum_interval_seconds": minimum_interval_seconds,
        "monitored_jobs": list(jobs) if jobs else None,
        "monitor_all_code_locations": monitor_all_code_locations,
        "default_status": default_status,
    }

    @dg.run_failure_sensor(name=f"{name}_failure", description=f"Tells of failed runs: {names}.", **options)
    def failure_sensor(context: dg.RunFailureSensorContext) -> None:
        run = context.dagster_run
        if silence := history.reason_for_silence(context.instance, run):
            context.log.info(f"no notice of run {run.run_id}: {silence}")
            return
        message = context.failure_event.message or "The run failed."
        post.send(
            failure_notice(context.instance, run, message, max_assets=max_assets, ui_url=ui, label=prefix)
        )

    @dg.run_status_sensor(
        name=f"{name}_recovery",
        run_status=dg.DagsterRunStatus.SUCCESS,
        description=f"Tells of the first good run after a failed one: {names}.",
        **options,
    )
    def recovery_sensor(context: dg.RunStatusSensorContext) -> None:
        run = context.dagster_run
        if before := history.failures_before(context.instance, run):
            post.send(recovery_notice(context.instance, run, *before, ui_url=ui, label=prefix))

    return [failure_sensor, recovery_sensor] if recovery else [failure_sensor]


class _Post:
    """Sends to every channel, whatever becomes of the others."""

    def __init__(self, channels: Sequence[NoticeChannel]) -> None:
        self._channels = channels
        self._failed_at: dict[int, float] = {}

    def send(self, notice: Notice) -> None:
        problems = []
        for number, channel in enumerate(self._channels):
            try:
                self._send(number, channel, notice)
            except NoticeError as error:
                self._failed_at[number] = time.monotonic()
                problems.append(str(error))
        if problems:
            raise NoticeError(
                f"{notice.title!r} of run {notice.run_id} was not delivered: {'; '.join(problems)}",
                retriable=False,
            )

    def _send(self, number: int, channel: NoticeChannel, notice: Notice) -> None:
        # Dagster ends a tick after 60 s and repeats it: a channel that is down must not use them up.
        failed_lately = time.monotonic() - self._failed_at.get(number, -_QUIET_SECONDS) < _QUIET_SECONDS
        for attempt in stamina.retry_context(
            on=lambda error: isinstance(error, NoticeError) and error.retriable,
            attempts=1 if failed_lately else _ATTEMPTS,
            timeout=None,
            wait_initial=1.0,
            wait_max=3.0,
            wait_jitter=0.0,
        ):
            with attempt:
                channel.send(notice)
