"""Compares what job control reported with what the service has."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.soak_service import Ran, Seen

COMPLETED = "completed"
FAILED = "failed"
TIMED_OUT = "timed out"
TERMINATED = "terminated"
_STATUS = {COMPLETED: "Completed", FAILED: "Failed", TIMED_OUT: "Cancelled"}
_RUNNING = ("NotStarted", "InProgress")
_NO_ROOM = "TooManyRequestsForCapacity"


@dataclass(frozen=True)
class Reported:
    """How job control said that an attempt ended; ``problem`` if it should not have ended so."""

    how: str
    job_instance_id: str | None
    problem: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What came out.

    Attributes:
        posts: starts that were sent.
        started: job instances that came of them; ``no_room`` of these found none on the capacity.
        duplicates: job instances that ran although their attempt had one already.
        wrong: attempts that were reported otherwise than the service has them.
        orphans: job instances that are left running.
    """

    requests: int
    faulty: int
    posts: int
    started: int
    no_room: int
    reported: Mapping[str, int]
    duplicates: tuple[str, ...]
    wrong: tuple[str, ...]
    orphans: tuple[str, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """One line each; none if all was well."""
        return (*self.duplicates, *self.wrong, *self.orphans)


def compare(reported: Mapping[int, Reported], seen: Seen) -> Verdict:
    """The verdict on a soak that has ended."""
    ran: dict[int, list[Ran]] = defaultdict(list)
    for job_instance in seen.ran:
        if job_instance.error_code != _NO_ROOM:
            ran[job_instance.attempt].append(job_instance)
    return Verdict(
        requests=seen.requests,
        faulty=seen.faulty,
        posts=seen.posts,
        started=len(seen.ran),
        no_room=sum(job_instance.error_code == _NO_ROOM for job_instance in seen.ran),
        reported=Counter(report.how for report in reported.values()),
        duplicates=tuple(
            f"attempt {attempt} ran more than once: {_shown(ran[attempt])}"
            for attempt in sorted(ran)
            for _ in ran[attempt][1:]
        ),
        wrong=tuple(
            f"attempt {attempt} was reported as {report}, the service has: {_shown(ran[attempt]) or 'nothing'}"
            for attempt, report in sorted(reported.items())
            if not _is_right(report, ran[attempt])
        ),
        orphans=tuple(
            f"left running: {job_instance}" for job_instance in seen.ran if job_instance.status in _RUNNING
        ),
    )


def _is_right(report: Reported, ran: list[Ran]) -> bool:
    if report.how == TERMINATED:
        return all(job_instance.status not in _RUNNING for job_instance in ran)
    return report.problem is None and [(report.job_instance_id, _STATUS.get(report.how))] == [
        (job_instance.id, job_instance.status) for job_instance in ran
    ]


def _shown(ran: list[Ran]) -> str:
    return ", ".join(f"{job_instance.id} {job_instance.status}" for job_instance in ran)
