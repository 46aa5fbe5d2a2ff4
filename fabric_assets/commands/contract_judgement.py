"""What was seen against what is expected, one function for each group of behaviours."""

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from fabric_assets.client.models import ENDED_STATUSES, KNOWN_STATUSES, parse_time
from fabric_assets.client.retry import is_capacity_full, parse_http_date
from fabric_assets.commands.contract_findings import Findings
from fabric_assets.commands.contract_jobs import Observed
from fabric_assets.commands.contract_notebooks import EXPECTED_EXIT_VALUE
from fabric_assets.commands.contract_wire import Answer, Wire, operation_id
from fabric_assets.jobs.call_budget import QUOTA_CALLS_PER_MINUTE

UNSEEN_SECONDS = 120.0
"""How long after a start this package bears that Fabric does not know the job instance."""

_CLOCK_SECONDS = 120.0
_SESSION_STATES = {"Completed": "Succeeded", "Failed": "Failed", "Cancelled": "Cancelled"}
_SESSION_FIELDS = ("livyId", "state", "item", "jobInstanceId", "submittedDateTime", "submitter")


def judge_clock(findings: Findings, answer: Answer) -> None:
    """The service's clock against ours."""
    date = parse_http_date(answer.headers.get("Date"))
    if date is None:
        findings.add("clock", "a `Date` header", "there is none", False, relied_on=False)
        return
    seconds = (datetime.now(UTC) - date).total_seconds()
    findings.add(
        "clock",
        "a `Date` header, within two minutes of this machine's clock",
        f"this machine is {abs(seconds):.0f} s {'ahead' if seconds >= 0 else 'behind'}",
        abs(seconds) <= _CLOCK_SECONDS,
        relied_on=False,
    )


def judge_making(findings: Findings, made: Answer) -> None:
    """How an item is created."""
    name, expected = "creating a notebook", "201 with the item, or 202 with the id of an operation"
    if made.status == 202:
        same = operation_id(made) is not None
        findings.add(name, expected, f"202, operation {'with' if same else 'without'} an id", same)
    else:
        findings.add(name, expected, f"{made}", made.status == 201 and bool(made.body.get("id")))


def judge_definition(findings: Findings, first: Answer, result: Answer | str, host: str) -> None:
    """How a definition is read."""
    name = "reading a definition"
    expected = "200 with the definition, or 202 with an operation's id that /operations/{id}/result ends"
    how = f"{first}"
    if first.status == 202:
        where = re.match(r"https?://([^/:]+)", str(first.headers.get("Location", "")))
        other = f", Location on another host ({where[1]})" if where and where[1] != host else ""
        header = "with" if first.headers.get("x-ms-operation-id") else "without"
        how = f"202 {header} x-ms-operation-id{other}, Retry-After {first.headers.get('Retry-After', 'none')}"
    if isinstance(result, str):
        findings.add(name, expected, f"{how}; {result}", False)
        return
    definition = result.body.get("definition")
    parts = definition.get("parts") if isinstance(definition, Mapping) else None
    paths = [str(part.get("path")) for part in parts or () if isinstance(part, Mapping)]
    same = first.status in (200, 202) and any(path.startswith("notebook-content.") for path in paths)
    findings.add(name, expected, f"{how}; parts {', '.join(paths) or 'none'}", same)


def judge_refusals(findings: Findings, unknown_item: Answer, job_type: Answer) -> None:
    """What the service refuses, and how it says so."""
    findings.add(
        "unknown item",
        "404 ItemNotFound",
        str(unknown_item),
        unknown_item.status == 404 and unknown_item.error_code in ("ItemNotFound", "EntityNotFound"),
        relied_on=unknown_item.status != 404,
    )
    findings.add(
        "unknown job type",
        "400 InvalidJobType",
        str(job_type),
        job_type.status == 400 and job_type.error_code == "InvalidJobType",
        relied_on=job_type.status < 400,
    )
    fields = [field for field in ("errorCode", "message", "requestId") if unknown_item.body.get(field)]
    findings.add(
        "body of an error",
        "a JSON object with errorCode, message and requestId",
        f"{', '.join(sorted(unknown_item.body)) or 'no JSON object'}",
        len(fields) == 3,
        relied_on="errorCode" not in fields,
    )


def judge_parameter_name(findings: Findings, answer: Answer) -> None:
    """What becomes of a parameter that cannot be a variable of the notebook."""
    findings.add(
        "parameter that is no variable's name",
        "refused with 400 (this package never sends one)",
        f"{answer} {answer.message}",
        answer.status == 400,
        relied_on=False,
    )


