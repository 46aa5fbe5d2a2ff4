"""What a notice says, read from a run's events."""

from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from fabric_assets.notices.run_events import events, planned_assets, step_failures

LONGEST_REASON = 600

_ASSET_JOBS = ("__ASSET_JOB", "__ephemeral_asset_job__")
_PARTITION = "dagster/partition"


@dataclass(frozen=True)
class FailedAsset:
    """An asset, or an op that is none, whose step failed.

    Attributes:
        name: the asset's key; of a step with several assets, all of their keys.
        reason: Fabric's words if a job instance failed, else the error's message.
        error_code: Fabric's error code, if it gave one.
        url: the job instance's page, if there is one.
    """

    name: str
    reason: str
    error_code: str | None = None
    url: str | None = None


@dataclass(frozen=True)
class Notice:
    """One message about one run.

    Attributes:
        title: what happened, in one line.
        run_id: Dagster's id of the run.
        run_url: the run's page in Dagster's UI, if the UI's address is known.
        details: lines of text below the title.
        failed: the assets that failed, as many as are listed; empty if the run recovered.
        is_recovery: whether the run succeeded after a failure.
    """

    title: str
    run_id: str
    run_url: str | None
    details: tuple[str, ...] = ()
    failed: tuple[FailedAsset, ...] = ()
    is_recovery: bool = False


def failure_notice(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    message: str,
    *,
    max_assets: int,
    ui_url: str | None,
    label: str | None,
) -> Notice:
    """The notice of a failed run.

    Args:
        instance: where the run's events are.
        run: the run.
        message: what Dagster says of the failure; told if no step failed.
        max_assets: how many failed assets are listed.
        ui_url: address of Dagster's UI.
        label: put before the title.
    """
    planned = planned_assets(instance, run)
    failures = step_failures(instance, run)
    failed = [_failed_asset(event, planned) for event in failures]
    failed_keys = {key for event in failures for key in planned.get(event.step_key or "", ())}
    loaded_keys = {
        event.asset_key for event in events(instance, run, dg.DagsterEventType.ASSET_MATERIALIZATION)
    }
    all_keys = {key for keys in planned.values() for key in keys}
    unreached = all_keys - failed_keys - loaded_keys
    title = f"{name_of(run, planned)} failed"
    if failed_keys and len(all_keys) > 1:
        title += f": {len(failed_keys)} of {len(all_keys)} assets"
    details = []
    if len(failed) > max_assets:
        details.append(f"and {len(failed) - max_assets} more")
    if not failed:
        details.append(_shortened(message))
    if unreached:
        assets = "1 more asset was" if len(unreached) == 1 else f"{len(unreached)} more assets were"
        details.append(f"{assets} not loaded: what comes after a failure, or what the run did not come to.")
    if "dagster/backfill" in run.tags:
        details.append("More failures of this backfill are not told; its page in Dagster shows them.")
    return _notice(run, title, ui_url, label, tuple(details), tuple(failed[:max_assets]))


def recovery_notice(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    failures: int,
    since: datetime,
    *,
    ui_url: str | None,
    label: str | None,
) -> Notice:
    """The notice of the first good run after ``failures`` failed ones, the first of which ended at ``since``."""
    runs = "1 failed run" if failures == 1 else f"{failures} failed runs"
    detail = f"After {runs} since {since.astimezone(UTC):%Y-%m-%d %H:%M} UTC."
    title = f"{name_of(run, planned_assets(instance, run))} succeeded again"
    return _notice(run, title, ui_url, label, (detail,), (), is_recovery=True)


def name_of(run: dg.DagsterRun, planned: dict[str, list[dg.AssetKey]]) -> str:
    """The job's name, or the assets' if they were selected by hand; with the partition."""
    name = run.job_name
    if name in _ASSET_JOBS:
        known = [key for keys in planned.values() for key in keys] or sorted(run.asset_selection or ())
        keys = [key.to_user_string() for key in known]
        name = (
            ", ".join(keys[:3]) + (f" and {len(keys) - 3} more" if len(keys) > 3 else "") or "a run of assets"
        )
    return f"{name} ({run.tags[_PARTITION]})" if _PARTITION in run.tags else name


def _failed_asset(event: dg.DagsterEvent, planned: dict[str, list[dg.AssetKey]]) -> FailedAsset:
    keys = [key.to_user_string() for key in planned.get(event.step_key or "", ())]
    name = ", ".join(keys) or event.step_key or "a step"
    told = event.step_failure_data.user_failure_data
    if told is None:
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        return FailedAsset(name, _shortened(error.message if error else event.message or ""))
    code, url = (
        value.value if value is not None else None
        for value in map(told.metadata.get, ("fabric/error_code", "fabric/job_instance_url"))
    )
    return FailedAsset(
        name,
        _shortened(told.description or told.label),
        error_code=str(code) if code else None,
        url=str(url) if url else None,
    )


def _notice(
    run: dg.DagsterRun,
    title: str,
    ui_url: str | None,
    label: str | None,
    details: tuple[str, ...],
    failed: tuple[FailedAsset, ...],
    *,
    is_recovery: bool = False,
) -> Notice:
    return Notice(
        title=f"[{label}] {title}" if label else title,
        run_id=run.run_id,
        run_url=f"{ui_url.rstrip('/')}/runs/{run.run_id}" if ui_url else None,
        details=details,
        failed=failed,
        is_recovery=is_recovery,
    )


def _shortened(text: str) -> str:
    text = text.strip()
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 3] + "..."
