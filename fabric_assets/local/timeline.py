"""When something that a script or a quick look decided at its start begins and ends: a function of the time alone."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

NEVER_NS = 2**62
"""Later than everything."""

Phase = Literal["queued", "running", "cancelling", "cancelled", "ended"]


@dataclass(frozen=True)
class Timeline:
    """Times in nanoseconds since 1970.

    Attributes:
        accepted_ns: when the request came.
        begins_ns: when the work begins.
        ends_ns: when it ends, if nobody cancels it.
        cancel_asked_ns: when a cancel came.
        cancelled_ns: when the cancel takes effect.
    """

    accepted_ns: int
    begins_ns: int
    ends_ns: int
    cancel_asked_ns: int = NEVER_NS
    cancelled_ns: int = NEVER_NS

    @classmethod
    def from_now(cls, now_ns: int, queued_seconds: float, run_seconds: float | None) -> "Timeline":
        """One that is accepted now; ``run_seconds`` of ``None``: it never ends."""
        begins_ns = now_ns + round(queued_seconds * 1e9)
        ends_ns = NEVER_NS if run_seconds is None else begins_ns + round(run_seconds * 1e9)
        return cls(now_ns, begins_ns, ends_ns)

    def cancel(self, now_ns: int, cancel_seconds: float) -> "Timeline":
        """Itself after a cancel; a second one changes nothing."""
        if self.cancel_asked_ns < NEVER_NS:
            return self
        return replace(self, cancel_asked_ns=now_ns, cancelled_ns=now_ns + round(cancel_seconds * 1e9))

    @property
    def stops_ns(self) -> int:
        """When it ends or is cancelled, whichever comes first."""
        return min(self.ends_ns, self.cancelled_ns)

    def phase(self, now_ns: int) -> Phase:
        """What it is doing at a time."""
        if now_ns >= self.stops_ns:
            return "ended" if self.ends_ns <= self.cancelled_ns else "cancelled"
        if now_ns >= self.cancel_asked_ns:
            return "cancelling"
        return "running" if now_ns >= self.begins_ns else "queued"

    def is_over(self, now_ns: int) -> bool:
        """Whether it ended or was cancelled by then."""
        return now_ns >= self.stops_ns

    def to_json(self) -> dict[str, Any]:
        """For the state file; ``Timeline(**...)`` reads it."""
        return asdict(self)