def judge_start(findings: Findings, route: str, observed: Observed, *, relied_on: bool = True) -> None:
    """The answer to a start."""
    answer, name = observed.started, f"start on {route}"
    expected = "202 without a body, Location ending with the job instance's id, Retry-After"
    if answer.status != 202:
        findings.add(name, expected, f"{answer} {answer.message}", False, relied_on=relied_on)
        return
    wait = answer.headers.get("Retry-After")
    header = answer.headers.get("x-ms-job-id")
    seen = [
        "202" if not answer.length else f"202 with a body of {answer.length} bytes",
        "Location with the id" if observed.location_has_id else "Location without an id",
        f"Retry-After {wait}" if wait is not None else "no Retry-After",
        "x-ms-job-id" if header else "no x-ms-job-id",
    ]
    if not observed.location_has_id and observed.id:
        seen.append("id from x-ms-job-id" if header else "id found in the list")
    same = observed.location_has_id and wait is not None
    findings.add(name, expected, ", ".join(seen), same, relied_on=observed.id is None)


def judge_first_reads(findings: Findings, jobs: Iterable[Observed]) -> None:
    """Whether the service knows its own job instance at once."""
    name = "first reads after a start"
    expected = f"known at once, or 404 / RequestExecutionFailed for less than {UNSEEN_SECONDS:g} s"
    started = [job for job in jobs if job.id is not None]
    unseen = [(what, seconds) for job in started for what, seconds in job.unseen]
    known = [job.statuses[0][1] for job in started if job.statuses]
    if not known:
        never = bool(unseen)
        findings.add(name, expected, "never known" if never else "none was started", False if never else None)
        return
    if not unseen:
        findings.add(name, expected, f"known at the first read, {min(known):.1f} s after the start", True)
        return
    kinds = ", ".join(sorted({what for what, _ in unseen}))
    longest = max(seconds for _, seconds in unseen)
    findings.add(name, expected, f"{kinds} for {longest:.1f} s, then known", longest < UNSEEN_SECONDS)


def judge_statuses(findings: Findings, jobs: Mapping[str, Observed]) -> None:
    """The statuses of job instances, and their times."""
    seen = {label: [status for status, _ in job.statuses] for label, job in jobs.items() if job.statuses}
    name, expected = "statuses", f"only {', '.join(sorted(KNOWN_STATUSES))}; none after an end"
    if not seen:
        findings.add(name, expected, "none was read", None)
    else:
        all_statuses = {status for statuses in seen.values() for status in statuses}
        told = "; ".join(f"{label}: {' > '.join(statuses)}" for label, statuses in seen.items())
        # A status that is not known counts as still running.
        endless = any(not job.has_ended for job in jobs.values() if job.status not in KNOWN_STATUSES | {None})
        findings.add(name, expected, told, all_statuses <= KNOWN_STATUSES, relied_on=endless)
    _judge_times(findings, jobs.values())
    _judge_waits(findings, jobs.values())


def _judge_times(findings: Findings, jobs: Iterable[Observed]) -> None:
    texts = [
        str(job.body[name]) for job in jobs for name in ("startTimeUtc", "endTimeUtc") if job.body.get(name)
    ]
    name, expected = "times", "UTC, ISO 8601, without a zone or with Z, up to seven decimals"
    if not texts:
        findings.add(name, expected, "none was read", None)
        return
    unread = [text for text in texts if parse_time(text) is None]
    if unread:
        findings.add(name, expected, f"{unread[0]} cannot be read", False)
        return
    away = max(
        abs((datetime.now(UTC) - moment).total_seconds()) for text in texts if (moment := parse_time(text))
    )
    findings.add(name, expected, f"such as {texts[0]}", away < 3600)


def _judge_waits(findings: Findings, jobs: Iterable[Observed]) -> None:
    jobs = list(jobs)
    running = [wait for job in jobs for wait in job.waits]
    name, expected = "Retry-After of reads", "seconds while it runs, none at the end"
    if not running:
        findings.add(name, expected, "none was read while it ran", None, relied_on=False)
        return
    values = sorted({f"{wait:g}" for wait in running if wait is not None})
    at_end = sorted({f"{job.wait_at_end:g}" for job in jobs if job.has_ended and job.wait_at_end is not None})
    told = f"while running {', '.join(values) or 'none'}; at the end {', '.join(at_end) or 'none'}"
    findings.add(name, expected, told, bool(values) and not at_end, relied_on=False)


