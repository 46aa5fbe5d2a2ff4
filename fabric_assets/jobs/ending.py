"""What a job instance that has ended is for whoever waits: an outcome, or an error that says what to do."""

import logging
from datetime import timedelta

from fabric_assets.client.errors import FabricError, JobInstanceFailedError
from fabric_assets.client.models import CANCELLED, COMPLETED, DEDUPED, JobDetails
from fabric_assets.jobs.job import Job, JobOutcome, Tell
from fabric_assets.jobs.job_service import JobService
from fabric_assets.jobs.observed import ObservedJobInstance

_LONGEST_END = 5_000


async def outcome_of(seen: ObservedJobInstance, service: JobService, job: Job, tell: Tell) -> JobOutcome:
    """The outcome of a job instance that has ended.

    Raises:
        JobInstanceFailedError: it did not complete.
    """
    elapsed = seen.elapsed_seconds
    if seen.details is None:
        seen.details = await _details(seen, service, tell)
    if seen.latest.status != COMPLETED:
        raise _failure(seen, service)
    links = {**(seen.details.links or {}), **service.links(seen.id)}
    if seen.link:
        links["jobInstanceUrl"] = seen.link
    ended = seen.latest
    started_at = ended.start_time or seen.started_at
    ended_at = ended.end_time or seen.started_at + timedelta(seconds=elapsed)
    return JobOutcome(
        item=service.item,
        workspace=service.workspace,
        job_instance=ended,
        parameters=job.parameters,
        exit_value=ended.exit_value if ended.exit_value is not None else seen.details.exit_value,
        started_at=started_at,
        ended_at=ended_at,
        queued_seconds=seen.queued_seconds or 0.0,
        duration_seconds=max(0.0, (ended_at - started_at).total_seconds()),
        links=links,
        details=seen.details.more or {},
    )


async def _details(seen: ObservedJobInstance, service: JobService, tell: Tell) -> JobDetails:
    """They are worth a wait, not worth failing a job instance that completed."""
    try:
        return await service.details(seen.id)
    except FabricError as error:
        tell(f"could not read exit value and links: {error}", logging.WARNING)
        return JobDetails()


def _failure(seen: ObservedJobInstance, service: JobService) -> JobInstanceFailedError:
    ended, label = seen.latest, service.label
    reason = ended.failure_reason
    what = {
        CANCELLED: f"{label} was cancelled in {service.service}",
        DEDUPED: f"{label} did not run: {service.service} skipped this job instance because another one of it "
        "was running already (Deduped). Run it again when that one has ended",
    }.get(ended.status, f"{label} failed")
    detail = f": {_bounded(reason.message)} (error code {reason.error_code})" if reason else ""
    return JobInstanceFailedError(
        f"{what} after {seen.elapsed_seconds:.0f} s{detail}; {seen.where}"
        + (f"; open {seen.link}" if seen.link else ""),
        job_instance=ended,
        url=seen.link,
        error_code=reason.error_code if reason else ended.status,
        request_id=reason.request_id if reason else None,
        # A job instance that was skipped because another one ran would load a second time.
        retriable=ended.status != DEDUPED,
        details=seen.details.more if seen.details else None,
    )


def _bounded(text: str) -> str:
    """A text of any length; of a trace, both ends tell something."""
    left_out = len(text) - 2 * _LONGEST_END
    if left_out <= 0:
        return text
    return f"{text[:_LONGEST_END]} [... {left_out} characters ...] {text[-_LONGEST_END:]}"
