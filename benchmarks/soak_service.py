"""What the service of the soak saw, and what became of every job instance."""

from dataclasses import dataclass

from benchmarks.local_service import LocalService


@dataclass(frozen=True)
class Ran:
    """A job instance as the service has it.

    Attributes:
        attempt: the number that the attempt passed to the notebook.
        error_code: of its failure reason.
    """

    id: str
    attempt: int
    status: str
    error_code: str | None


@dataclass(frozen=True)
class Seen:
    """What the service saw. ``faulty`` of its answers were."""

    requests: int
    faulty: int
    posts: int
    ran: tuple[Ran, ...]


def seen(service: LocalService) -> Seen:
    """What it saw, from its log and its state, past all faults."""
    log, records = service.log(), service.job_instances()
    return Seen(
        requests=len(log["requests"]),
        faulty=sum(request["fault"] for request in log["requests"]),
        posts=sum(request["path"].endswith("jobType=RunNotebook") for request in log["requests"]),
        ran=tuple(
            Ran(
                started["id"],
                started["parameters"]["attempt"],
                records[started["id"]]["status"],
                (records[started["id"]]["failure_reason"] or {}).get("errorCode"),
            )
            for started in log["jobInstances"]
        ),
    )