def judge_exit_value(
    findings: Findings,
    generic: Observed,
    other: Observed,
    details: Answer | None,
    other_details: Answer | None,
) -> None:
    """Whether parameters arrive with their types, and where the exit value is shown."""
    at_top = generic.body.get("exitValue") if generic.status == "Completed" else None
    properties = [
        answer.body.get("properties") or {} for answer in (details, other_details) if answer is not None
    ]
    on_route = [entry.get("exitValue") for entry in properties]
    for label, job, values in (
        ("the generic route", generic, [at_top, *on_route[:1]]),
        ("the notebook route", other, [other.body.get("exitValue"), *on_route[1:]]),
    ):
        name = f"parameter types on {label}"
        if job.status != "Completed":
            findings.add(name, EXPECTED_EXIT_VALUE, f"it did not complete: {job.status or job.started}", None)
            continue
        value = next((entry for entry in values if entry is not None), None)
        findings.add(name, EXPECTED_EXIT_VALUE, _shown(value), _same_value(value))
    if generic.status != "Completed":
        return
    shown = [
        where
        for where, value in (
            ("at the top of the generic read", at_top),
            ("on the notebook route", next(iter(on_route), None)),
        )
        if value is not None
    ]
    findings.add(
        "exit value",
        "at the top of the generic read and, with beta=true, on the notebook route",
        " and ".join(shown) or "nowhere",
        len(shown) == 2,
        relied_on=not shown,
    )
    if details is not None:
        links = (properties[0].get("computeDetails") or {}).get("monitoringInfo") or {}
        urls = [name for name, url in links.items() if name.endswith("Url") and url]
        findings.add(
            "links to the executed notebook",
            "monitoringInfo with executionSnapshotUrl on the notebook route",
            f"{details}: {', '.join(urls) or 'none'}",
            "executionSnapshotUrl" in urls,
            relied_on=False,
        )


def _shown(value: object) -> str:
    return "none" if value is None else str(value)[:120]


def _same_value(value: object) -> bool:
    if value == EXPECTED_EXIT_VALUE:
        return True
    try:
        return bool(json.loads(str(value)) == json.loads(EXPECTED_EXIT_VALUE))
    except ValueError:
        return False


def judge_failure(findings: Findings, job: Observed) -> None:
    """How a notebook that raises an error ends."""
    name, expected = "a notebook that fails", "Failed, with failureReason {errorCode, message}"
    if not job.has_ended:
        findings.add(name, expected, f"it did not end: {job.status or job.started}", None)
        return
    reason = job.body.get("failureReason")
    reason = reason if isinstance(reason, Mapping) else {}
    told = (
        f"{job.status}, {reason.get('errorCode') or 'no errorCode'}: {str(reason.get('message') or '')[:150]}"
    )
    same = job.status == "Failed" and bool(reason.get("errorCode"))
    findings.add(name, expected, told, same, relied_on=job.status != "Failed")


def judge_lists(
    findings: Findings,
    listed: Answer | None,
    expected_ids: set[str],
    sessions: list[Answer],
    jobs: list[Observed],
) -> None:
    """The two lists that job instances are watched and found again with."""
    name, expected = "list of an item's job instances", "has each one that was started, with its status"
    if listed is None or not expected_ids:
        findings.add(name, expected, "not read", None)
    else:
        ids = {str(entry.get("id")).lower() for entry in listed.body.get("value") or ()}
        missing = {found.lower() for found in expected_ids} - ids
        findings.add(
            name,
            expected,
            f"{listed}: {len(expected_ids) - len(missing)} of {len(expected_ids)}",
            not missing,
        )
    _judge_sessions(findings, sessions, jobs)


def _judge_sessions(findings: Findings, sessions: list[Answer], jobs: list[Observed]) -> None:
    name = "list of the workspace's sessions"
    expected = f"has a running notebook, with {', '.join(_SESSION_FIELDS)}"
    entries = [e for answer in sessions for e in answer.body.get("value") or () if isinstance(e, Mapping)]
    ours = {job.id.lower(): job for job in jobs if job.id}
    mine = [entry for entry in entries if str(entry.get("jobInstanceId")).lower() in ours]
    if not sessions or not ours:
        findings.add(name, expected, "not read", None, relied_on=False)
        return
    if not mine:
        findings.add(name, expected, f"{sessions[-1]}: none of ours", False, relied_on=False)
        return
    missing = [field for field in _SESSION_FIELDS if not mine[-1].get(field)]
    seen = f"{mine[-1].get('jobType')}, {'without ' + ', '.join(missing) if missing else 'with all of them'}"
    findings.add(name, expected, seen, not missing, relied_on="jobInstanceId" in missing)
    wrong = _contradictions(sessions[-1], ours)
    findings.add(
        "state in the list of sessions",
        "an end there is the end of the job instance",
        "; ".join(wrong) or "the same as the job instances' own",
        not wrong,
    )


def _contradictions(last: Answer, ours: Mapping[str, Observed]) -> list[str]:
    """Sessions that say another end than their job instances."""
    wrong = []
    for entry in last.body.get("value") or ():
        job = ours.get(str(entry.get("jobInstanceId")).lower())
        wanted = _SESSION_STATES.get(str(job.status)) if job is not None else None
        state = str(entry.get("state"))
        if wanted is not None and job is not None and state in _SESSION_STATES.values() and state != wanted:
            wrong.append(f"{state} where the job instance is {job.status}")
    return wrong


def judge_cancel(
    findings: Findings, job: Observed, asked: Answer | None, seconds: float | None, again: Answer | None
) -> None:
    """How a job instance is cancelled."""
    name, expected = "cancel", "202, later the status Cancelled"
    if asked is None:
        findings.add(name, expected, f"it could not be tried: {job.status or job.started}", None)
        return
    end = "endTimeUtc null" if job.body.get("endTimeUtc") is None else "with endTimeUtc"
    if job.has_ended:
        told = f"{asked}, {job.status} {seconds or 0:.1f} s later, {end}"
    else:
        told = f"{asked}, still {job.status} {seconds or 0:.1f} s later"
    findings.add(name, expected, told, asked.status == 202 and job.status == "Cancelled")
    name, expected = "cancel after the end", "400 JobAlreadyCompleted"
    if again is None:
        findings.add(name, expected, "it did not end", None)
        return
    same = again.status == 400 and again.error_code == "JobAlreadyCompleted"
    findings.add(name, expected, str(again), same, relied_on=again.error_code != "JobAlreadyCompleted")


def judge_two_at_once(findings: Findings, first: Observed, second: Observed) -> None:
    """What becomes of a second start of a notebook that runs."""
    name, expected = "the same notebook twice at once", "both run, or the second one is Deduped or refused"
    if second.started.status != 202:
        refused = 400 <= second.started.status < 500
        findings.add(name, expected, f"the second start: {second.started}", refused, relied_on=False)
    elif not (first.has_ended and second.has_ended):
        findings.add(name, expected, f"{first.status} and {second.status}", None, relied_on=False)
    else:
        seen = (
            "the second one was Deduped"
            if second.status == "Deduped"
            else f"{first.status} and {second.status}"
        )
        same = second.status in ("Completed", "Deduped") and first.status == "Completed"
        findings.add(name, expected, seen, same, relied_on=False)


def judge_ends(findings: Findings, jobs: Mapping[str, Observed]) -> None:
    """Whether a shown end has come to stay, and how late it was shown."""
    name, expected = "an end", "shown by a status that ends, for each job instance, within the time-out"
    endless = [label for label, job in jobs.items() if job.id is not None and not job.has_ended]
    if endless:
        findings.add(name, expected, f"not seen for: {', '.join(endless)}", None)
    else:
        ended = sorted({str(job.status) for job in jobs.values() if job.status in ENDED_STATUSES})
        findings.add(name, expected, ", ".join(ended) or "none was started", True if ended else None)


def judge_capacity(findings: Findings, jobs: Iterable[Observed]) -> None:
    """How a full capacity shows; it is not provoked."""
    name = "full capacity"
    expected = "Failed with TooManyRequestsForCapacity, or a start that is refused with it"
    for job in jobs:
        reason = job.body.get("failureReason") or job.started.body
        code, message = str(reason.get("errorCode") or ""), str(reason.get("message") or "")
        if is_capacity_full(code, message):
            findings.add(name, expected, f"{job.status or job.started}, {code}: {message[:150]}", True)
            return
    findings.add(name, expected, "it had room", None)


def judge_quota(findings: Findings, wire: Wire) -> None:
    """What the quota did; it is not provoked."""
    name, expected = "quota", f"{QUOTA_CALLS_PER_MINUTE} calls a minute, then 429 with Retry-After"
    if wire.throttled:
        waits = sorted({"none" if wait is None else f"{wait:g}" for wait in wire.throttled})
        told = f"429 {len(wire.throttled)} times, Retry-After {', '.join(waits)}"
        findings.add(name, expected, told, None not in wire.throttled, relied_on=False)
    else:
        findings.add(name, expected, f"not reached with {wire.calls} calls", None, relied_on=False)
